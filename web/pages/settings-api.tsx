import { useQuery } from '@tanstack/react-query'
import { t } from '../messages/index.ts'
import { Operations } from '../parts/api/operations.tsx'
import { queries } from '../queries.ts'
import { Section } from '../ui/page.tsx'
import { Loaded } from '../ui/states.tsx'

/** What programs can do here, as the server itself describes it. */
export function ApiSettings() {
  const description = useQuery(queries.description())
  return (
    <Section
      title={t('api.title')}
      aside={
        <a className="small" href="/api/openapi.json">
          {t('api.document')}
        </a>
      }
    >
      <p className="quiet">{t('api.lead')}</p>
      <Loaded query={description} what={t('what.description')}>
        {(data) => <Operations description={data} />}
      </Loaded>
    </Section>
  )
}
