// Before the first paint: a theme that was chosen. Its own file, because the page's policy allows no inline script.
try {
  const theme = localStorage.getItem('codex-lb-theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch {
  // A browser that keeps nothing follows its system.
}
