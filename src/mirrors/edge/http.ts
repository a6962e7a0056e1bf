/**
 * An edge's answers over node:http, and the same as a function of a URL for the web. Plain node:http, since
 * this is the one place where a hundred thousand machines ask at once.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Answer, Edge, Query } from './answer.ts'

const QUERY_MAX_CHARS = 4096

/** A query string as the fields that an edge knows. A wrong escape leaves the text as it is. */
export function readQuery(search: string): Query {
  const query: Record<string, string> = {}
  for (const pair of search.slice(0, QUERY_MAX_CHARS).split('&')) {
    const at = pair.indexOf('=')
    if (at > 0) query[pair.slice(0, at)] = decodeField(pair.slice(at + 1))
  }
  return query
}

/** In a query a plus is a space; in a path, such as that of libstdc++, it is itself. */
const decodeField = (text: string) => decode(text.includes('+') ? text.replaceAll('+', ' ') : text)

function decode(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** @returns undefined for an address that is not an edge's */
export function answerTo(
  edge: Edge,
  path: string,
  search: string,
  address: string | undefined,
): Answer | undefined {
  const query = { ...readQuery(search), address }
  if (path === '/metalink') return edge.metalink(query)
  if (path === '/mirrorlist')
    return query.repo?.includes('metalink') ? edge.metalink(query) : listOrRedirect(edge, query)
  if (path.startsWith('/download/')) return edge.redirect(decode(path.slice(10)), query)
  return undefined
}

function listOrRedirect(edge: Edge, query: Query & { redirect?: string }): Answer {
  if (query.redirect !== '1' || query.path === undefined) return edge.mirrorlist(query)
  return edge.redirect(query.path.replace(/^\/+/, ''), query)
}

/** What is said of a snapshot's age in every answer of an edge. */
export function ageHeader(edge: Edge, now: number): string {
  return String(Math.max(0, Math.round((now - edge.snapshot.made_at) / 1000)))
}

export interface EdgeServer {
  /** The snapshot that answers now; undefined before the first. */
  edge(): Edge | undefined
  /** The asker's address by socket and trusted proxies. */
  address(request: IncomingMessage): string | undefined
  /** Told of each answer about a repository, with the query as it came. */
  count(answer: Answer, search: string): void
  now(): number
}

const plain = (status: number, body: string): Answer => ({ status, type: 'text/plain', body })

/** What one request gets; nothing that a client sends makes it throw. */
function reply(server: EdgeServer, request: IncomingMessage): Answer {
  const url = request.url ?? '/'
  const mark = url.indexOf('?')
  const path = mark < 0 ? url : url.slice(0, mark)
  const search = mark < 0 ? '' : url.slice(mark + 1)
  const edge = server.edge()
  if (request.method !== 'GET' && request.method !== 'HEAD') return plain(405, 'Only GET.\n')
  if (!edge) return plain(503, 'This edge has no snapshot yet.\n')
  if (path === '/healthz') {
    const snapshot_age_s = Number(ageHeader(edge, server.now()))
    const body = JSON.stringify({ status: 'ok', snapshot_age_s })
    return { status: 200, type: 'application/json', body }
  }
  const answer = answerTo(edge, path, search, server.address(request))
  if (!answer) return plain(404, 'An edge answers /mirrorlist, /metalink and /download/.\n')
  server.count(answer, search)
  return answer
}

/** Handles one request. Answers are ASCII, so their length is that of the string. */
export function handle(
  server: EdgeServer,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { status, type, body, location } = reply(server, request)
  const edge = server.edge()
  const headers: Record<string, string | number> = {
    'Content-Type': type,
    'Content-Length': body.length,
    'Cache-Control': 'no-store',
  }
  if (edge) headers['X-Snapshot-Age'] = ageHeader(edge, server.now())
  if (location !== undefined) headers.Location = location
  response.writeHead(status, headers)
  response.end(request.method === 'HEAD' ? undefined : body, 'latin1')
}
