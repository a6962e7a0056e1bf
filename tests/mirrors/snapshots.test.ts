/** From the registry's rows to what an edge answers, over the portal's own address. */

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  countme,
  mirror_host,
  mirror_netblock,
  mirror_repository,
  mirror_site,
  mirror_url,
} from '../../db/schema/mirrors.ts'
import { generation, repository } from '../../db/schema/repos.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { addCounts } from '../../src/mirrors/counts.ts'
import { Edge } from '../../src/mirrors/edge/answer.ts'
import { decodeSnapshot } from '../../src/mirrors/edge/snapshot.ts'
import { publishSnapshot } from '../../src/mirrors/snapshots.ts'
import { createPortal } from '../../src/portal.ts'
import { prepareRelease } from '../support/builds.ts'
import { ctxOf, personActor, type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
beforeAll(async () => {
  app = await testApp()
  await prepareRelease(app)
  await transaction({ app }, async (tx) => {
    const [repo] = await tx.select().from(repository).where(eq(repository.name, 'baseos-10'))
    const hashes = { md5: 'a', sha1: 'b', sha256: 'c', sha512: 'd' }
    await tx.insert(generation).values({
      ...{
        repository_id: repo?.id ?? 0,
        timestamp_s: 1,
        size_bytes: 2,
        hashes,
        files: [],
      },
      ...{ push_id: 1, created_at: 0, published_at: 1 },
    })
    const [site] = await tx
      .insert(mirror_site)
      .values({ name: 'Uni', contacts: ['noc@uni.example'], created_at: 0 })
      .returning()
    const host = async (name: string, more: object) => {
      const [row] = await tx
        .insert(mirror_host)
        .values({
          ...{ site_id: site?.id ?? 0, name, country: 'DE', bandwidth_mbps: 100, state: 'active' },
          ...{ proof_token: 'secret-proof', proved_at: 1, created_at: 0, modified_at: 0, ...more },
        })
        .returning()
      const host_id = row?.id ?? 0
      await tx
        .insert(mirror_url)
        .values({ host_id, protocol: 'https', url: `https://${name}/keel/` })
      const state = { fresh: 3, outcome: 'fresh', listed: true, checked_at: 0 }
      await tx.insert(mirror_repository).values({ host_id, repository_id: repo?.id ?? 0, ...state })
      return host_id
    }
    await host('good.example', {})
    await host('paused.example', { state: 'paused' })
    await host('unproved.example', { proved_at: null })
    await host('resting.example', {
      maintenance_from: 0,
      maintenance_until: app.clock.now() + 1000,
    })
    await host('gone.example', { state: 'retired' })
    const campus = await host('campus.example', { visibility: 'private' })
    await tx.insert(mirror_netblock).values({ host_id: campus, cidr: '198.51.100.0/24' })
  })
})
afterAll(() => app.end())

const geo = { country: () => 'DE', asn: () => undefined }

async function edge(): Promise<Edge> {
  const answer = await createPortal(app).request('/api/mirrors/snapshot')
  expect(answer.status).toBe(200)
  return new Edge(decodeSnapshot(new Uint8Array(await answer.arrayBuffer())), geo)
}

describe('the snapshot', () => {
  it('is served with a tag, and only anew when something changed', async () => {
    const portal = createPortal(app)
    expect((await portal.request('/api/mirrors/snapshot')).status).toBe(404)
    expect(await publishSnapshot(app)).toBe(true)
    expect(await publishSnapshot(app)).toBe(false)
    const answer = await portal.request('/api/mirrors/snapshot')
    const headers = { 'If-None-Match': answer.headers.get('ETag') ?? '' }
    expect((await portal.request('/api/mirrors/snapshot', { headers })).status).toBe(304)
    expect(Buffer.from(await answer.arrayBuffer()).includes('secret-proof')).toBe(false)
  })

  it('lists who has the files, the portal last, and says why others are out', async () => {
    const explained = (await edge()).explain({
      repo: 'baseos-10',
      arch: 'x86_64',
      address: '192.0.2.1',
    })
    expect(explained?.in.map((each) => each.mirror)).toEqual(['good.example', 'portal.test'])
    const why = Object.fromEntries(explained?.out.map((each) => [each.mirror, each.why]) ?? [])
    expect(why).toEqual({
      'paused.example': 'paused',
      'unproved.example': 'unproved',
      'resting.example': 'maintenance',
      'campus.example': 'private',
    })
  })

  it('serves a private mirror to its netblock first', async () => {
    const { body } = (await edge()).mirrorlist({
      repo: 'baseos-10',
      arch: 'x86_64',
      address: '198.51.100.9',
    })
    expect(body.split('\n')[1]).toBe('https://campus.example/keel/keel/10/BaseOS/x86_64/os/')
  })

  it('follows the end of a maintenance window', async () => {
    app.clock.advance(1000)
    expect(await publishSnapshot(app)).toBe(true)
    const explained = (await edge()).explain({ repo: 'baseos-10', arch: 'x86_64' })
    expect(explained?.in.map((each) => each.mirror)).toContain('resting.example')
  })
})

describe('the web', () => {
  it('answers from the snapshot once there are mirrors, and explains', async () => {
    const portal = createPortal(app)
    const answer = await portal.request('/mirrorlist?repo=baseos-10&arch=x86_64')
    expect(answer.headers.get('X-Snapshot-Age')).toMatch(/^\d+$/)
    const list = await answer.text()
    expect(list).toContain('https://good.example/keel/keel/10/BaseOS/x86_64/os/')
    const metalink = await (await portal.request('/metalink?repo=baseos-10&arch=x86_64')).text()
    expect(metalink).toContain(
      'https://good.example/keel/keel/10/BaseOS/x86_64/os/repodata/repomd.xml',
    )
    const explained = await portal.request(
      '/api/mirrors/explain?repo=baseos-10&arch=x86_64&ip=192.0.2.1',
    )
    expect(await explained.json()).toMatchObject({
      in: expect.arrayContaining([expect.objectContaining({ mirror: 'good.example' })]),
      out: expect.arrayContaining([
        {
          mirror: 'paused.example',
          country: 'DE',
          why: 'paused',
          sentence: 'Its admins paused it.',
        },
      ]),
    })
    const file = await portal.request('/download/keel/10/BaseOS/x86_64/os/Packages/h/hello.rpm')
    expect(file.status).toBe(302)
    expect(file.headers.get('Location')).toMatch(/\.example\/keel\/keel\/10\/BaseOS|portal\.test/)
    expect((await portal.request('/metalink?repo=nope&arch=x')).status).toBe(404)
    const odd = await portal.request('/download/nowhere/a%23b%3Fc++.iso')
    expect(odd.headers.get('Location')).toBe('/pub/nowhere/a%23b%3Fc%2B%2B.iso')
    expect((await portal.request('/download/..%2f..%2faccount')).status).toBe(404)
  })
})

describe('counts', () => {
  it('add up, from those who may tell, in the form that edges use', async () => {
    const admin = ctxOf(app, personActor(1, 'boss', ['member', 'admin']))
    const counts = { countme: { '2026-11-23\tbaseos-10\tx86_64\t2': 3 }, answers: {} }
    await addCounts(admin, counts)
    await addCounts(admin, counts)
    expect(await app.db.select().from(countme)).toMatchObject([{ bucket: 2, count: 6 }])
    await expect(addCounts(ctxOf(app, personActor(2, 'other')), counts)).rejects.toMatchObject({
      code: 'account.forbidden',
    })
    for (const key of ['nonsense', '2026-11-23\tbaseos-10\tx86_64\tx', '2026-11-23\ta\tb\t9'])
      await expect(addCounts(admin, { countme: { [key]: 1 }, answers: {} })).rejects.toMatchObject({
        code: 'input.invalid',
      })
  })
})

describe('a repository that is not readable by all yet', () => {
  const query = { repo: 'baseos-10', arch: 'x86_64', address: '192.0.2.1' }
  const folder = () => join(app.config.data_dir, 'pub/keel/10/BaseOS/x86_64/os')
  const hold = async (mode: number) => {
    mkdirSync(join(folder(), 'repodata'), { recursive: true })
    writeFileSync(join(folder(), 'repodata/repomd.xml'), '<repomd/>')
    chmodSync(folder(), mode)
    app.clock.advance(60_000)
    await publishSnapshot(app)
  }

  it('is offered by no list of mirrors and no metalink, until it is', async () => {
    await hold(0o750)
    const held = await edge()
    expect(held.mirrorlist(query).status).toBe(404)
    expect(held.metalink(query).status).toBe(404)
    await hold(0o755)
    expect((await edge()).mirrorlist(query).status).toBe(200)
  })
})
