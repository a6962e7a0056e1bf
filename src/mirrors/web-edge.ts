/** The edge inside the web: the same answers from the same snapshot, read from the file that the worker writes. */
import { stat } from 'node:fs/promises'
import { SECOND_MS } from '../kernel/clock.ts'
import { type App, systemCtx } from '../kernel/context.ts'
import { addCounts } from './counts.ts'
import { type Answer, Edge } from './edge/answer.ts'
import { Counter, partsOfCounts } from './edge/counter.ts'
import { type Geo, openGeo } from './edge/geo.ts'
import { decodeSnapshot } from './edge/snapshot.ts'
import { readSnapshot, snapshotFile } from './snapshots.ts'

const LOOK_EVERY_MS = SECOND_MS
const COUNT_EVERY_MS = 60 * SECOND_MS

export interface WebEdge {
  /** The edge over the newest snapshot; undefined while there is none. */
  current(): Promise<Edge | undefined>
  count(answer: Answer, search: string): void
}

const edges = new WeakMap<App['database'], WebEdge>()

/** The one edge of this process over an app: API and pages read one snapshot. */
export function webEdgeOf(app: App): WebEdge {
  const edge = edges.get(app.database) ?? createWebEdge(app)
  edges.set(app.database, edge)
  return edge
}

/** @param app whose clock, configuration and database it uses */
function createWebEdge(app: App): WebEdge {
  const counter = new Counter()
  let geo: Promise<Geo> | undefined
  let edge: Edge | undefined
  let modified = 0
  let looked = 0
  let counting = false

  const look = async () => {
    const found = await stat(snapshotFile(app)).catch(() => undefined)
    if (!found || found.mtimeMs === modified) return
    const snapshot = await readSnapshot(app)
    if (!snapshot) return
    geo ??= openGeo({ country: app.config.geo_country, asn: app.config.geo_asn })
    const places = await geo
    modified = found.mtimeMs
    try {
      edge = new Edge(decodeSnapshot(snapshot.bytes), places)
    } catch (error) {
      // One of another version, for a moment after an upgrade: the worker writes it anew.
      app.log.warn({ err: error }, 'the snapshot of mirrors cannot be read')
    }
  }
  const tell = async () => {
    if (counter.isEmpty()) return
    for (const counts of partsOfCounts(counter.take()))
      await addCounts(systemCtx(app, 'edge'), counts).catch((error) => {
        counter.putBack(counts)
        app.log.warn({ err: error }, 'counts not kept')
      })
  }
  return {
    async current() {
      const now = performance.now()
      if (now - looked >= LOOK_EVERY_MS || !edge) {
        looked = now
        await look()
      }
      return edge
    },
    count(answer, search) {
      counter.count(answer, search, app.clock.now())
      if (!counting) setInterval(() => void tell(), COUNT_EVERY_MS).unref()
      counting = true
    },
  }
}
