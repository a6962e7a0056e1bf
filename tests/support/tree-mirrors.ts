/** Mirrors of a folder over real HTTP on loopback, whose behaviour a test changes while clients use them. */
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import { join, normalize } from 'node:path'

export type Behaviour = 'good' | 'corrupt' | 'slow'

export interface TreeMirror {
  port: number
  /** What it serves; another folder makes it stale. */
  root: string
  behaviour: Behaviour
  /** Paths that clients asked for; the crawler is none. */
  asked: string[]
  stop(): Promise<void>
}

/** @param host `::1`, or `::` for both families */
export async function serveTree(port: number, host: string, root: string): Promise<TreeMirror> {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent((request.url ?? '/').split('?')[0] ?? '/'))
    if (!request.headers['user-agent']?.includes('slipway-crawler')) made.asked.push(path)
    answer(made, path, request.method ?? 'GET', response).catch(() => response.destroy())
  })
  const made: TreeMirror = {
    ...{ port, root, behaviour: 'good', asked: [] },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  await new Promise<void>((resolve) => server.listen(port, host, resolve))
  return made
}

async function answer(
  mirror: TreeMirror,
  path: string,
  method: string,
  response: ServerResponse,
): Promise<void> {
  const file = join(mirror.root, path)
  const found = await stat(file).catch(() => undefined)
  if (!found?.isFile()) {
    response.writeHead(404).end()
    return
  }
  response.writeHead(200, { 'Content-Length': found.size })
  if (method === 'HEAD') response.end()
  else if (mirror.behaviour === 'slow') response.write('.')
  else if (mirror.behaviour === 'corrupt' && path.endsWith('.rpm')) {
    // The right length and the wrong bytes.
    const bytes = await readFile(file)
    bytes.fill(0x41, Math.floor(bytes.length / 2))
    response.end(bytes)
  } else createReadStream(file).pipe(response)
}
