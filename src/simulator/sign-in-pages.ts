import type { SimulatedAccount } from './accounts.ts'
import type { Answer } from './http.ts'

// What stands in for the pages of the sign-in server, where somebody looks at the demo.

/** Asks who signs in: each answer is the same address with the choice in it. */
export function choicePage(url: URL, accounts: readonly SimulatedAccount[]): Answer {
  const link = (name: string, value: string, text: string) => {
    const target = new URL(url)
    target.searchParams.set(name, value)
    return `<p><a href="${escaped(target.pathname + target.search)}">${escaped(text)}</a></p>`
  }
  const choices = accounts.map(({ email }) => link('login_hint', email, email))
  return page('Who signs in?', [...choices, link('error', 'access_denied', 'Refuse')].join('\n'))
}

/** Asks for the code that a device shows, and who allows it. */
export function codePage(accounts: readonly SimulatedAccount[], problem: string): Answer {
  const options = accounts.map(({ email }) => `<option>${escaped(email)}</option>`).join('')
  return page(
    'Type the code',
    `<p>${escaped(problem)}</p>
<form action="/codex/device">
<p><label>Code <input name="user_code" required autocomplete="off"></label></p>
<p><label>Account <select name="email">${options}<option value="">Refuse</option></select></label></p>
<p><button>Continue</button></p>
</form>`,
  )
}

export function donePage(what: string): Answer {
  return page(what, '<p>You can close this tab.</p>')
}

function page(title: string, content: string): Answer {
  const body = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title>
<style>:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif } body { max-width: 30rem; margin: 15vh auto; padding: 0 24px }</style></head>
<body><p>This sign-in is simulated: nobody asks for a password.</p><h1>${escaped(title)}</h1>
${content}</body>
</html>
`
  return { status: 200, headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' }, body }
}

function escaped(text: string): string {
  const names: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
  return text.replace(/[&<>"']/g, (sign) => names[sign] ?? '')
}
