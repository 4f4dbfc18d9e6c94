import { useQuery } from '@tanstack/react-query'
import { t } from '../messages/index.ts'
import { ChangePassword, FirstPassword, RemovePassword } from '../parts/password-forms.tsx'
import { SecondFactor } from '../parts/second-factor.tsx'
import { Sessions } from '../parts/sessions.tsx'
import { queries } from '../queries.ts'
import { Section } from '../ui/page.tsx'
import { Loaded } from '../ui/states.tsx'

/** Who gets in, and how. */
export function SecuritySettings() {
  const session = useQuery(queries.session())
  return (
    <Loaded query={session} what={t('what.settings')}>
      {(data) =>
        data.passwordRequired ? (
          <div className="columns">
            <Section title={t('password.title')}>
              <ChangePassword />
            </Section>
            <Section title={t('totp.title')}>
              <SecondFactor session={data} />
            </Section>
            <Section title={t('sessions.title')}>
              <Sessions />
            </Section>
            <Section title={t('password.removeTitle')}>
              <RemovePassword />
            </Section>
          </div>
        ) : (
          <Section title={t('password.title')}>
            <p className="quiet">{t('password.none')}</p>
            <FirstPassword />
          </Section>
        )
      }
    </Loaded>
  )
}
