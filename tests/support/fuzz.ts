/**
 * Requests for every route that the app has, as its own list of routes and its API description name them: a new
 * route is asked without anybody's doing.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../src/kernel/paths.ts'
import type { createPortal } from '../../src/portal.ts'
import { hostileText, type Schema, type Source, sampleOf } from './fuzz-values.ts'

export interface Route {
  method: string
  /** As Hono writes it: /api/builds/:nvr. */
  path: string
  /** Of its JSON body, where the API description has one. */
  body?: Schema
  /** Names of its query parameters. */
  query: string[]
}

interface Operation {
  parameters?: { name: string; in: string }[]
  requestBody?: { content?: Record<string, { schema?: Schema }> }
}

/** Every route, each once, with what the API description says of it. */
export function routesOf(portal: ReturnType<typeof createPortal>): Route[] {
  const document = portal.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'x', version: '1' },
  })
  const described = (document.paths ?? {}) as Record<string, Record<string, Operation>>
  const seen = new Map<string, Route>()
  for (const { method, path } of portal.routes) {
    if (method === 'ALL') continue
    const name = path.replaceAll(/:(\w+)(?:\{[^}]*\})?/g, '{$1}')
    const operation = described[name]?.[method.toLowerCase()]
    const body = operation?.requestBody?.content?.['application/json']?.schema
    const query = (operation?.parameters ?? [])
      .filter((each) => each.in === 'query')
      .map((each) => each.name)
    seen.set(`${method} ${path}`, { method, path, query, ...(body && { body }) })
  }
  return [...seen.values()]
}

/** Names of all inputs that the site's forms have. */
export function formFields(): string[] {
  const names = new Set<string>()
  for (const folder of ['src/site', 'src/pages'])
    for (const file of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.astro')) continue
      const text = readFileSync(join(root, folder, file), 'utf8')
      for (const [, name = ''] of text.matchAll(/\bname="([\w-]+)"/g)) names.add(name)
    }
  return [...names]
}

/** A path with its parameters filled; some are cut or doubled percent signs. */
export function fill(path: string, { chance, known }: Source): string {
  return path.replaceAll(/:(\w+)(?:\{[^}]*\})?|\*$/g, () => {
    const value = hostileText(chance, known)
    if (chance.often(0.02)) return chance.one(['%', '%zz', '%ff', '%00', '%25%30', '%2e%2e%2f'])
    return encodeURIComponent(value.toWellFormed()) || 'x'
  })
}

function queryOf(route: Route, { chance, known }: Source): string {
  const params = new URLSearchParams()
  // A claim that is told to wait, waits: that is no fault.
  for (const name of [...route.query, 'cursor', 'fields', 'q', 'lang', 'next'])
    if (name !== 'wait_ms' && chance.often(0.3)) params.append(name, hostileText(chance, known))
  const text = params.toString()
  return text === '' ? '' : `?${text}`
}

const brokenBodies: [string, string][] = [
  ['application/json', '{"a":'],
  ['application/json', '['.repeat(20_000)],
  ['application/json', '"\\ud800"'],
  ['application/json', 'null'],
  ['application/json; charset=utf-7', '{}'],
  ['multipart/form-data', 'no boundary'],
  ['multipart/form-data; boundary=x', 'no part'],
  ['multipart/form-data; boundary=x', '--x\r\nContent-Disposition: form-data\r\n\r\nx\r\n--x--'],
  ['application/x-www-form-urlencoded', '%=%&&&=%00&=%ff'],
  ['text/plain', 'x'],
  ['x', 'y'],
]

function bodyOf(route: Route, source: Source, fields: string[]): [string, BodyInit] {
  const { chance, known } = source
  if (chance.often(0.1)) return chance.one(brokenBodies)
  if (route.body) return ['application/json', JSON.stringify(sampleOf(route.body, source))]
  const pairs = fields
    .filter(() => chance.often(0.7))
    .map((name) => [name, hostileText(chance, known).toWellFormed()] as const)
  if (chance.often(0.8)) {
    const form = new URLSearchParams(pairs.map(([name, value]) => [name, value]))
    return ['application/x-www-form-urlencoded', form.toString()]
  }
  const parts = pairs.map(
    ([name, value]) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  )
  return ['multipart/form-data; boundary=b', `${parts.join('')}--b--\r\n`]
}

const oddHeaders: [string, string][] = [
  ['Cookie', 'a=100%'],
  ['Cookie', '=; ;;=a; slipway_session=%ff; slipway_flash=%%%; slipway_lang=%'],
  ['Cookie', `slipway_flash=${Buffer.from('{"kind":1,"values":7}').toString('base64url')}`],
  ['Cookie', `slipway_flash=${Buffer.from('null').toString('base64url')}`],
  ['Authorization', 'Basic %%%'],
  ['Authorization', 'Bearer'],
  ['Range', 'bytes=-0'],
  ['Range', 'bytes=9-1,0-'],
  ['If-None-Match', '"'],
  ['If-Modified-Since', 'yesterday'],
  ['Last-Event-ID', '1e99'],
  ['Accept', '*/*;q=x'],
  ['Accept-Language', '%%%,;q=9'],
  ['X-Forwarded-For', "1.2.3.4, ::, '"],
  ['Content-Length', '-1'],
]

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', 'PURGE']

/** One request for a route, bent here and there. @param identity headers that say who asks */
export function requestFor(
  route: Route,
  source: Source,
  identity: Record<string, string>,
  fields: string[],
): Request {
  const { chance } = source
  const method = chance.often(0.03) ? chance.one(METHODS) : route.method
  const headers = new Headers({ Origin: 'http://portal.test', ...identity })
  if (chance.often(0.1)) headers.set(...chance.one(oddHeaders))
  if (chance.often(0.03)) headers.set('Origin', chance.one(['null', 'http://evil.example', '%']))
  const url = `http://portal.test${fill(route.path, source)}${queryOf(route, source)}`
  if (method === 'GET' || method === 'HEAD') return new Request(url, { method, headers })
  const [type, body] = bodyOf(route, source, fields)
  headers.set('Content-Type', type)
  return new Request(url, { method, headers, body })
}

/** The request as one can send it again by hand. */
export async function tell(request: Request): Promise<string> {
  const headers = [...request.headers].map(([name, value]) => `${name}: ${value}`).join('\n')
  const body = request.body ? `\n\n${(await request.text()).slice(0, 1000)}` : ''
  return `${request.method} ${request.url.slice(0, 300)}\n${headers}${body}`
}

/** A generator of what to try next: routes in turn, so that each gets its share. */
export function* rounds(routes: readonly Route[], count: number): Generator<Route> {
  for (let n = 0; n < count; n++) {
    const route = routes[n % routes.length]
    if (route) yield route
  }
}
