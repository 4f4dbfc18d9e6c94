import { t } from '../messages/index.ts'
import { ConnectClient } from '../parts/connect-client.tsx'
import { FirstLight } from '../parts/first-light.tsx'
import { Page, Section } from '../ui/page.tsx'

/** How do I point a client here, and did it work? */
export function ConnectPage() {
  return (
    <Page name={t('page.connect')} title={t('connect.title')} lead={t('connect.lead')}>
      <div className="steps">
        <Section title={t('connect.configure')}>
          <ConnectClient />
        </Section>
        <Section title={t('connect.worked')}>
          <FirstLight />
        </Section>
      </div>
    </Page>
  )
}
