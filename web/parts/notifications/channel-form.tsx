import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { ChannelView } from '../../../src/contract/notification-channels.ts'
import { api } from '../../api.ts'
import type { BodyOf } from '../../call.ts'
import { type Key, t } from '../../messages/index.ts'
import { Select, Switch } from '../../ui/controls.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { Field, Form, type FormProblem } from '../../ui/field.tsx'
import { toast } from '../../ui/toast.tsx'

type Kind = ChannelView['kind']
type Props = { channel: ChannelView | null; onClose: () => void }

/** An input of a kind of channel. `isSecret`: never shown again; `isOptional`: may be empty, and be cleared. */
type Input = {
  name: string
  label: Key
  hint?: Key
  type?: 'url' | 'number' | 'password' | 'email'
  isSecret?: boolean
  isOptional?: boolean
  start?: string
}

const url: Input = { name: 'url', label: 'channel.url', type: 'url', isSecret: true }

const inputs: Record<Kind, readonly Input[]> = {
  ntfy: [
    { name: 'server', label: 'channel.server', type: 'url', start: 'https://ntfy.sh' },
    { name: 'topic', label: 'channel.topic' },
    { name: 'token', label: 'channel.token', type: 'password', isSecret: true, isOptional: true },
  ],
  slack: [url],
  discord: [url],
  telegram: [
    { name: 'token', label: 'channel.botToken', type: 'password', isSecret: true },
    { name: 'chatId', label: 'channel.chatId', hint: 'channel.chatHint' },
    { name: 'server', label: 'channel.server', type: 'url', start: 'https://api.telegram.org' },
  ],
  email: [
    { name: 'host', label: 'channel.host' },
    { name: 'port', label: 'channel.port', type: 'number', start: '587' },
    { name: 'user', label: 'channel.user', isOptional: true },
    { name: 'password', label: 'channel.password', type: 'password', isSecret: true, isOptional: true },
    { name: 'from', label: 'channel.from', type: 'email' },
    { name: 'to', label: 'channel.to', hint: 'channel.toHint' },
  ],
  webhook: [
    url,
    {
      ...{ name: 'secret', label: 'channel.secret', hint: 'channel.secretHint' },
      ...{ type: 'password', isSecret: true, isOptional: true },
    },
  ],
}
const channelKinds = Object.keys(inputs) as Kind[]

/** Makes a channel, or changes one: what is secret is typed anew or stays. */
export function ChannelForm({ channel, onClose }: Props) {
  const client = useQueryClient()
  const [kind, setKind] = useState<Kind>(channel?.kind ?? 'ntfy')
  const [security, setSecurity] = useState(channel?.kind === 'email' ? channel.security : 'starttls')
  const [isActive, setActive] = useState(channel?.isActive ?? true)
  const [showEmails, setShowEmails] = useState(channel?.showEmails ?? false)
  const [allowPrivateAddress, setAllowPrivate] = useState(channel?.allowPrivateAddress ?? false)
  const save = useMutation({
    mutationFn: (values: Record<string, string>) => {
      const mail = kind === 'email' ? { security } : {}
      const body = { ...bodyOf(kind, values, channel !== null), ...mail, isActive, showEmails, allowPrivateAddress }
      // Which fields there are is in the table of inputs; the server names those that do not fit.
      return channel === null
        ? api.addChannel({ kind, ...body } as BodyOf<'POST /api/notification-channels'>)
        : api.changeChannel(channel.id, body)
    },
    onSuccess() {
      toast(t('channels.saved'))
      onClose()
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['channels'] }),
  })
  const error = save.error as FormProblem | null
  return (
    <Dialog
      isDrawer
      title={channel === null ? t('channels.new') : t('channels.edit', { name: channel.name })}
      onClose={onClose}
    >
      <Form
        label={t('channels.new')}
        submit={t('action.save')}
        error={error}
        isBusy={save.isPending}
        onSubmit={save.mutate}
      >
        {channel === null && (
          <Select
            label={t('channel.kind')}
            value={kind}
            options={channelKinds.map((value) => ({ value, label: t(`channel.${value}`) }))}
            onChange={(value) => setKind(value as Kind)}
          />
        )}
        <Field name="name" label={t('channel.name')} maxLength={80} defaultValue={channel?.name ?? ''} error={error} />
        {inputs[kind].map((input) => (
          <ChannelInput key={`${kind}.${input.name}`} input={input} channel={channel} error={error} />
        ))}
        {kind === 'email' && (
          <Select
            label={t('channel.security')}
            value={security}
            options={[
              { value: 'starttls', label: t('channel.starttls') },
              { value: 'tls', label: t('channel.tls') },
              { value: 'none', label: t('channel.securityNone') },
            ]}
            onChange={(value) => setSecurity(value as typeof security)}
          />
        )}
        <Switch label={t('channel.active')} what={t('channel.activeWhat')} isOn={isActive} onChange={setActive} />
        <Switch
          label={t('channel.showEmails')}
          what={t('channel.showEmailsWhat')}
          isOn={showEmails}
          onChange={setShowEmails}
        />
        <Switch
          label={t('channel.allowPrivate')}
          what={t('channel.allowPrivateWhat')}
          isOn={allowPrivateAddress}
          onChange={setAllowPrivate}
        />
      </Form>
    </Dialog>
  )
}

function ChannelInput({
  input,
  channel,
  error,
}: {
  input: Input
  channel: ChannelView | null
  error: FormProblem | null
}) {
  const { name, label, hint, type = 'text', isSecret = false, isOptional = false, start = '' } = input
  const isSet = channel !== null && isSecret && hasSecret(channel, name)
  const saved = channel === null ? start : savedText(channel, name)
  const words = isSet ? t('channel.kept') : hint ? t(hint) : isOptional ? t('channel.optional') : undefined
  return (
    <>
      <Field
        {...{ name, type, error, label: t(label), defaultValue: isSecret ? '' : saved }}
        {...(words === undefined ? {} : { hint: words })}
        required={!isOptional && !isSet}
        autoComplete={type === 'password' ? 'new-password' : 'off'}
        spellCheck={false}
        autoCapitalize="none"
      />
      {isSet && isOptional && (
        <label className="check">
          <input type="checkbox" name={`clear.${name}`} />
          {t('channel.clear', { what: t(label) })}
        </label>
      )}
    </>
  )
}

/** A URL is always set; of the others the channel says so. */
function hasSecret(channel: ChannelView, name: string): boolean {
  const flag = { token: 'hasToken', password: 'hasPassword', secret: 'hasSecret' }[name]
  return flag === undefined || (channel as Record<string, unknown>)[flag] === true
}

function savedText(channel: ChannelView, name: string): string {
  const value = (channel as Record<string, unknown>)[name]
  return Array.isArray(value) ? value.join(', ') : value == null ? '' : String(value)
}

/** What the server is sent: an empty secret that is set stays as it is, another empty one is none. */
function bodyOf(kind: Kind, values: Record<string, string>, isChange: boolean): Record<string, unknown> {
  const named = inputs[kind].flatMap(({ name, type, isSecret, isOptional }): [string, unknown][] => {
    const text = values[name]?.trim() ?? ''
    if (values[`clear.${name}`] !== undefined) return [[name, null]]
    if (text === '' && isSecret) return isChange || !isOptional ? [] : [[name, null]]
    if (text === '' && isOptional) return [[name, null]]
    if (name === 'to') return [[name, text.split(/[,;\s]+/).filter((one) => one !== '')]]
    return [[name, type === 'number' ? Number(text) : text]]
  })
  return { name: values.name, ...Object.fromEntries(named) }
}
