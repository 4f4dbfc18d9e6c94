import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router'
import { App, Missing } from './app.tsx'

/** The filters of the request log, as they stand in the address. */
type RequestSearch = { status?: string; account?: string; model?: string; since?: string; q?: string }

const searchNames = ['status', 'account', 'model', 'since', 'q'] as const

/** Whatever else the address carries is left out. A text of digits arrives as a number. */
function requestSearch(given: Record<string, unknown>): RequestSearch {
  const named = searchNames.flatMap((name) => {
    const value = given[name]
    return typeof value === 'string' || typeof value === 'number' ? [[name, String(value)]] : []
  })
  return Object.fromEntries(named)
}

/** `add`: the dialog that adds an account is open. */
function accountsSearch({ add }: Record<string, unknown>): { add?: true } {
  return add === true || add === 'true' ? { add: true } : {}
}

const root = createRootRoute({ component: App, notFoundComponent: Missing })
const page = { getParentRoute: () => root } as const

const overview = createRoute({
  ...page,
  path: '/',
  component: lazyRouteComponent(() => import('./pages/overview.tsx'), 'OverviewPage'),
})
const welcome = createRoute({
  ...page,
  path: '/welcome',
  component: lazyRouteComponent(() => import('./pages/welcome.tsx'), 'WelcomePage'),
})
const accounts = createRoute({
  ...page,
  path: '/accounts',
  validateSearch: accountsSearch,
  component: lazyRouteComponent(() => import('./pages/accounts.tsx'), 'AccountsPage'),
})
const account = createRoute({
  ...page,
  path: '/accounts/$accountId',
  component: lazyRouteComponent(() => import('./pages/account.tsx'), 'AccountPage'),
})
const requests = createRoute({
  ...page,
  path: '/requests',
  validateSearch: requestSearch,
  component: lazyRouteComponent(() => import('./pages/requests.tsx'), 'RequestsPage'),
})
const request = createRoute({
  getParentRoute: () => requests,
  path: '$requestId',
  component: lazyRouteComponent(() => import('./pages/request.tsx'), 'RequestDrawer'),
})
const keys = createRoute({
  ...page,
  path: '/keys',
  component: lazyRouteComponent(() => import('./pages/keys.tsx'), 'KeysPage'),
})
const key = createRoute({
  ...page,
  path: '/keys/$keyId',
  component: lazyRouteComponent(() => import('./pages/key.tsx'), 'KeyPage'),
})
const connect = createRoute({
  ...page,
  path: '/connect',
  component: lazyRouteComponent(() => import('./pages/connect.tsx'), 'ConnectPage'),
})
const settings = createRoute({
  ...page,
  path: '/settings',
  component: lazyRouteComponent(() => import('./pages/settings.tsx'), 'SettingsPage'),
})
const settingsStart = createRoute({
  getParentRoute: () => settings,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/settings/routing', replace: true })
  },
})
const routing = createRoute({
  getParentRoute: () => settings,
  path: 'routing',
  component: lazyRouteComponent(() => import('./pages/settings-routing.tsx'), 'RoutingSettings'),
})
const clients = createRoute({
  getParentRoute: () => settings,
  path: 'clients',
  component: lazyRouteComponent(() => import('./pages/settings-clients.tsx'), 'ClientSettings'),
})
const sources = createRoute({
  getParentRoute: () => settings,
  path: 'sources',
  component: lazyRouteComponent(() => import('./pages/settings-sources.tsx'), 'SourceSettings'),
})
const limits = createRoute({
  getParentRoute: () => settings,
  path: 'limits',
  component: lazyRouteComponent(() => import('./pages/settings-limits.tsx'), 'LimitSettings'),
})
const network = createRoute({
  getParentRoute: () => settings,
  path: 'network',
  component: lazyRouteComponent(() => import('./pages/settings-network.tsx'), 'NetworkSettings'),
})
const data = createRoute({
  getParentRoute: () => settings,
  path: 'data',
  component: lazyRouteComponent(() => import('./pages/settings-data.tsx'), 'DataSettings'),
})
const notifications = createRoute({
  getParentRoute: () => settings,
  path: 'notifications',
  component: lazyRouteComponent(() => import('./pages/settings-notifications.tsx'), 'NotificationSettings'),
})
const security = createRoute({
  getParentRoute: () => settings,
  path: 'security',
  component: lazyRouteComponent(() => import('./pages/settings-security.tsx'), 'SecuritySettings'),
})
const appearance = createRoute({
  getParentRoute: () => settings,
  path: 'appearance',
  component: lazyRouteComponent(() => import('./pages/settings-appearance.tsx'), 'AppearanceSettings'),
})
const apiPage = createRoute({
  getParentRoute: () => settings,
  path: 'api',
  component: lazyRouteComponent(() => import('./pages/settings-api.tsx'), 'ApiSettings'),
})

export const router = createRouter({
  routeTree: root.addChildren([
    overview,
    welcome,
    accounts,
    account,
    requests.addChildren([request]),
    keys,
    key,
    connect,
    settings.addChildren([
      settingsStart,
      routing,
      limits,
      clients,
      network,
      sources,
      data,
      notifications,
      security,
      appearance,
      apiPage,
    ]),
  ]),
  defaultPreload: 'intent',
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
