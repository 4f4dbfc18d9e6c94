import type { exportRoutes } from './account-export.ts'
import type { accountRoutes } from './accounts.ts'
import type { affinityRoutes } from './affinities.ts'
import type { apiKeyRoutes } from './api-keys.ts'
import type { auditRoutes } from './audit.ts'
import type { conversationRoutes } from './conversations.ts'
import type { doctorRoutes } from './doctor.ts'
import type { egressRoutes } from './egress.ts'
import type { eventRoutes } from './events.ts'
import type { firewallRoutes } from './firewall.ts'
import type { forecastRoutes } from './forecast.ts'
import type { modelSourceRoutes } from './model-sources.ts'
import type { modelRoutes } from './models.ts'
import type { notificationChannelRoutes } from './notification-channels.ts'
import type { notificationRuleRoutes } from './notification-rules.ts'
import type { notificationRoutes } from './notifications.ts'
import type { openApiRoutes } from './openapi.ts'
import type { overviewRoutes } from './overview.ts'
import type { passkeyRoutes } from './passkeys.ts'
import type { priceRoutes } from './prices.ts'
import type { probeRoutes } from './probe.ts'
import type { reportRoutes } from './reports.ts'
import type { requestRoutes } from './requests.ts'
import type { resetCreditRoutes } from './reset-credits.ts'
import type { sessionRoutes } from './session.ts'
import type { sessionListRoutes } from './sessions.ts'
import type { settingsRoutes } from './settings.ts'
import type { signInRoutes } from './sign-ins.ts'
import type { statisticsRoutes } from './statistics.ts'
import type { trendRoutes } from './trend-routes.ts'
import type { whatIfRoutes } from './what-if.ts'

type RoutesOf<F extends (...deps: never[]) => readonly unknown[]> = ReturnType<F>[number]

type Known =
  | RoutesOf<typeof conversationRoutes>
  | RoutesOf<typeof probeRoutes>
  | RoutesOf<typeof exportRoutes>
  | RoutesOf<typeof priceRoutes>
  | RoutesOf<typeof reportRoutes>
  | RoutesOf<typeof openApiRoutes>
  | RoutesOf<typeof modelSourceRoutes>
  | RoutesOf<typeof egressRoutes>
  | RoutesOf<typeof accountRoutes>
  | RoutesOf<typeof affinityRoutes>
  | RoutesOf<typeof apiKeyRoutes>
  | RoutesOf<typeof auditRoutes>
  | RoutesOf<typeof doctorRoutes>
  | RoutesOf<typeof eventRoutes>
  | RoutesOf<typeof firewallRoutes>
  | RoutesOf<typeof forecastRoutes>
  | RoutesOf<typeof modelRoutes>
  | RoutesOf<typeof notificationChannelRoutes>
  | RoutesOf<typeof notificationRuleRoutes>
  | RoutesOf<typeof notificationRoutes>
  | RoutesOf<typeof overviewRoutes>
  | RoutesOf<typeof passkeyRoutes>
  | RoutesOf<typeof requestRoutes>
  | RoutesOf<typeof resetCreditRoutes>
  | RoutesOf<typeof sessionRoutes>
  | RoutesOf<typeof sessionListRoutes>
  | RoutesOf<typeof settingsRoutes>
  | RoutesOf<typeof signInRoutes>
  | RoutesOf<typeof statisticsRoutes>
  | RoutesOf<typeof trendRoutes>
  | RoutesOf<typeof whatIfRoutes>

type Types = NonNullable<Known['types']>

/** Every endpoint of the management API by method and path, with what it takes and what it answers: for clients in TypeScript. */
export type Api = { [One in Types as One['endpoint']]: One }
