/** The program's own log: JSON lines on standard error, by pino. Secrets never go in. */
import { type Logger, pino } from 'pino'

export type Log = Logger

/** @param program name that every line carries: web, worker, cli */
export function createLog(program: string, level: string): Log {
  return pino({ name: program, level, base: { program, pid: process.pid } }, pino.destination(2))
}
