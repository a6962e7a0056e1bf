/**
 * The node:http answer of the request that is being handled. Astro's adapter writes a body as fast as it
 * comes, whatever the client takes, so a large file would come to lie in memory whole; a body that knows the
 * answer can wait for it.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe } from 'node:diagnostics_channel'
import type { ServerResponse } from 'node:http'

const current = new AsyncLocalStorage<ServerResponse>()

/** Begins to follow; Node tells of each request right before it is handled. Once a process. */
export function followAnswers(): void {
  subscribe('http.server.request.start', (message) => {
    current.enterWith((message as { response: ServerResponse }).response)
  })
}

/** The answer of this request; undefined outside a server, as in tests. */
export const currentAnswer = (): ServerResponse | undefined => current.getStore()

/** Waits until the client has taken what was written, or is gone. */
export async function drained(answer: ServerResponse | undefined): Promise<void> {
  if (!answer?.writableNeedDrain || answer.destroyed) return
  await new Promise<void>((resolve) => {
    const over = () => {
      answer.off('drain', over)
      answer.off('close', over)
      resolve()
    }
    answer.on('drain', over)
    answer.on('close', over)
  })
}
