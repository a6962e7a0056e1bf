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
    if (at > 0) query[pair.slice(0, at)] = unescape(pair.slice(at + 1))
  }
  return query
}

function unescape(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
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
  if (path.startsWith('/download/')) return edge.redirect(unescape(path.slice(10)), query)
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

/** Handles one request; nothing that a client sends makes it throw. */
export function handle(
  server: EdgeServer,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const url = request.url ?? '/'
  const mark = url.indexOf('?')
  const path = mark < 0 ? url : url.slice(0, mark)
  const search = mark < 0 ? '' : url.slice(mark + 1)
  const edge = server.edge()
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return end(response, 405, 'text/plain', 'Only GET.\n')
  if (!edge) return end(response, 503, 'text/plain', 'This edge has no snapshot yet.\n')
  const age = ageHeader(edge, server.now())
  if (path === '/healthz')
    return end(
      response,
      200,
      'application/json',
      JSON.stringify({ status: 'ok', snapshot_age_s: Number(age) }),
    )
  const answer = answerTo(edge, path, search, server.address(request))
  if (!answer)
    return end(
      response,
      404,
      'text/plain',
      'An edge answers /mirrorlist, /metalink and /download/.\n',
    )
  server.count(answer, search)
  // Answers are ASCII, so their length is that of the string and nothing needs encoding.
  const headers: Record<string, string | number> = {
    'Content-Type': answer.type,
    'Content-Length': answer.body.length,
    'X-Snapshot-Age': age,
    'Cache-Control': 'no-store',
  }
  if (answer.location !== undefined) headers.Location = answer.location
  response.writeHead(answer.status, headers)
  response.end(request.method === 'HEAD' ? undefined : answer.body, 'latin1')
}

function end(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) })
  response.end(body)
}
