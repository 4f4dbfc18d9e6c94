/** Texts of the settings about clients: how they connect, which models answer, what is kept. */
export const enClients = {
  'clients.connections': 'Connections',
  'settings.webSockets': 'Clients may use WebSockets',
  'settings.webSocketsWhat': 'Codex sends its turns over one connection then. Without them it uses HTTP at once.',

  'clients.claude': 'Models for Claude’s names',
  'settings.claudeDefault':
    'Claude Code and the Anthropic SDKs ask for Claude’s models, and a model of the pool answers. As built in: gpt-5.6-sol for Opus and for names that are not known, gpt-5.6-terra for Sonnet, gpt-5.6-luna for Haiku; where no account has that one, another that is offered. Add a name only where you want it otherwise.',
  'settings.claudeTable': 'Models for Claude’s names',
  'settings.claudeName': 'Claude’s name',
  'settings.poolModel': 'Model of the pool',
  'settings.modelFor': 'Model for {name}',
  'settings.claudeHint':
    '* stands for anything. Of several patterns that fit, the one with the most letters counts, those that are built in among them: claude-*opus*, claude-*sonnet*, claude-*haiku*, claude-*.',
  'settings.addName': 'Add a name',
  'settings.removeName': 'Remove {name}',
  'settings.newName': 'new',
  'settings.nameTwice': 'this name comes again below, and that row counts.',
  'settings.nameMissing': 'give the name, or a pattern such as claude-*opus*.',
  'settings.modelMissing': 'choose a model.',
  'settings.modelUnknown': 'No account is known to offer {model}.',

  'clients.kept': 'Kept responses',
  'settings.keepWhat':
    'A response that is kept can be read again later, made in the background, and continued on any account. Content is kept only on somebody’s explicit word, and encrypted; what Codex sends to its own routes never is.',
  'settings.keepResponses': 'Which responses are kept?',
  'keepResponses.never': 'None',
  'keepResponses.never.what': 'No content is kept, whatever clients ask for.',
  'keepResponses.asked': 'Those whose client asks for it',
  'keepResponses.asked.what': 'The word is the client’s: “store”: true in the request.',
  'keepResponses.always': 'All but those whose client forbids it',
  'keepResponses.always.what': 'The word is yours, here: only “store”: false in the request goes before it.',
  'settings.keepDays': 'A response is kept for (days)',
  'settings.keepDaysHint': '1 to 365, from when it was made. Fewer days also end what is kept already.',
} as const
