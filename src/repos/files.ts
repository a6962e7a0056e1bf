/** /pub: the published tree as plain files, with ranges; folders list what is in them. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { serveStatic } from '@hono/node-server/serve-static'
import { Hono } from 'hono'
import { html } from 'hono/html'
import { dataPath } from '../kernel/config.ts'
import type { App } from '../kernel/context.ts'
import { PortalError } from '../kernel/errors.ts'
import type { HttpContext, HttpEnv } from '../kernel/http.ts'

/** Metadata that a push replaces is asked for again each time; all else never changes under its name. */
function cacheControl(path: string): string {
  if (/\/repomd\.xml(\.asc)?$/.test(path)) return 'no-cache'
  return 'public, max-age=86400'
}

export function createFiles(app: App): Hono<HttpEnv> {
  const files = new Hono<HttpEnv>()
  const root = dataPath(app.config, 'pub')
  files.get('/*', listFolder(root))
  files.get(
    '/*',
    serveStatic({
      root,
      rewriteRequestPath: (path) => path.replace(/^\/pub/, ''),
      onFound: (path, c) => c.header('Cache-Control', cacheControl(path)),
    }),
  )
  files.all('/*', () => {
    throw new PortalError('not-found')
  })
  return files
}

/** The folder that a request means, or nothing; never outside the root. */
function folderOf(root: string, c: HttpContext): string | undefined {
  try {
    const path = decodeURIComponent(c.req.path.replace(/^\/pub\/?/, ''))
    if (path.split('/').includes('..') || path.includes('\0')) return undefined
    return join(root, path)
  } catch {
    return undefined
  }
}

function listFolder(root: string) {
  return async (c: HttpContext, next: () => Promise<void>) => {
    const folder = folderOf(root, c)
    const found = folder === undefined ? undefined : await stat(folder).catch(() => undefined)
    if (!folder || !found?.isDirectory()) return next()
    if (!c.req.path.endsWith('/')) return c.redirect(`${c.req.path}/`, 301)
    const entries = await readdir(folder, { withFileTypes: true })
    const names = entries
      .filter((entry) => !entry.name.startsWith('.') && !entry.name.endsWith('.part'))
      // Links here lead to folders: repodata, and Packages in a generation.
      .map((entry) => (entry.isFile() ? entry.name : `${entry.name}/`))
      .sort()
    const rows = names.map((name) => html`<li><a href="${encodeURI(name)}">${name}</a></li>`)
    const title = decodeURIComponent(c.req.path)
    return c.html(
      html`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title></head>
<body><h1>${title}</h1><ul><li><a href="../">../</a></li>${rows}</ul></body></html>`,
    )
  }
}
