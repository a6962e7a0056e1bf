/** The one App of the web process, made at the first request: importing pages must not open a database. */
import { createApp } from './app.ts'
import type { App } from './kernel/context.ts'

let app: App | undefined

export function webApp(): App {
  app ??= createApp({ program: 'web' })
  return app
}
