/** The registry: what a mirror may say of itself, who may change it, tiers, and mirrors as files. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { audit_entry, event } from '../../db/schema/kernel.ts'
import { DAY_MS } from '../../src/kernel/clock.ts'
import { exportMirrors, importMirrors } from '../../src/mirrors/exchange.ts'
import {
  changeMirror,
  changeMirrorState,
  setMaintenance,
  signUpMirror,
} from '../../src/mirrors/hosts.ts'
import {
  isExcluded,
  mirrorInput,
  readMirrorUrl,
  readNetblock,
  readSource,
} from '../../src/mirrors/mirror.ts'
import { readMirrorFile } from '../../src/mirrors/mirror-file.ts'
import {
  addSource,
  allowedSources,
  removeSource,
  requestTier1,
  reviewTier1,
} from '../../src/mirrors/tiers.ts'
import { describeMirror, listMirrors } from '../../src/mirrors/views.ts'
import { createPortal } from '../../src/portal.ts'
import { mirrorData, provedMirror, siteData } from '../support/mirror-world.ts'
import { ctxOf, personActor, type TestApp, testApp } from '../support/test-app.ts'

const URL_OF = 'https://mirror.harbour.example/keel/'

describe('what a mirror says', () => {
  it('has addresses with one slash at their end, public hosts and no tricks', () => {
    const url = (text: string) => readMirrorUrl(text)
    expect(url('HTTPS://Mirror.Example.ORG/keel')).toEqual({
      protocol: 'https',
      url: 'https://mirror.example.org/keel/',
    })
    expect(url('rsync://mirror.example.org/keel///')).toMatchObject({ protocol: 'rsync' })
    expect(url('https://mirror.example.org/keel//')).toMatchObject({
      url: 'https://mirror.example.org/keel/',
    })
    for (const bad of [
      ...[
        '',
        'mirror.example.org',
        'gopher://mirror.example.org/',
        'https://localhost/',
        'http://10.1.2.3/',
      ],
      ...[
        'https://[::1]/',
        'https://mirror/',
        'https://a:b@mirror.example.org/',
        'http://2130706433/',
      ],
      ...[
        'https://mirror.example.org/?a',
        'https://mirror.example.org/a b',
        'http://0x7f.1/',
        'https://x.local/',
      ],
      ...['https://mirror.example.org/%00', "https://mirror.example.org/'", 'file:///etc/passwd'],
    ])
      expect(url(bad), bad).toHaveProperty('fault')
    expect(readMirrorUrl('http://127.0.0.1:8080/pub', ['127.0.0.1:8080'])).toMatchObject({
      url: 'http://127.0.0.1:8080/pub/',
    })
  })

  it('has netblocks that are public and not too wide', () => {
    expect(readNetblock('193.0.7.9/21')).toBe('193.0.0.0/21')
    expect(readNetblock('2a01:4F8::5/32')).toBe('2a01:4f8::/32')
    for (const bad of [
      '193.0.0.0/7',
      '0.0.0.0/0',
      '2000::/18',
      '10.0.0.0/8',
      '172.0.0.0/8',
      '192.0.0.0/8',
    ])
      expect(readNetblock(bad), bad).toBeUndefined()
    for (const bad of [
      '169.254.1.0/24',
      '127.0.0.0/8',
      'fc00::/20',
      '::ffff:1.2.3.0/120',
      '1.2.3.0',
      'x/8',
      '1.2.3.4/33',
    ])
      expect(readNetblock(bad), bad).toBeUndefined()
    expect(readSource('193.0.7.9')).toBe('193.0.7.9/32')
    expect(readSource('193.0.0.0/23')).toBeUndefined()
    expect(readSource('10.0.0.1')).toBeUndefined()
    expect(readSource('10.0.0.1', true)).toBe('10.0.0.1/32')
  })

  it('names the field at fault', () => {
    const fault = (change: Record<string, unknown>) => {
      const base = {
        name: 'mirror.harbour.example',
        urls: [URL_OF],
        country: 'de',
        bandwidth_mbps: 10,
      }
      return mirrorInput()
        .safeParse({ ...base, ...change })
        .error?.issues[0]?.path.join('.')
    }
    expect(fault({})).toBeUndefined()
    expect(fault({ country: 'XX' })).toBe('country')
    expect(fault({ urls: ['ftp://mirror.harbour.example/'] })).toBe('urls')
    expect(fault({ urls: [URL_OF, 'rsync://victim.example.org/x/'] })).toBe('urls')
    expect(fault({ netblocks: ['193.0.0.0/21', '10.0.0.0/8'] })).toBe('netblocks.1')
    expect(fault({ ipv4: false, ipv6: false })).toBe('ipv4')
    expect(fault({ name: '<script>' })).toBe('name')
    expect(fault({ nmae: 1 })).toBe('')
  })

  it('may leave out releases, arches and repositories', () => {
    const repository = { release: 'keel10', arch: 'x86_64', name: 'baseos-10' }
    const any = { release: null, arch: null, repository: null }
    expect(isExcluded([{ ...any, arch: 'aarch64' }], repository)).toBe(false)
    expect(isExcluded([{ ...any, arch: 'x86_64', release: 'keel10' }], repository)).toBe(true)
    expect(isExcluded([{ ...any, repository: 'baseos-10', release: 'keel9' }], repository)).toBe(
      false,
    )
  })
})

describe('the registry', () => {
  let app: TestApp
  beforeEach(async () => {
    app = await testApp()
  })
  afterEach(() => app.end())
  const ann = () => ctxOf(app, personActor(1, 'ann'))
  const bob = () => ctxOf(app, personActor(2, 'bob'))
  const root = () => ctxOf(app, personActor(3, 'root', ['member', 'admin']))
  const name = 'mirror.harbour.example'

  it('lets anyone sign up a mirror, and only its admins change it', async () => {
    const mirror = mirrorData(name, URL_OF)
    await signUpMirror(ann(), { site: siteData(), mirror })
    expect(await listMirrors(bob())).toEqual([])
    await expect(describeMirror(bob(), name)).rejects.toMatchObject({ code: 'not-found' })
    expect((await describeMirror(ann(), name)).managed?.proof.line).toMatch(
      /^slipway-mirror-[0-9a-f]{32}$/,
    )
    const again = signUpMirror(bob(), { site: siteData('Other'), mirror })
    await expect(again).rejects.toMatchObject({
      code: 'mirror.name-taken',
      details: { field: 'name' },
    })
    const same = signUpMirror(bob(), {
      site: siteData(),
      mirror: mirrorData('b.harbour.example', URL_OF),
    })
    await expect(same).rejects.toMatchObject({ code: 'mirror.not-admin' })
    for (const act of [
      () => changeMirror(bob(), name, mirror),
      () => changeMirrorState(bob(), name, 'retire'),
      () => setMaintenance(bob(), name, { from: null, until: null, note: '' }),
      () => requestTier1(bob(), name, ''),
      () => addSource(bob(), name, { cidr: '193.0.7.9', expires_at: null }),
    ])
      await expect(act()).rejects.toMatchObject({ code: 'mirror.not-admin' })
    await expect(
      changeMirror(ctxOf(app, { kind: 'anonymous' }), name, mirror),
    ).rejects.toMatchObject({
      code: 'account.log-in-needed',
    })
    await changeMirror(root(), name, { ...mirror, bandwidth_mbps: 7 })
    const rows = await app.db.select().from(audit_entry)
    expect(rows.map((row) => row.action)).toEqual([
      'mirror-site.made',
      'mirror.made',
      'mirror.changed',
    ])
    expect((await app.db.select().from(event)).map((row) => row.type)).toEqual([
      'mirror.changed',
      'mirror.changed',
    ])
  })

  it('asks for a new proof when the web address changes, and not for less', async () => {
    await provedMirror(app, mirrorData(name, URL_OF))
    const more = [URL_OF, 'rsync://mirror.harbour.example/keel/']
    expect(
      (await changeMirror(ann(), name, mirrorData(name, URL_OF, { urls: more }))).proved_at,
    ).not.toBeNull()
    const moved = mirrorData(name, 'https://elsewhere.example.org/keel/')
    expect((await changeMirror(ann(), name, moved)).proved_at).toBeNull()
    expect(await listMirrors(bob())).toEqual([])
  })

  it('gives tier 1 by review only, and lets in live addresses of tier 1', async () => {
    await provedMirror(app, mirrorData(name, URL_OF))
    const now = app.clock.now()
    await addSource(ann(), name, { cidr: '193.0.7.9', expires_at: now + DAY_MS })
    await expect(
      addSource(ann(), name, { cidr: '193.0.7.9/32', expires_at: null }),
    ).rejects.toMatchObject({
      details: { field: 'cidr' },
    })
    await requestTier1(ann(), name, 'we have ten gigabits')
    expect(await allowedSources(app.db, now)).toEqual([])
    await expect(reviewTier1(ann(), name, { approve: true, reason: 'x' })).rejects.toMatchObject({
      code: 'account.forbidden',
    })
    await reviewTier1(root(), name, { approve: true, reason: 'well known' })
    expect(await allowedSources(app.db, now)).toMatchObject([
      { cidr: '193.0.7.9/32', mirror: name },
    ])
    expect(await allowedSources(app.db, now + DAY_MS)).toEqual([])
    await changeMirrorState(ann(), name, 'pause')
    expect(await allowedSources(app.db, now)).toEqual([])
    await removeSource(ann(), name, '193.0.7.9/32')
    await reviewTier1(root(), name, { approve: false, reason: 'left' })
    expect((await describeMirror(root(), name)).tier).toBe(2)
  })

  it('takes no window that is half, backwards or endless', async () => {
    await provedMirror(app, mirrorData(name, URL_OF))
    for (const [from, until] of [
      [1, null],
      [5, 5],
      [0, 61 * DAY_MS],
      [0, Number.NaN],
    ] as const)
      await expect(setMaintenance(ann(), name, { from, until, note: '' })).rejects.toMatchObject({
        details: { field: 'until' },
      })
  })

  it('goes out as files and comes back the same', async () => {
    const change = {
      ...{ netblocks: ['193.0.0.0/21', '2a01:4f8::/32'], peer_asns: [64500, 680], asn: 680 },
      ...{ latitude: 52.5, longitude: 13.4, visibility: 'private' },
      exclusions: [{ arch: 'aarch64' }],
    }
    await provedMirror(app, mirrorData(name, URL_OF, change))
    await addSource(ann(), name, { cidr: '193.0.7.9', expires_at: app.clock.now() + DAY_MS })
    const system = ctxOf(app)
    const [before] = await exportMirrors(system)
    if (!before) throw new Error('nothing was exported')
    const file = readMirrorFile('a.yaml', before.text)
    expect(await importMirrors(system, [file])).toMatchObject([{ name, made: false }])
    expect(await exportMirrors(system)).toEqual([before])
    const other = readMirrorFile('b.yaml', before.text.replaceAll('mirror.harbour', 'b.harbour'))
    expect(await importMirrors(system, [other])).toMatchObject([{ made: true }])
    expect(await listMirrors(bob())).toHaveLength(2)
    await expect(importMirrors(ann(), [file])).rejects.toMatchObject({ code: 'account.forbidden' })
  })

  it('answers over HTTP with what is known, and names faults', async () => {
    await provedMirror(app, mirrorData(name, URL_OF))
    const portal = createPortal(app)
    const get = async (path: string) => {
      const response = await portal.request(`http://portal.test${path}`)
      return { status: response.status, body: (await response.json()) as Record<string, unknown> }
    }
    expect(await get('/api/mirrors?country=de')).toMatchObject({
      status: 200,
      body: { items: [{ name }] },
    })
    expect(await get('/api/mirrors?country=FR')).toMatchObject({ body: { items: [] } })
    const { body } = await get(`/api/mirrors/${name}`)
    expect(body).toMatchObject({ state: 'active', urls: [URL_OF], repositories: [] })
    expect(JSON.stringify(body)).not.toMatch(/slipway-mirror-|noc@/)
    expect(await get(`/api/mirrors/${name}/checks`)).toMatchObject({
      body: { items: [], next: null },
    })
    expect(await get('/api/mirrors/%27%3C')).toMatchObject({ status: 404 })
  })
})

describe('a file with a typo', () => {
  const good = `name: mirror.harbour.example
site:
  name: Harbour
  contacts: [noc@harbour.example]
urls:
  - https://mirror.harbour.example/keel/
country: DE
bandwidth_mbps: 1000
netblocks:
  - 193.0.0.0/21
  - 193.0.8.0/21
`
  const fault = (from: string, to: string) => {
    try {
      readMirrorFile('mirrors/a.yaml', good.replace(from, to))
    } catch (error) {
      return error instanceof Error ? error.message : ''
    }
    return undefined
  }

  it('is named with file, line and field', () => {
    expect(fault('', '')).toBeUndefined()
    expect(fault('bandwidth_mbps', 'bandwith_mbps')).toContain(
      'mirrors/a.yaml:8:1: bandwith_mbps: there is no such field',
    )
    expect(fault('193.0.8.0/21', '193.0.8.0/2')).toMatch(/^mirrors\/a\.yaml:11:5: netblocks\.1: /)
    expect(fault('contacts', 'contact')).toContain(
      'mirrors/a.yaml:4:3: site.contact: there is no such field',
    )
    expect(fault('DE', 'Germany')).toMatch(/^mirrors\/a\.yaml:7:1: country: must be a country code/)
    expect(fault('country: DE\n', '')).toMatch(/^mirrors\/a\.yaml:1:1: country: /)
    expect(fault('urls:', 'urls')).toMatch(/^mirrors\/a\.yaml:\d+:\d+: /)
    expect(fault('country: DE', 'country: DE\ncountry: FR')).toMatch(
      /^mirrors\/a\.yaml:8:1: .*unique/,
    )
    expect(fault(good, '- a')).toBe('mirrors/a.yaml:1:1: must hold the fields of one mirror')
    expect(fault('name: Harbour', 'name: &a Harbour\n  url: *a #')).toBe(
      'mirrors/a.yaml:4:8: site.url: must be written out, not as an alias',
    )
    expect(fault('country: DE', 'country: *nobody')).toMatch(/^mirrors\/a\.yaml:7:10: /)
  })
})
