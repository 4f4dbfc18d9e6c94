/** Texts of the page that describes the management API. */
export const enApi = {
  'settings.api': 'API',
  'api.title': 'The management API',
  'api.lead':
    'Everything this dashboard does, programs can do too: JSON over HTTP, with the cookie of a session, or without one on this machine while no password is set. Field names are taken in camelCase and in snake_case.',
  'api.document': 'OpenAPI document',
  'api.search': 'Search the endpoints',
  'api.none': 'No endpoint has these words.',
  'api.access': 'For: {access}',
  'api.inPath': 'in the path',
  'api.inQuery': 'in the query',
  'api.body': 'Takes',
  'api.answer': 'Answers {status}',
  'api.nothing': 'nothing',
  'what.description': 'the description of the API',
} as const
