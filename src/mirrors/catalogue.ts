/** What mirrors are compared with: published repositories, read once for many crawls. */
import { SECOND_MS } from '../kernel/clock.ts'
import type { App } from '../kernel/context.ts'
import { publishedDigests, samplePackages } from '../repos/generations.ts'
import { listRepositories } from '../repos/repositories.ts'
import type { WantedRepository } from './looks.ts'

/** A push in between costs nothing: an unknown digest is looked up in the database. */
const KEPT_MS = 20 * SECOND_MS
/** Packages asked for by size, a repository and crawl. */
const SAMPLES = 2

const kept = new WeakMap<App['database'], { made_at: number; list: Promise<WantedRepository[]> }>()

/** Repositories that have been published. */
export function publishedRepositories(app: App): Promise<WantedRepository[]> {
  const now = app.clock.now()
  const last = kept.get(app.database)
  if (last && now - last.made_at < KEPT_MS && now >= last.made_at) return last.list
  const list = readRepositories(app)
  kept.set(app.database, { made_at: now, list })
  list.catch(() => kept.delete(app.database))
  return list
}

async function readRepositories(app: App): Promise<WantedRepository[]> {
  const found: WantedRepository[] = []
  for (const row of await listRepositories(app.db)) {
    const generations = await publishedDigests(app.db, row.id)
    const [current] = generations
    if (!current) continue
    const { id, name, arch, release, path } = row
    const samples = await samplePackages(app.db, id, SAMPLES, () => draw(app))
    found.push({ id, name, arch, release, path, generations, samples })
  }
  return found
}

/** From 0 up to, not including, 1. */
function draw(app: App): number {
  const [a = 0, b = 0, c = 0] = app.random.bytes(3)
  return (a * 65536 + b * 256 + c) / 16_777_216
}
