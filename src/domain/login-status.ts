export const loginMethods = ['browser', 'device'] as const

/** How far a sign-in with ChatGPT has come; from `succeeded` on it is over. */
export const loginStatuses = ['pending', 'exchanging', 'succeeded', 'failed', 'expired', 'cancelled'] as const
export type LoginStatus = (typeof loginStatuses)[number]
