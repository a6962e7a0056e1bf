/** The web program: the built site behind the portal's own server. */
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { readConfig } from './kernel/config.ts'
import { createLog } from './kernel/log.ts'
import { createWebServer } from './kernel/server.ts'
import { readOwnWords } from './kernel/words.ts'

const config = readConfig()
const log = createLog('web', config.log_level)

// Astro's entry would listen by itself, without what stands before it here.
process.env.ASTRO_NODE_AUTOSTART = 'disabled'
const entry = pathToFileURL(join(config.site_dir, 'server', 'entry.mjs')).href
const { handler } = (await import(entry)) as { handler: RequestListener }

const server = createWebServer({ config, words: readOwnWords(config) }, handler)
server.on('error', (error) => {
  log.fatal({ err: error }, 'the web can not listen')
  process.exit(1)
})
server.listen(config.port, config.host, () => {
  log.info({ host: config.host, port: config.port }, 'the web listens')
})
