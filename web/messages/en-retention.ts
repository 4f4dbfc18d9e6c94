/** How long things are kept. */
export const enRetention = {
  'retention.logs': 'Logs',
  'retention.logsWhat': 'What is older goes in small steps, every hour. Sums for reports stay.',
  'settings.logDays': 'The request log is kept for (days)',
  'settings.logDaysHint': '0: for ever. Reports keep their sums either way.',
  'settings.detailDays': 'Tries and decisions of requests are kept for (days)',
  'settings.detailDaysHint': 'They take most of the room. 0: as long as the request.',
  'settings.usageDays': 'Hourly figures of accounts are kept for (days)',
  'settings.usageDaysHint': '0: for ever, else at least 30, which forecasts want.',
  'settings.auditDays': 'The audit log is kept for (days)',
  'settings.auditDaysHint': '0: for ever.',
} as const
