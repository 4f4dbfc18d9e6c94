import { useQuery } from '@tanstack/react-query'
import type { SessionView } from '../../src/contract/session.ts'
import { t } from '../messages/index.ts'
import { ChangePassword, FirstPassword, RemovePassword } from '../parts/password-forms.tsx'
import { SecondFactor } from '../parts/second-factor.tsx'
import { AuditLog } from '../parts/security/audit-log.tsx'
import { Firewall } from '../parts/security/firewall.tsx'
import { Passkeys } from '../parts/security/passkeys.tsx'
import { Viewers } from '../parts/security/viewers.tsx'
import { Sessions } from '../parts/sessions.tsx'
import { queries } from '../queries.ts'
import { Section } from '../ui/page.tsx'
import { Loaded } from '../ui/states.tsx'

/** Who gets in, and how. */
export function SecuritySettings() {
  const session = useQuery(queries.session())
  return (
    <Loaded query={session} what={t('what.settings')}>
      {(data) => (
        <div className="stack roomy">
          <WaysIn session={data} />
          <Section title={t('firewall.title')}>
            <Firewall />
          </Section>
          <Section title={t('audit.title')}>
            <AuditLog />
          </Section>
        </div>
      )}
    </Loaded>
  )
}

function WaysIn({ session }: { session: SessionView }) {
  const { authMode, passwordRequired } = session
  if (authMode === 'disabled') {
    return (
      <Section title={t('password.title')}>
        <p className="notice warn">{t('password.off')}</p>
      </Section>
    )
  }
  if (!passwordRequired) {
    return (
      <Section title={t('password.title')}>
        <p className="quiet">{t(authMode === 'trusted_header' ? 'password.byProxy' : 'password.none')}</p>
        <FirstPassword />
      </Section>
    )
  }
  return (
    <>
      <div className="columns">
        <Section title={t('password.title')}>
          {authMode === 'trusted_header' && <p className="quiet">{t('password.byProxy')}</p>}
          <ChangePassword />
        </Section>
        <Section title={t('totp.title')}>
          <SecondFactor session={session} />
        </Section>
        <Section title={t('passkeys.title')}>
          <Passkeys />
        </Section>
        <Section title={t('viewers.title')}>
          <Viewers />
        </Section>
      </div>
      <Section title={t('sessions.title')}>
        <Sessions />
      </Section>
      <Section title={t('password.removeTitle')}>
        <RemovePassword />
      </Section>
    </>
  )
}
