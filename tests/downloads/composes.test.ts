/** Composes as rows and over HTTP: who begins one, when one begins by itself, what is offered, what goes. */
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { eq } from 'drizzle-orm'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { compose, image } from '../../db/schema/downloads.ts'
import { event } from '../../db/schema/kernel.ts'
import { generation, repository } from '../../db/schema/repos.ts'
import { setReleaseState } from '../../src/distribution/releases.ts'
import { composeFollowsTask, composeTask } from '../../src/downloads/compose-task.ts'
import {
  queueDueComposes,
  startCompose,
  waitsForCompose,
  withdrawOlder,
} from '../../src/downloads/composes.ts'
import { offeredDownloads, removeWithdrawn } from '../../src/downloads/downloads.ts'
import { imageFacts } from '../../src/downloads/facts.ts'
import { imageNames } from '../../src/downloads/image.ts'
import { placesOf } from '../../src/downloads/sources.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/kernel/clock.ts'
import { deliver } from '../../src/kernel/subscribers.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { mirrorStates, type Snapshot } from '../../src/mirrors/edge/snapshot.ts'
import { createPortal } from '../../src/portal.ts'
import type { TaskHandler } from '../../src/tasks/handler.ts'
import { claimTask } from '../../src/tasks/leases.ts'
import { runTask } from '../../src/tasks/runner.ts'
import { WORKER_CHANNEL } from '../../src/tasks/task.ts'
import { cancelTask, getTask } from '../../src/tasks/tasks.ts'
import { prepareRelease, RELEASE } from '../support/builds.ts'
import { ctxOf, personActor, type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
let portal: ReturnType<typeof createPortal>
beforeEach(async () => {
  app = await testApp()
  portal = createPortal(app)
  await prepareRelease(app)
  // Pending, a release waits for its seeds, of which there are none here.
  await setReleaseState(ctxOf(app), RELEASE, 'current', 'for a test')
})
afterEach(() => app.end())

/** Publishes new metadata of every stable repository, with so many packages in each. */
async function publish(packages: number): Promise<void> {
  const rows = await app.db.select().from(repository).where(eq(repository.stage, 'stable'))
  await transaction({ app }, async (tx) => {
    for (const row of rows) {
      const hashes = { md5: '', sha1: '', sha256: `${row.id}`, sha512: '' }
      const [made] = await tx
        .insert(generation)
        .values({
          ...{ repository_id: row.id, timestamp_s: app.clock.now() / 1000, size_bytes: 1, hashes },
          ...{ files: [], packages },
          ...{ push_id: row.generation_id + row.id * 1000, created_at: app.clock.now() },
          published_at: app.clock.now(),
        })
        .returning()
      await tx
        .update(repository)
        .set({ generation_id: made?.id ?? 0 })
        .where(eq(repository.id, row.id))
    }
  })
}

const rows = () => app.db.select().from(compose)

/** A compose that is done, with an image that is offered, and its files. */
async function madeImage(label: string): Promise<{ compose_id: number; files: string[] }> {
  const ctx = ctxOf(app)
  const [release] = app.distribution.releases
  if (!release) throw new Error('no release')
  const started = await startCompose(ctx, RELEASE)
  await cancelTask(ctx, started.compose.task_id)
  const names = imageNames('keel', release.version, 'x86_64', label)
  const facts = imageFacts({
    ...{ portal_url: app.config.url, distribution: app.distribution, release, arch: 'x86_64' },
    ...{ label, names, size_bytes: 5, sha256: 'f'.repeat(64), packages: 8, boots: [] },
    ...{ source_date_s: app.clock.now() / 1000, made_at: app.clock.now() },
    ...{
      fingerprint: 'ABCD'.repeat(10),
      sources: [],
      magnet: 'magnet:?',
      has_zsync: true,
      has_md5: true,
    },
    notes: [{ code: 'compose.no-boot', params: { arch: 'x86_64' } }],
  })
  const compose_id = started.compose.id
  await transaction(ctx, async (tx) => {
    await tx.update(compose).set({ state: 'done', label }).where(eq(compose.id, compose_id))
    await tx.insert(image).values({
      ...{ compose_id, release: RELEASE, arch: 'x86_64', path: names.path },
      ...{ tree_path: names.tree_path, facts, published_at: app.clock.now() },
    })
  })
  const files = [names.path, names.tree_path].map((path) => {
    const folder = join(app.config.data_dir, 'pub', path)
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'file'), 'x')
    return join(folder, 'file')
  })
  return { compose_id, files }
}

describe('a compose', () => {
  it('is refused with the reason while nothing is stable', async () => {
    await publish(0)
    await expect(startCompose(ctxOf(app), RELEASE)).rejects.toMatchObject({
      code: 'compose.refused',
      details: { reasons: [{ code: 'compose.nothing-stable' }] },
    })
    expect(await rows()).toEqual([])
  })

  it('is begun by administrators only, and once at a time', async () => {
    await publish(1)
    for (const role of ['member', 'packager'] as const) {
      const ctx = ctxOf(app, personActor(1, 'ann', [role]))
      await expect(startCompose(ctx, RELEASE)).rejects.toMatchObject({ code: 'account.forbidden' })
    }
    const admin = ctxOf(app, personActor(1, 'ann', ['admin']))
    const [first, second] = await Promise.all([
      startCompose(admin, RELEASE),
      startCompose(admin, RELEASE),
    ])
    expect(first?.compose.id).toBe(second?.compose.id)
    expect([first?.fresh, second?.fresh].sort()).toEqual([false, true])
    expect(await rows()).toHaveLength(1)
  })

  it('is over when its task is, and the next one may begin', async () => {
    await publish(1)
    const ctx = ctxOf(app)
    const { compose: first } = await startCompose(ctx, RELEASE)
    await cancelTask(ctx, first.task_id)
    await deliver(app, composeFollowsTask)
    expect(await rows()).toMatchObject([{ state: 'failed' }])
    const types = (await app.db.select().from(event)).map((each) => each.type)
    expect(types).toEqual(expect.arrayContaining(['compose.started', 'compose.failed']))
    // It has made nothing, so nothing is up to date.
    expect((await waitsForCompose(ctx, RELEASE)).map((each) => each.code)).toEqual([
      'compose.interval',
    ])
    expect((await startCompose(ctx, RELEASE)).fresh).toBe(true)
  })

  it('fails at once, with the file named, where a boot file was not supplied', async () => {
    await publish(1)
    const [release] = app.distribution.releases
    const bios = { loader: 'isolinux' as const, image: 'boot/none.bin' }
    const boot = { arch: 'x86_64', kernel: 'distribution.yaml', initrd: 'distribution.yaml', bios }
    if (!release) throw new Error('no release')
    const distribution = { ...app.distribution, releases: [{ ...release, boot: [boot] }] }
    const { compose: row } = await startCompose(ctxOf(app), RELEASE)
    const task = await claimTask(app, { name: 'w', channels: [WORKER_CHANNEL], arches: ['noarch'] })
    if (!task) throw new Error('no task')
    const handlers = new Map([[composeTask.method, composeTask as TaskHandler]])
    await runTask({ ...app, distribution }, handlers, task)
    const ended = await getTask(app.db, row.task_id)
    const params = { file: 'boot/none.bin' }
    expect(ended?.reason).toEqual({ code: 'compose.boot-missing', params })
    await deliver(app, composeFollowsTask)
    expect(await rows()).toMatchObject([{ state: 'failed' }])
  })

  it('begins by itself once something is stable, and again after a change, not sooner than a day', async () => {
    const ctx = ctxOf(app)
    const look = async () => {
      await queueDueComposes(ctx)
      return (await rows()).map(({ why }) => why)
    }
    await publish(0)
    expect(await look()).toEqual([])
    await publish(1)
    expect(await look()).toEqual(['first'])
    expect(await look()).toEqual(['first'])
    const [first] = await rows()
    const all = await app.db.select().from(repository)
    const stable = all.filter((row) => row.stage === 'stable' && row.arch !== 'src')
    await cancelTask(ctx, first?.task_id ?? 0)
    const generation_ids = stable.map((row) => row.generation_id)
    await transaction(ctx, (tx) => tx.update(compose).set({ state: 'done', generation_ids }))
    app.clock.advance(2 * DAY_MS)
    expect((await waitsForCompose(ctx, RELEASE)).map((each) => each.code)).toEqual([
      'compose.unchanged',
    ])
    expect(await look()).toEqual(['first'])
    await publish(2)
    expect(await look()).toEqual(['first', 'changed'])
  })
})

describe('what is offered', () => {
  it('is the newest first, then what is kept', async () => {
    await publish(1)
    await madeImage('20260105.0')
    await madeImage('20260105.1')
    const { recommended, current, earlier } = await offeredDownloads(ctxOf(app))
    expect(recommended?.facts.label).toBe('20260105.1')
    expect(current.map(({ facts }) => facts.label)).toEqual(['20260105.1'])
    expect(earlier.map(({ facts }) => facts.label)).toEqual(['20260105.0'])
  })

  it('is nothing that is not readable by all yet', async () => {
    await publish(1)
    await madeImage('20260105.0')
    const { files } = await madeImage('20260105.1')
    const labels = async () => {
      app.clock.advance(MINUTE_MS)
      const { current, earlier } = await offeredDownloads(ctxOf(app))
      return [...current, ...earlier].map(({ facts }) => facts.label)
    }
    for (const file of files) chmodSync(dirname(file), 0o750)
    expect(await labels()).toEqual(['20260105.0'])
    const { items } = (await (await portal.request('/api/downloads')).json()) as { items: [] }
    expect(JSON.stringify(items)).not.toContain('20260105.1')
    for (const file of files) chmodSync(dirname(file), 0o755)
    expect(await labels()).toEqual(['20260105.1', '20260105.0'])
  })

  it('is told as JSON with the sentences of its notes, and as a feed', async () => {
    await publish(1)
    const { compose_id } = await madeImage('20260105.0')
    const answer = await portal.request('/api/downloads')
    const { items } = (await answer.json()) as { items: Record<string, unknown>[] }
    expect(items).toMatchObject([
      { filename: 'keel-10-20260105.0-x86_64-dvd.iso', is_current: true, size_bytes: 5 },
    ])
    expect(JSON.stringify(items[0]?.notes)).toContain('names no kernel and boot loader')
    const etag = answer.headers.get('ETag') ?? ''
    const again = await portal.request('/api/downloads', { headers: { 'If-None-Match': etag } })
    expect(again.status).toBe(304)
    const none = await portal.request('/api/downloads?arch=s390x')
    expect(await none.json()).toEqual({ items: [] })
    const one = await portal.request(`/api/composes/${compose_id}`)
    expect(await one.json()).toMatchObject({ state: 'done', images: [{ arch: 'x86_64' }] })
    expect((await portal.request('/api/composes/99')).status).toBe(404)
    for (const kind of ['atom', 'json']) {
      const feed = await (await portal.request(`/feeds/downloads.${kind}`)).text()
      expect(feed).toContain('Keel Linux 10 for x86_64, 20260105.0')
    }
  })

  it('shrinks to what is kept, and files go after the grace', async () => {
    await publish(1)
    const ctx = ctxOf(app)
    const older = await madeImage('20260105.0')
    const newer = await madeImage('20260105.1')
    await transaction(ctx, (tx) => withdrawOlder(tx, ctx, RELEASE, 1))
    expect((await offeredDownloads(ctx)).earlier).toEqual([])
    app.clock.advance(23 * HOUR_MS)
    await removeWithdrawn(ctx)
    expect(older.files.every((file) => existsSync(file))).toBe(true)
    app.clock.advance(2 * HOUR_MS)
    await removeWithdrawn(ctx)
    expect(older.files.some((file) => existsSync(file))).toBe(false)
    expect(newer.files.every((file) => existsSync(file))).toBe(true)
    const [row] = await app.db.select().from(image).where(eq(image.compose_id, older.compose_id))
    expect(row?.removed_at).toBe(app.clock.now())
  })

  it('needs no folder of work of a compose that has ended', async () => {
    await publish(1)
    const work = (name: string) => join(app.config.data_dir, 'work', name)
    const { compose: running } = await startCompose(ctxOf(app), RELEASE)
    for (const name of [`compose-${running.id}`, 'compose-99', 'gone-0123', 'push-1'])
      mkdirSync(work(name), { recursive: true })
    await removeWithdrawn(ctxOf(app))
    const left = [`compose-${running.id}`, 'compose-99', 'gone-0123', 'push-1'].filter((name) =>
      existsSync(work(name)),
    )
    expect(left).toEqual([`compose-${running.id}`, 'push-1'])
  })
})

describe('mirrors of an image', () => {
  const mirror = (name: string, more: Partial<Snapshot['mirrors'][number]> = {}) => ({
    ...{ name, country: 'DE', latitude: null, longitude: null, asn: null, peer_asns: [] },
    ...{ bandwidth_mbps: 100, private: false, ipv4: true, ipv6: true },
    urls: [
      { protocol: 'rsync' as const, url: `rsync://${name}/keel/` },
      { protocol: 'https' as const, url: `https://${name}/keel/` },
    ],
    ...more,
  })

  it('are public, fresh for all its repositories, and the fastest come first', () => {
    const mirrors = [
      mirror('slow.example'),
      mirror('fast.example', { bandwidth_mbps: 1000 }),
      mirror('hidden.example', { private: true }),
      mirror('half.example'),
      mirror('rsync.example', { urls: [{ protocol: 'rsync', url: 'rsync://x/' }] }),
    ]
    const state = (name: (typeof mirrorStates)[number]) => mirrorStates.indexOf(name)
    const fresh = mirrors.map(() => state('fresh'))
    const second = fresh.map((each, at) => (at === 3 ? state('stale') : each))
    const snapshot = {
      ...{ mirrors, repositories: [{ path: 'a' }, { path: 'b' }] },
      states: Uint8Array.from([...fresh, ...second]),
    } as unknown as Snapshot
    const path = 'keel/10/isos/a b.iso'
    expect(placesOf(snapshot, ['a', 'b'], path)).toEqual([
      expect.objectContaining({ url: 'https://fast.example/keel/keel/10/isos/a%20b.iso' }),
      expect.objectContaining({ url: 'https://slow.example/keel/keel/10/isos/a%20b.iso' }),
    ])
    expect(placesOf(snapshot, ['a', 'unknown'], path)).toEqual([])
  })
})
