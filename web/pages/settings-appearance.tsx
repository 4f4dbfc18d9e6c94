import { t } from '../messages/index.ts'
import { ThemeSwitch } from '../parts/theme-switch.tsx'
import { Section } from '../ui/page.tsx'

/** What is kept in this browser only. */
export function AppearanceSettings() {
  return (
    <Section title={t('theme.label')}>
      <p className="quiet">{t('theme.where')}</p>
      <div>
        <ThemeSwitch />
      </div>
    </Section>
  )
}
