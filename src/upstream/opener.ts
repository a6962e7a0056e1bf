/**
 * Opens files of a yum repository by address or folder. Over HTTP they come as they lie on the server: some
 * mirrors send `.gz` files with a Content-Encoding (Apache's AddEncoding), and what repomd.xml promises is the
 * digest of the file, so nothing is decoded, as in dnf. Hence `node:http`: fetch always decodes.
 */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import * as http from 'node:http'
import * as https from 'node:https'
import { join, resolve, sep } from 'node:path'
import type { Readable } from 'node:stream'
import { refuse } from './refusal.ts'

/** Between two pieces of an answer. */
const IDLE_MS = 30_000
const TIMEOUT_MS = 120_000
const REDIRECTS = 10

/** @param path below the repository, as repomd.xml names it */
export type Open = (path: string) => Promise<Readable>

function get(url: URL): Promise<http.IncomingMessage> {
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw refuse(`${url.href} is neither http nor https`)
  const { get: request } = url.protocol === 'https:' ? https : http
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  return new Promise((done, fail) => {
    const asked = request(url, { headers: { 'accept-encoding': 'identity' }, signal }, done)
    asked.setTimeout(IDLE_MS, () =>
      asked.destroy(new Error(`nothing came for ${IDLE_MS / 1000} s`)),
    )
    asked.on('error', (error) => fail(refuse(`${url.href}: ${said(error, signal)}`)))
  })
}

/** What went wrong, in words; the system's code alone where Node has no message. */
function said(error: NodeJS.ErrnoException, signal: AbortSignal): string {
  if (signal.aborted) return `not finished after ${TIMEOUT_MS / 1000} s`
  return error.message || error.code || 'no connection'
}

async function follow(first: URL): Promise<Readable> {
  let url = first
  for (let turn = 0; turn <= REDIRECTS; turn += 1) {
    const answer = await get(url)
    const status = answer.statusCode ?? 0
    if (status === 200) return answer
    answer.resume()
    const { location } = answer.headers
    if (status < 300 || status > 399 || location === undefined)
      throw refuse(`${status} for ${url.href}`)
    if (!URL.canParse(location, url.href)) throw refuse(`${url.href} redirects to no address`)
    url = new URL(location, url)
  }
  throw refuse(`${first.href} redirects more than ${REDIRECTS} times`)
}

/**
 * @param source address or folder in which `repodata/` lies
 * @returns opens its files, and never one outside a folder
 * @throws PortalError input.invalid that says what did not answer, and how
 */
export function opener(source: string): Open {
  if (/^https?:\/\//.test(source)) {
    const base = source.endsWith('/') ? source : `${source}/`
    return (path) => follow(new URL(path, base))
  }
  const root = resolve(source)
  return async (path) => {
    const file = resolve(join(root, path))
    if (!file.startsWith(root + sep)) throw refuse(`${path} leads out of the repository`)
    await stat(file).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'ENOENT' ? refuse(`there is no file ${file}`) : error
    })
    return createReadStream(file)
  }
}
