/** The edge: netblocks, selection with its promises, answers that clients rely on, and any input at all. */

import { beforeAll, describe, expect, it } from 'vitest'
import { create } from 'xmlbuilder2'
import { MAX_BODY_BYTES } from '../../src/kernel/guards.ts'
import { networkOf, parseAddress, parseNetwork } from '../../src/mirrors/edge/address.ts'
import { Edge } from '../../src/mirrors/edge/answer.ts'
import {
  Chooser,
  cappedWeights,
  GROUPS_MAX,
  LIST_MAX,
  SHARE_MAX,
} from '../../src/mirrors/edge/choose.ts'
import { Counter, partsOfCounts, weekOf } from '../../src/mirrors/edge/counter.ts'
import { distanceKm, type Geo, openGeo } from '../../src/mirrors/edge/geo.ts'
import { answerTo, readQuery } from '../../src/mirrors/edge/http.ts'
import {
  buildNetblockIndex,
  mirrorsAt,
  type Netblock,
  netblockTable,
} from '../../src/mirrors/edge/netblocks.ts'
import { decodeSnapshot, encodeSnapshot, type Snapshot } from '../../src/mirrors/edge/snapshot.ts'
import { makeSnapshot, numbers } from '../support/mirrors.ts'

const index = (blocks: Netblock[]) =>
  buildNetblockIndex(netblockTable(blocks, 4), netblockTable(blocks, 6))

const block = (cidr: string, mirror: number): Netblock => {
  const network = parseNetwork(cidr)
  if (!network) throw new Error(cidr)
  return { ...network, mirror }
}

const at = (blocks: Netblock[], address: string) => {
  const parsed = parseAddress(address)
  if (!parsed) throw new Error(address)
  return [...mirrorsAt(index(blocks), parsed)]
}

describe('netblocks', () => {
  const blocks = [
    block('10.0.0.0/8', 1),
    block('10.1.0.0/16', 2),
    block('10.1.2.0/24', 3),
    block('10.1.2.0/24', 4),
    block('0.0.0.0/1', 5),
    block('255.255.255.255/32', 6),
    block('2001:db8::/32', 7),
    block('2001:db8:1::/48', 8),
    block('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128', 9),
  ]

  it('answer from the most specific to the widest', () => {
    expect(at(blocks, '10.1.2.3')).toEqual([4, 3, 2, 1, 5])
    expect(at(blocks, '10.1.3.3')).toEqual([2, 1, 5])
    expect(at(blocks, '10.2.0.0')).toEqual([1, 5])
    expect(at(blocks, '11.0.0.0')).toEqual([5])
    expect(at(blocks, '128.0.0.0')).toEqual([])
    expect(at(blocks, '255.255.255.255')).toEqual([6])
    expect(at(blocks, '2001:db8:1::5')).toEqual([8, 7])
    expect(at(blocks, '2001:db8:2::5')).toEqual([7])
    expect(at(blocks, '2001:db9::')).toEqual([])
    expect(at(blocks, 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff')).toEqual([9])
    expect(at(blocks, '::ffff:10.1.2.3')).toEqual([4, 3, 2, 1, 5])
  })

  it('agree with looking at every network, for made-up ones', () => {
    const random = numbers(5)
    for (const family of [4, 6] as const) {
      const word = () => Math.floor(random() * 4) * 2 ** 30 + Math.floor(random() * 8)
      const words = () => Array.from({ length: family === 4 ? 1 : 4 }, () => word() >>> 0)
      const made = Array.from({ length: 300 }, (_, mirror) => ({
        ...networkOf(words(), Math.floor(random() * (family === 4 ? 33 : 129))),
        mirror,
      }))
      const built = index(made)
      for (let n = 0; n < 500; n++) {
        const address = { family, words: words() }
        const holding = made
          .filter(({ first, bits }) => networkOf(address.words, bits).first.join() === first.join())
          .sort((a, b) => b.bits - a.bits)
        const found = [...mirrorsAt(built, address)]
        const expected = new Set(holding.slice(0, 25).map(({ mirror }) => mirror))
        expect(found.length).toBe(Math.min(25, holding.length))
        if (holding.length <= 25) expect(new Set(found)).toEqual(expected)
        const bits = found.map((mirror) => made[mirror]?.bits ?? 0)
        expect(bits).toEqual([...bits].sort((a, b) => b - a))
      }
    }
  })
})

describe('weights', () => {
  it('follow bandwidth up to the cap, and what the cap takes goes to the others', () => {
    expect(cappedWeights([100, 100])).toEqual([0.5, 0.5])
    const weights = cappedWeights([10_000, 100, 100, 100, 100])
    expect(Math.max(...weights)).toBeCloseTo(SHARE_MAX)
    expect(weights.reduce((sum, each) => sum + each, 0)).toBeCloseTo(1)
    expect(cappedWeights([])).toEqual([])
    expect(cappedWeights([5])).toEqual([1])
  })
})

const geo: Geo = {
  country: (address) => ({ '192.0.2.1': 'DE', '192.0.2.2': 'AQ', '2001:db8::1': 'DE' })[address],
  asn: (address) => (address === '192.0.2.9' ? 4242 : undefined),
}

/** Mirrors in three countries, two of them special. */
function small(): Snapshot {
  const mirror = (name: string, country: string, more = {}) => ({
    ...{ name, country, latitude: null, longitude: null, asn: null, peer_asns: [] },
    ...{ bandwidth_mbps: 1000, private: false, ipv4: true, ipv6: true },
    urls: [{ protocol: 'https' as const, url: `https://${name}/` }],
    ...more,
  })
  const snapshot = makeSnapshot({ mirrors: 1, countries: 1, repositories: 2, netblocks: 0 })
  const mirrors = [
    ...Array.from({ length: 6 }, (_, n) => mirror(`de${n}`, 'DE')),
    ...Array.from({ length: 6 }, (_, n) => mirror(`fr${n}`, 'FR')),
    ...Array.from({ length: 6 }, (_, n) => mirror(`jp${n}`, 'JP')),
    mirror('campus', 'US', { private: true }),
    mirror('peer', 'US', { asn: 4242 }),
    mirror('v4only', 'DE', { ipv6: false }),
    mirror('stale', 'DE'),
  ]
  const states = new Uint8Array(mirrors.length * 2).fill(1)
  states[mirrors.length - 1] = 4
  states[mirrors.length * 2 - 1] = 4
  return { ...snapshot, mirrors, states, netblocks: index([block('198.51.100.0/24', 18)]) }
}

describe('selection', () => {
  const edge = new Edge(small(), geo, numbers(1))
  const ask = (query: object) =>
    edge.explain({ repo: 'repo0-10', arch: 'x86_64', ...query })?.in ?? []

  it('takes the country first, in a drawn order, then the nearest', () => {
    const list = ask({ address: '192.0.2.1' })
    expect(list.filter(({ rule }) => rule === 'country').map(({ country }) => country)).toEqual(
      Array(7).fill('DE'),
    )
    expect(list.slice(7).map(({ rule, country }) => `${rule} ${country}`)).toEqual(
      Array(3).fill('nearest FR'),
    )
    const firsts = new Set(
      Array.from({ length: 50 }, () => ask({ address: '192.0.2.1' })[0]?.mirror),
    )
    expect(firsts.size).toBeGreaterThan(3)
  })

  it('puts netblocks and networks before the country; private mirrors are for these only', () => {
    expect(ask({ address: '198.51.100.7' })[0]).toMatchObject({
      mirror: 'campus',
      rule: 'netblock',
    })
    expect(ask({ address: '192.0.2.9' })[0]).toMatchObject({ mirror: 'peer', rule: 'asn' })
    for (const address of ['192.0.2.1', '192.0.2.9', undefined])
      expect(ask({ address }).map(({ mirror }) => mirror)).not.toContain('campus')
  })

  it('knows IPv4 behind a socket of both families', () => {
    for (const address of ['::ffff:192.0.2.1', '::ffff:c000:201'])
      expect(ask({ address })[0]).toMatchObject({ country: 'DE', rule: 'country' })
    expect(ask({ address: '::ffff:192.0.2.9' })[0]).toMatchObject({ mirror: 'peer', rule: 'asn' })
  })

  it('gives IPv6 clients mirrors with IPv6 and nobody a mirror that lacks the files', () => {
    const list = ask({ address: '2001:db8::1' }).map(({ mirror }) => mirror)
    expect(list).not.toContain('v4only')
    expect(list).not.toContain('stale')
    expect(ask({ address: '192.0.2.1' }).map(({ mirror }) => mirror)).toContain('v4only')
  })

  it('gives at least five while there are that many, whatever the country', () => {
    for (const query of [
      { address: '192.0.2.2' },
      { address: undefined },
      { country: 'AQ' },
      { country: 'global' },
      { address: 'nonsense' },
    ])
      expect(ask(query).length).toBeGreaterThanOrEqual(5)
  })

  it('answers for the countries that are named, in their order', () => {
    const list = ask({ country: 'jp,fr', address: '192.0.2.1' }).map(({ country }) => country)
    expect(list.slice(0, 12)).toEqual([...Array(6).fill('JP'), ...Array(6).fill('FR')])
  })

  it('keeps no more for the next asker than it has room for, whatever is asked', () => {
    const snapshot = makeSnapshot({ mirrors: 150, countries: 75, repositories: 50, netblocks: 0 })
    const chooser = new Chooser(snapshot)
    const countries = [...new Set(snapshot.mirrors.map(({ country }) => country))]
    const ask = (repository: number, family: 4 | 6 | undefined, protocols: number) => {
      const address = family && { family, words: family === 4 ? [1] : [1, 0, 0, 0] }
      const asker = { address, country: undefined, asn: undefined, countries, protocols }
      chooser.choose(repository, asker, numbers(1))
      return chooser.groups
    }
    let most = 0
    for (let repository = 0; repository < 50; repository++)
      for (const family of [undefined, 4, 6] as const)
        for (let protocols = 1; protocols < 16; protocols++)
          most = Math.max(most, ask(repository, family, protocols))
    expect(50 * 3 * 15 * countries.length).toBeGreaterThan(GROUPS_MAX)
    expect(most).toBeLessThanOrEqual(GROUPS_MAX)
  })

  it('says why each other mirror is out', () => {
    const out =
      edge.explain({ repo: 'repo0-10', arch: 'x86_64', address: '2001:db8::1' })?.out ?? []
    const why = Object.fromEntries(out.map((each) => [each.mirror, each.why]))
    expect(why).toMatchObject({
      stale: 'stale',
      v4only: 'no-ipv6',
      campus: 'private',
      jp0: 'farther',
    })
  })
})

describe('answers', () => {
  let edge: Edge
  let snapshot: Snapshot
  beforeAll(async () => {
    const sizes = { mirrors: 200, countries: 40, repositories: 20, netblocks: 2000 }
    snapshot = decodeSnapshot(encodeSnapshot(makeSnapshot(sizes)))
    edge = new Edge(snapshot, await openGeo(), numbers(2))
  })

  it('survive the way into a file and back', () => {
    const again = encodeSnapshot(snapshot)
    expect(Buffer.from(encodeSnapshot(decodeSnapshot(again))).equals(Buffer.from(again))).toBe(true)
    expect(() => decodeSnapshot(again.subarray(0, again.length - 100))).toThrow()
    expect(() => decodeSnapshot(new TextEncoder().encode('nothing'))).toThrow()
    // A snapshot that comes over HTTP may lie anywhere in its buffer.
    const shifted = new Uint8Array(again.length + 3)
    shifted.set(again, 3)
    expect(decodeSnapshot(shifted.subarray(3)).mirrors).toEqual(snapshot.mirrors)
  })

  it('of a metalink are XML with repomd.xml, hashes, alternates and at most 25 mirrors, best first', () => {
    const { status, type, body } = edge.metalink({
      repo: 'repo3-10',
      arch: 'x86_64',
      address: '8.8.8.8',
    })
    expect(status).toBe(200)
    expect(type).toContain('application/metalink+xml')
    const file = (create(body).toObject() as never as Metalink).metalink.files.file
    expect(file['@name']).toBe('repomd.xml')
    expect(Object.keys(file)).toEqual(expect.arrayContaining(['size', 'verification', 'resources']))
    expect(body).toContain('<mm0:alternates>')
    const urls = file.resources.url
    const preferences = urls.map((url) => Number(url['@preference']))
    expect(preferences).toEqual([...preferences].sort((a, b) => b - a))
    expect(new Set(preferences).size).toBeLessThanOrEqual(LIST_MAX)
    for (const url of urls)
      expect(url['#']).toMatch(/\/keel\/10\/Repo3\/x86_64\/os\/repodata\/repomd\.xml$/)
  })

  it('of a mirror list begin with what was asked and have one address a mirror', () => {
    const { body } = edge.mirrorlist({ repo: 'repo3-10', arch: 'x86_64', country: 'DE' })
    const [first, ...urls] = body.trim().split('\n')
    expect(first).toMatch(/^# repo = repo3-10 arch = x86_64 country = DE/)
    expect(urls.length).toBeGreaterThanOrEqual(5)
    expect(new Set(urls).size).toBe(urls.length)
    expect(urls.every((url) => /^https:\/\/[^ ]+\/os\/$/.test(url))).toBe(true)
  })

  it('of a redirect are the best mirror that has the file', () => {
    const path = 'keel/10/Repo3/x86_64/os/Packages/h/hello 1.rpm'
    const answer = edge.redirect(path, { address: '8.8.8.8' })
    expect(answer.status).toBe(302)
    expect(answer.location).toMatch(/^https?:\/\/.*\/Packages\/h\/hello%201\.rpm$/)
    expect(edge.redirect('keel/10/Nothing/x', {}).status).toBe(404)
  })

  it('of a redirect lead to the very name that was asked for, and never out of the tree', () => {
    const folder = 'keel/10/Repo3/x86_64/os/Packages/l'
    const leadsTo = (name: string) =>
      answerTo(edge, `/download/${folder}/${name}`, '', '8.8.8.8')?.location?.split('/').at(-1)
    expect(leadsTo('libstdc++-14-1.x86_64.rpm')).toBe('libstdc%2B%2B-14-1.x86_64.rpm')
    expect(leadsTo('libstdc%2B%2B-14-1.x86_64.rpm')).toBe('libstdc%2B%2B-14-1.x86_64.rpm')
    expect(leadsTo('a%23b%3Fc')).toBe('a%23b%3Fc')
    for (const path of ['../../../../evil', '%2e%2e/%2e%2e/evil', './x', '..%2fx'])
      expect(answerTo(edge, `/download/${folder}/${path}`, '', undefined)?.status).toBe(404)
  })

  it('are 404 with what exists for what is unknown', () => {
    const answer = edge.metalink({ repo: 'x\n<y>', arch: '?' })
    expect(answer.status).toBe(404)
    expect(answer.body.split('\n').every((line) => line === '' || line.startsWith('#'))).toBe(true)
    expect(answer.body).toContain('repo=repo0-10&arch=x86_64')
  })

  it('come for any bytes in any parameter', () => {
    const random = numbers(9)
    const names = ['repo', 'arch', 'path', 'country', 'ip', 'protocol', 'redirect', 'countme', 'x']
    for (let round = 0; round < 2000; round++) {
      const pairs = names.map((name) => {
        const bytes = Array.from({ length: 6 }, () => Math.floor(random() * 256))
        const escaped = bytes.map((byte) =>
          random() < 0.5 ? `%${byte.toString(16)}` : String.fromCharCode(byte),
        )
        return `${name}=${escaped.join('')}`
      })
      const path = ['/metalink', '/mirrorlist', '/download/x'][round % 3] ?? ''
      const search = pairs
        .join('&')
        .replaceAll('repo=', random() < 0.5 ? 'repo=repo1-10&arch=x86_64&r=' : 'repo=')
      const answer = answerTo(edge, path, search, '192.0.2.1')
      expect([200, 302, 404]).toContain(answer?.status)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: an answer is ASCII
      expect(answer?.body).toMatch(/^[\u0000-\u007f]*$/)
    }
    expect(readQuery('x'.repeat(100_000))).toEqual({})
  })
})

interface Metalink {
  metalink: {
    files: {
      file: {
        '@name': string
        resources: { url: { '@preference': string; '#': string }[] }
      }
    }
  }
}

describe('counting', () => {
  it('knows weeks, repositories and ages, and no addresses', () => {
    const counter = new Counter()
    const counted = { repository: 'baseos-10', arch: 'x86_64', country: 'DE' }
    const answer = { status: 200, type: '', body: '', ...counted }
    const now = Date.UTC(2026, 10, 25)
    for (const countme of ['1', '1', '4', '5', 'x'])
      counter.count(answer, `repo=baseos-10&arch=x86_64&countme=${countme}&ip=192.0.2.1`, now)
    const counts = counter.take()
    expect(counts.countme).toEqual({
      '2026-11-23\tbaseos-10\tx86_64\t1': 2,
      '2026-11-23\tbaseos-10\tx86_64\t4': 1,
    })
    expect(counts.answers).toEqual({ '2026-11-25\tbaseos-10\tDE': 5 })
    expect(JSON.stringify(counts)).not.toContain('192.0.2')
    expect(counter.isEmpty()).toBe(true)
    counter.putBack(counts)
    expect(counter.take()).toEqual(counts)
  })

  it('has no more keys than the snapshot has names, whatever is sent', () => {
    const snapshot = small()
    const [repository] = snapshot.repositories
    if (!repository) throw new Error('no repository')
    repository.arch = 'src'
    const edge = new Edge(snapshot, geo, numbers(1))
    const counter = new Counter()
    for (let n = 0; n < 50; n++)
      for (const asked of [`repo=${repository.name}`, `path=${repository.path}`]) {
        const search = `${asked}&arch=made_up_${n}&countme=1`
        const answer = answerTo(edge, '/metalink', search, '192.0.2.1')
        if (answer) counter.count(answer, search, 0)
      }
    expect(Object.values(counter.take().countme)).toEqual([100])
  })

  it('are told in parts that the portal takes, however many there are', () => {
    const answers = Object.fromEntries(
      Array.from({ length: 60_000 }, (_, n) => [`2026-11-25\t${'r'.repeat(90)}${n}\tDE`, 1]),
    )
    const countme = { '2026-11-23\tbaseos-10\tx86_64\t1': 2 }
    const parts = partsOfCounts({ countme, answers })
    for (const part of parts)
      expect(JSON.stringify(part).length).toBeLessThanOrEqual(MAX_BODY_BYTES)
    const counter = new Counter()
    for (const part of parts) counter.putBack(part)
    expect(counter.take()).toEqual({ countme, answers })
    expect(partsOfCounts({ countme: {}, answers: {} })).toEqual([])
  })

  it('begins weeks on Monday', () => {
    expect(weekOf(Date.UTC(2026, 10, 22, 23, 59))).toBe('2026-11-16')
    expect(weekOf(Date.UTC(2026, 10, 23))).toBe('2026-11-23')
  })
})

describe('geo', () => {
  it('measures along the globe', () => {
    expect(distanceKm([52.5, 13.4], [48.9, 2.4])).toBeGreaterThan(850)
    expect(distanceKm([52.5, 13.4], [48.9, 2.4])).toBeLessThan(900)
    expect(distanceKm([0, 179], [0, -179])).toBeLessThan(300)
  })

  it('knows countries from the packaged database', async () => {
    const real = await openGeo()
    expect(real.country('8.8.8.8')).toBe('US')
    expect(real.country('127.0.0.1')).toBeUndefined()
  })
})
