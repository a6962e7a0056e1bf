/**
 * What people wrote, as HTML: made once for each text and kept with the renderer's version, away from the event loop
 * when it is long, and for a bounded time whatever it is. Every page and feed that shows Markdown asks here.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { eq } from 'drizzle-orm'
import { rendered_text } from '../../db/schema/kernel.ts'
import type { App } from './context.ts'
import { plainText, RENDERER_VERSION, renderMarkdown } from './markdown.ts'
import { root } from './paths.ts'
import { transaction } from './transaction.ts'

/** Such a text takes no millisecond: to look for what is kept of it would take longer. */
const SHORT_CHARS = 500

/** A thread that needs longer, or more, is ended, and the text shown as it was typed. */
const PATIENCE_MS = 2000
const MEMORY_MB = 128

/** By digest, what is being made: a page that many ask for is made once. */
const making = new WeakMap<App, Map<string, Promise<string>>>()

/** @param text Markdown of any kind and length @returns HTML that is safe to show */
export async function renderText(app: App, text: string): Promise<string> {
  if (text.length <= SHORT_CHARS) return renderMarkdown(text)
  const digest = createHash('sha256').update(text).digest('hex')
  const [kept] = await app.db.select().from(rendered_text).where(eq(rendered_text.digest, digest))
  if (kept?.version === RENDERER_VERSION) return kept.html
  const open = making.get(app) ?? new Map<string, Promise<string>>()
  making.set(app, open)
  const begun =
    open.get(digest) ?? makeAndKeep(app, digest, text).finally(() => open.delete(digest))
  open.set(digest, begun)
  return begun
}

async function makeAndKeep(app: App, digest: string, text: string): Promise<string> {
  const html = await renderAside(text)
  const row = { digest, version: RENDERER_VERSION, html, rendered_at: app.clock.now() }
  await transaction({ app }, (tx) =>
    tx
      .insert(rendered_text)
      .values(row)
      .onConflictDoUpdate({ target: rendered_text.digest, set: row }),
  )
  return html
}

/** One text after another, so that many take no more than one thread. */
let last: Promise<unknown> = Promise.resolve()

/** In a thread, for at most PATIENCE_MS; then as it was typed. */
export function renderAside(text: string): Promise<string> {
  const turn = last.then(() => inThread(text))
  last = turn
  return turn
}

let idle: Worker | undefined

function startThread(): Worker {
  // By its source: of what is bundled there is no file that a thread could run.
  const thread = new Worker(join(root, 'src/kernel/markdown-thread.ts'), {
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
  })
  thread.unref()
  return thread
}

function inThread(text: string): Promise<string> {
  const thread = idle ?? startThread()
  idle = undefined
  return new Promise((resolve) => {
    const end = (html: string | undefined) => {
      clearTimeout(timer)
      thread.off('message', end).off('error', failed).off('exit', failed)
      if (html === undefined) void thread.terminate()
      else idle = thread
      resolve(html ?? plainText(text))
    }
    const failed = () => end(undefined)
    const timer = setTimeout(failed, PATIENCE_MS)
    thread.on('message', end).on('error', failed).on('exit', failed)
    thread.postMessage(text)
  })
}
