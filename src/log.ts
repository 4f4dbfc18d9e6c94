import pino, { type Logger } from 'pino'
import pretty from 'pino-pretty'
import type { Config } from './config.ts'

/** Structured log on stderr; stdout belongs to what a command prints. */
export function createLog({ logLevel, logFormat }: Pick<Config, 'logLevel' | 'logFormat'>): Logger {
  const options = { level: logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime }
  if (logFormat === 'json') return pino(options, pino.destination({ dest: 2, sync: false }))
  return pino(
    options,
    pretty({ destination: 2, translateTime: 'SYS:HH:MM:ss', sync: true, colorize: process.stderr.isTTY }),
  )
}
