import { useState } from 'react'
import { t } from '../messages/index.ts'
import { chooseTheme, currentTheme, themes } from '../theme.ts'
import { Segments } from '../ui/controls.tsx'

/** System, light or dark; kept in this browser. */
export function ThemeSwitch() {
  const [theme, setTheme] = useState(currentTheme)
  return (
    <Segments
      label={t('theme.label')}
      value={theme}
      options={themes.map((value) => ({ value, label: t(`theme.${value}`) }))}
      onChange={(value) => {
        chooseTheme(value)
        setTheme(value)
      }}
    />
  )
}
