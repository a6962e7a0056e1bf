/**
 * The edge program: fetches the snapshot from the portal and answers from memory. It keeps answering from
 * the last snapshot while the portal is away, and says how old it is (X-Snapshot-Age, seconds).
 *
 * EDGE_HOST, EDGE_PORT: where to listen (127.0.0.1:4330). SLIPWAY_URL: the portal. EDGE_FILE: where the last
 * snapshot is kept for the next start (none unless named). EDGE_REFRESH_S: how often to ask (5).
 * EDGE_TRUSTED_PROXIES: addresses whose X-Forwarded-For is believed. SLIPWAY_GEO_COUNTRY, SLIPWAY_GEO_ASN:
 * other databases.
 */
import { readFile, rename, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { clientAddress } from '../../kernel/address.ts'
import { Edge } from './answer.ts'
import { Counter, type Counts, partsOfCounts } from './counter.ts'
import { openGeo } from './geo.ts'
import { handle } from './http.ts'
import { decodeSnapshot } from './snapshot.ts'

const config = z
  .object({
    EDGE_HOST: z.string().default('127.0.0.1'),
    EDGE_PORT: z.coerce.number().int().min(0).max(65535).default(4330),
    SLIPWAY_URL: z.url().default('http://127.0.0.1:4321'),
    EDGE_FILE: z.string().optional(),
    EDGE_REFRESH_S: z.coerce.number().positive().default(5),
    EDGE_TRUSTED_PROXIES: z.string().default(''),
    EDGE_TOKEN: z.string().optional(),
    SLIPWAY_GEO_COUNTRY: z.string().optional(),
    SLIPWAY_GEO_ASN: z.string().optional(),
  })
  .parse(process.env)

const log = (msg: string, more: object = {}) =>
  process.stderr.write(
    `${JSON.stringify({ time: new Date().toISOString(), program: 'edge', msg, ...more })}\n`,
  )

const geo = await openGeo({ country: config.SLIPWAY_GEO_COUNTRY, asn: config.SLIPWAY_GEO_ASN })
const trusted = config.EDGE_TRUSTED_PROXIES.split(',')
  .map((each) => each.trim())
  .filter(Boolean)
const counter = new Counter()
let edge: Edge | undefined
let etag = ''

/** Takes a snapshot's bytes into service: in one assignment, so no request sees half of it. */
function adopt(bytes: Uint8Array): void {
  edge = new Edge(decodeSnapshot(bytes), geo)
}

async function refresh(): Promise<void> {
  const answer = await fetch(`${config.SLIPWAY_URL}/api/mirrors/snapshot`, {
    headers: etag ? { 'If-None-Match': etag } : {},
    signal: AbortSignal.timeout(30_000),
  })
  if (answer.status === 304) return
  if (!answer.ok) throw new Error(`the portal answered ${answer.status}`)
  const bytes = new Uint8Array(await answer.arrayBuffer())
  adopt(bytes)
  etag = answer.headers.get('ETag') ?? ''
  log('snapshot', { bytes: bytes.length })
  if (config.EDGE_FILE) {
    await writeFile(`${config.EDGE_FILE}.part`, bytes)
    await rename(`${config.EDGE_FILE}.part`, config.EDGE_FILE)
  }
}

/** Tells the portal what was counted since the last time; what can't be told is kept for the next. */
async function report(): Promise<void> {
  if (!config.EDGE_TOKEN || counter.isEmpty()) return
  const parts = partsOfCounts(counter.take())
  try {
    for (let part = parts[0]; part; part = parts[0]) {
      await tell(part)
      parts.shift()
    }
  } catch (error) {
    for (const part of parts) counter.putBack(part)
    log('counts not told', { error: String(error) })
  }
}

async function tell(counts: Counts): Promise<void> {
  const answer = await fetch(`${config.SLIPWAY_URL}/api/mirrors/counts`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${config.EDGE_TOKEN}`, 'Content-Type': 'application/json' },
    body: JSON.stringify(counts),
    signal: AbortSignal.timeout(30_000),
  })
  if (!answer.ok) throw new Error(`the portal answered ${answer.status}`)
}

if (config.EDGE_FILE)
  await readFile(config.EDGE_FILE).then(adopt, (error) =>
    log('no snapshot file', { error: String(error) }),
  )

const server = createServer((request, response) =>
  handle(
    {
      edge: () => edge,
      now: Date.now,
      // What nobody is told of would only grow, day by day.
      count: (answer, search) => {
        if (config.EDGE_TOKEN) counter.count(answer, search, Date.now())
      },
      address: ({ socket, headers }) => {
        const forwarded = headers['x-forwarded-for']
        if (trusted.length === 0) return socket.remoteAddress
        return clientAddress(
          socket.remoteAddress,
          forwarded === undefined ? null : String(forwarded),
          trusted,
        )
      },
    },
    request,
    response,
  ),
)
server.listen(config.EDGE_PORT, config.EDGE_HOST, () => {
  const address = server.address()
  log('listening', typeof address === 'object' && address ? { port: address.port } : {})
})

const stop = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort())
for (let round = 0; !stop.signal.aborted; round++) {
  await refresh().catch((error) => log('no new snapshot', { error: String(error) }))
  if (round % 12 === 0) await report()
  await sleep(config.EDGE_REFRESH_S * 1000, undefined, { signal: stop.signal }).catch(() => {})
}
server.close()
server.closeAllConnections()
await report()
