/** /pub: the published tree as plain files, with ranges; folders list what is in them. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Hono } from 'hono'
import { html } from 'hono/html'
import { dataPath } from '../kernel/config.ts'
import type { App } from '../kernel/context.ts'
import { PortalError } from '../kernel/errors.ts'
import type { HttpContext, HttpEnv } from '../kernel/http.ts'
import { isOpen, openEntries } from './embargo.ts'
import { sendFile } from './send.ts'

/**
 * What is replaced under its name is asked for again each time: metadata by a push, `latest` by a compose,
 * the lists beside an image when mirrors come. All else never changes under its name.
 */
function cacheControl(path: string): string {
  if (/\/repomd\.xml(\.asc)?$|\/latest\/|(\.meta4|\.torrent|\/downloads\.json)$/.test(path))
    return 'no-cache'
  return 'public, max-age=86400'
}

export function createFiles(app: App): Hono<HttpEnv> {
  const files = new Hono<HttpEnv>()
  const root = dataPath(app.config, 'pub')
  files.get('/*', listFolder(root))
  files.get('/*', async (c, next) => {
    const path = pathOf(root, c)
    if (path === undefined || !(await isOpen(root, path))) return next()
    return (await sendFile(c, path, cacheControl(path))) ?? next()
  })
  files.all('/*', () => {
    throw new PortalError('not-found')
  })
  return files
}

/** The file or folder that a request means, or nothing; never outside the root, never what is half made. */
function pathOf(root: string, c: HttpContext): string | undefined {
  try {
    const path = decodeURIComponent(c.req.path.replace(/^\/pub\/?/, ''))
    const parts = path.split('/')
    if (path.includes('\0') || parts.some((each) => each === '..' || each.endsWith('.part')))
      return undefined
    return join(root, path)
  } catch {
    return undefined
  }
}

function listFolder(root: string) {
  return async (c: HttpContext, next: () => Promise<void>) => {
    const folder = pathOf(root, c)
    const found = folder === undefined ? undefined : await stat(folder).catch(() => undefined)
    if (!folder || !found?.isDirectory() || !(await isOpen(root, folder))) return next()
    if (!c.req.path.endsWith('/')) return c.redirect(`${c.req.path}/`, 301)
    const entries = await readdir(folder, { withFileTypes: true })
    const shown = entries.filter(({ name }) => !name.startsWith('.') && !name.endsWith('.part'))
    const names = (await openEntries(root, folder, shown))
      // Links here lead to folders: repodata, and Packages in a generation.
      .map((entry) => (entry.isFile() ? entry.name : `${entry.name}/`))
      .sort()
    const rows = names.map(
      (name) =>
        html`<li><a href="${name.split('/').map(encodeURIComponent).join('/')}">${name}</a></li>`,
    )
    const title = decodeURIComponent(c.req.path)
    return c.html(
      html`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title></head>
<body><h1>${title}</h1><ul><li><a href="../">../</a></li>${rows}</ul></body></html>`,
    )
  }
}
