import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { EgressProxyChange, EgressProxyInput, EgressProxyView } from '../../../src/contract/egress.ts'
import { api } from '../../api.ts'
import { t } from '../../messages/index.ts'
import { Select, Switch } from '../../ui/controls.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { Field, Form, type FormProblem } from '../../ui/field.tsx'
import { toast } from '../../ui/toast.tsx'

type Scheme = EgressProxyView['scheme']
const schemes: readonly Scheme[] = ['http', 'https', 'socks5', 'socks5h']
const usualPorts: Record<Scheme, string> = { http: '3128', https: '443', socks5: '1080', socks5h: '1080' }

type Props = { proxy: EgressProxyView | null; onClose: () => void }

/** Adds a proxy, or changes one: a password is typed anew or stays. */
export function ProxyForm({ proxy, onClose }: Props) {
  const client = useQueryClient()
  const [scheme, setScheme] = useState<Scheme>(proxy?.scheme ?? 'http')
  const [isActive, setActive] = useState(proxy?.isActive ?? true)
  const save = useMutation({
    mutationFn: (values: Record<string, string>) => {
      const body = { ...bodyOf(values), scheme, isActive }
      return proxy === null ? api.addEgressProxy(body) : api.changeEgressProxy(proxy.id, body)
    },
    onSuccess() {
      toast(t('proxies.saved'))
      onClose()
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['egress'] }),
  })
  const error = save.error as FormProblem | null
  const title = proxy === null ? t('proxies.new') : t('proxies.edit', { name: proxy.name })
  const plain = { autoComplete: 'off', spellCheck: false, autoCapitalize: 'none' } as const
  return (
    <Dialog isDrawer title={title} onClose={onClose}>
      <Form label={title} submit={t('action.save')} error={error} isBusy={save.isPending} onSubmit={save.mutate}>
        <Field name="name" label={t('proxy.name')} maxLength={80} defaultValue={proxy?.name ?? ''} error={error} />
        <Select
          label={t('proxy.scheme')}
          value={scheme}
          options={schemes.map((value) => ({ value, label: t(`proxy.${value}`) }))}
          onChange={(value) => setScheme(value as Scheme)}
        />
        <Field
          {...{ name: 'host', label: t('proxy.host'), hint: t('proxy.hostHint'), error, ...plain }}
          defaultValue={proxy?.host ?? ''}
        />
        <Field
          {...{ name: 'port', type: 'number', label: t('proxy.port'), min: 1, max: 65_535, error }}
          // Nobody has typed one yet: the usual one of the kind.
          key={proxy === null ? scheme : 'port'}
          defaultValue={proxy?.port ?? usualPorts[scheme]}
        />
        <Field
          {...{ name: 'username', label: t('proxy.user'), hint: t('proxy.optional'), error, ...plain }}
          required={false}
          defaultValue={proxy?.username ?? ''}
        />
        <Field
          {...{ name: 'password', type: 'password', label: t('proxy.password'), error }}
          hint={t(proxy?.hasPassword ? 'proxy.kept' : 'proxy.optional')}
          required={false}
          autoComplete="new-password"
        />
        {proxy?.hasPassword && (
          <label className="check">
            <input type="checkbox" name="forget" />
            {t('proxy.clear')}
          </label>
        )}
        <Switch label={t('proxy.active')} what={t('proxy.activeWhat')} isOn={isActive} onChange={setActive} />
      </Form>
    </Dialog>
  )
}

type Typed = Pick<EgressProxyInput, 'name' | 'host' | 'port' | 'username'> & Pick<EgressProxyChange, 'password'>

/** Without a user name nobody would use a password. */
function bodyOf({
  name = '',
  host = '',
  port = '',
  username = '',
  password = '',
  forget,
}: Record<string, string>): Typed {
  const user = username.trim() === '' ? null : username.trim()
  const body = { name, host, port: Number(port), username: user }
  if (user === null || forget !== undefined) return { ...body, password: null }
  return password === '' ? body : { ...body, password }
}
