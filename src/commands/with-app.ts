/** Opens the App for one command and closes it again. */
import { createApp } from '../app.ts'
import { type Ctx, systemCtx } from '../kernel/context.ts'
import { printable } from '../kernel/printable.ts'

/** The command acts as the system: whoever may run it on the host owns the files anyway. */
export async function withApp<T>(work: (ctx: Ctx) => Promise<T>): Promise<T> {
  const app = createApp({ program: 'cli' })
  try {
    await app.database.migrate()
    return await work(systemCtx(app, 'cli'))
  } finally {
    await app.database.close()
  }
}

/** A line for whoever typed the command; what strangers wrote in it moves no cursor. */
export function print(line: string): void {
  process.stdout.write(`${printable(line)}\n`)
}
