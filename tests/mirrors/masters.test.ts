/** Configuration of the master's daemons, from the registry and its dates. */
import { readFile } from 'node:fs/promises'
import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mirror_host } from '../../db/schema/mirrors.ts'
import { auditOfSubject } from '../../src/kernel/audit.ts'
import { HOUR_MS } from '../../src/kernel/clock.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { changeMirrorState } from '../../src/mirrors/hosts.ts'
import { configText } from '../../src/mirrors/master/config-text.ts'
import { masterConfig, refreshRsyncd, rsyncdFile } from '../../src/mirrors/masters.ts'
import { addSource, requestTier1, reviewTier1 } from '../../src/mirrors/tiers.ts'
import { mirrorData, provedMirror } from '../support/mirror-world.ts'
import { ctxOf, personActor, type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
beforeAll(async () => {
  app = await testApp()
  await provedMirror(app, mirrorData('one.example.org', 'https://one.example.org/keel/'))
})
afterAll(() => app.end())

const system = () => ctxOf(app)
const ann = () => ctxOf(app, personActor(1, 'ann'))
const tier0 = async () => (await readFile(rsyncdFile(system()), 'utf8')).split('[tier0]')[1] ?? ''

describe('rsyncd', () => {
  it('lets nobody into tier 0 while nobody is approved', async () => {
    await addSource(ann(), 'one.example.org', { cidr: '8.8.4.4', expires_at: null })
    expect(await refreshRsyncd(system())).toBe(true)
    expect(await refreshRsyncd(system())).toBe(false)
    expect(await tier0()).toMatch(/^hosts deny = \*$/m)
    expect(await tier0()).not.toContain('8.8.4.4')
    expect(await tier0()).toMatch(/^list = no$/m)
  })

  it('follows approval, the end of an address, and a pause, each on record', async () => {
    await requestTier1(ann(), 'one.example.org', 'big line')
    const admin = ctxOf(app, personActor(2, 'root', ['member', 'admin']))
    await reviewTier1(admin, 'one.example.org', { approve: true, reason: 'fine' })
    const expires_at = app.clock.now() + HOUR_MS
    await addSource(ann(), 'one.example.org', { cidr: '2606:4700::1', expires_at })
    expect(await refreshRsyncd(system())).toBe(true)
    expect(await tier0()).toMatch(
      /^hosts allow = 2606:4700::1\/128 8\.8\.4\.4\/32\nhosts deny = \*$/m,
    )
    expect(await tier0()).toContain(
      '# 2606:4700::1/128 one.example.org, until 2026-01-05T13:00:00.000Z',
    )
    app.clock.advance(HOUR_MS)
    expect(await refreshRsyncd(system())).toBe(true)
    expect(await tier0()).toMatch(/^hosts allow = 8\.8\.4\.4\/32$/m)
    await changeMirrorState(ann(), 'one.example.org', 'pause')
    await refreshRsyncd(system())
    expect(await tier0()).not.toContain('hosts allow')
    const entries = await auditOfSubject(app.db, 'mirrors:master')
    expect(entries.map((entry) => entry.details)).toEqual([
      { let_in: [], shut_out: ['8.8.4.4/32'] },
      { let_in: [], shut_out: ['2606:4700::1/128'] },
      { let_in: ['2606:4700::1/128', '8.8.4.4/32'], shut_out: [] },
    ])
  })

  it('can be asked for by those who run the portal only', async () => {
    await expect(masterConfig(ann(), 'rsyncd')).rejects.toMatchObject({ code: 'account.forbidden' })
  })
})

describe('a configuration', () => {
  const options = { port: undefined, owner: '1000', group: '1000', connections: 10 }

  it('holds nothing that could be read as another line', async () => {
    const sources = [{ cidr: '8.8.8.0/24\n[evil]', mirror: 'x\n[evil]', expires_at: null }]
    const text = configText('rsyncd', { root: '/srv/pub', host: 'h', sources }, options)
    expect(text).not.toMatch(/^\[evil\]/m)
    expect(text).not.toContain('hosts allow')
    for (const root of ['/srv/pub\nuid = root', '/srv/%HOME%', '/srv/a;b', 'pub'])
      expect(() => configText('nginx', { root, host: 'h', sources: [] }, options)).toThrow(
        'the data folder’s path'.replace('’', "'"),
      )
    await transaction({ app }, (tx) =>
      tx
        .update(mirror_host)
        .set({ state: 'active' })
        .where(eq(mirror_host.name, 'one.example.org')),
    )
  })
})
