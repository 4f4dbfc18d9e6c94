import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { t } from '../messages/index.ts'
import { ConnectClient } from '../parts/connect-client.tsx'
import { FirstLight } from '../parts/first-light.tsx'
import { AddAccount } from '../parts/login/add-account.tsx'
import { queries } from '../queries.ts'
import { Copyable } from '../ui/controls.tsx'
import { Page, Section } from '../ui/page.tsx'

/** The first minutes: add an account, point a client here, and see the first request arrive. */
export function WelcomePage() {
  const accounts = useQuery(queries.accounts())
  const session = useQuery(queries.session())
  const count = accounts.data?.accounts.length ?? 0
  return (
    <Page
      name={t('welcome.name')}
      title={t('welcome.title')}
      lead={t('welcome.lead')}
      actions={
        count > 0 && (
          <Link to="/" className="button main">
            {t('welcome.done')}
          </Link>
        )
      }
    >
      <div className="steps">
        <Section title={t('welcome.add')}>
          {count > 0 && <p className="tone-ok">{t('welcome.have', { count })}</p>}
          <AddAccount />
        </Section>
        <Section title={t('welcome.connect')}>
          <ConnectClient />
        </Section>
        <Section title={t('welcome.first')}>
          <FirstLight />
        </Section>
        {session.data?.passwordRequired === false && (
          <p className="quiet">
            {t('welcome.secure')} <Link to="/settings/security">{t('welcome.setPassword')}</Link>
          </p>
        )}
        {session.data?.demo === false && count === 0 && (
          <Section title={t('welcome.look')}>
            <p className="quiet">{t('welcome.demo')}</p>
            <Copyable label={t('welcome.demoCommand')} where={t('welcome.demoWhere')} text="npm run demo" />
          </Section>
        )}
      </div>
    </Page>
  )
}
