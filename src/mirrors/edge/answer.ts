/**
 * Answers of an edge: mirror list, metalink, redirect and explanation, from one snapshot. What does not
 * depend on the asker is rendered once; an answer is a few look-ups and one string.
 */
import { renderMetalink } from '../metalink.ts'
import { type Address, parseAddress } from './address.ts'
import { type Asker, Chooser, type Chosen, protocolBits, type Rule } from './choose.ts'
import { type Geo, isCountry } from './geo.ts'
import type { MirrorState, Snapshot } from './snapshot.ts'

/** What a client sends: names as in its query, and the address that the socket or a proxy says. */
export interface Query {
  repo?: string | undefined
  arch?: string | undefined
  path?: string | undefined
  country?: string | undefined
  ip?: string | undefined
  protocol?: string | undefined
  address?: string | undefined
}

export interface Answer {
  status: number
  type: string
  body: string
  location?: string
  /** For counting, where it is an answer about a repository. */
  repository?: string
  /** One that the snapshot knows, whatever was asked for. */
  arch?: string
  country?: string | undefined
}

const PLAIN = 'text/plain; charset=utf-8'
const METALINK = 'application/metalink+xml; charset=utf-8'

/** ASCII only: an answer is written as bytes without being encoded. */
const asciiXml = (xml: string) =>
  xml.replace(/[^\x20-\x7e\n]/gu, (char) => `&#${char.codePointAt(0)};`)
const escapeXml = (text: string) =>
  asciiXml(text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`))

/** Text that people sent, for a comment line: one line of ASCII, short. */
const comment = (text: string) => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 200)

/** A path as part of an address; undefined for one that leads out of the tree that it is under. */
export function pathInUrl(path: string): string | undefined {
  const parts = path.split('/')
  if (parts.includes('.') || parts.includes('..')) return undefined
  return parts.map(encodeURIComponent).join('/')
}

interface Line {
  bits: number
  /** Around the preference and the repository's path. */
  before: string
  between: string
  url: string
}

export class Edge {
  readonly snapshot: Snapshot
  private readonly chooser: Chooser
  private readonly geo: Geo
  private readonly random: () => number
  private readonly index = new Map<string, number>()
  private readonly byPath = new Map<string, number>()
  /** Rows of single files, after those of the repositories. */
  private readonly byFile: Map<string, number>
  private readonly arches: ReadonlySet<string>
  private readonly heads: string[]
  private readonly tails: string[]
  private readonly lines: Line[][]

  constructor(snapshot: Snapshot, geo: Geo, random: () => number = Math.random) {
    this.snapshot = snapshot
    this.geo = geo
    this.random = random
    this.chooser = new Chooser(snapshot)
    const rendered = snapshot.repositories.map(({ current, alternates }) =>
      asciiXml(renderMetalink(snapshot.generator, snapshot.made_at, current, alternates, [])),
    )
    this.heads = rendered.map((xml) => xml.slice(0, xml.indexOf('<resources')))
    this.tails = rendered.map((xml) =>
      xml.slice(xml.indexOf('<resources')).replace(/^[\s\S]*?(<\/file>)/, '$1'),
    )
    this.lines = snapshot.mirrors.map(({ urls, country }) =>
      urls.map(({ protocol, url }) => ({
        bits: protocolBits[protocol],
        before: `<url protocol="${protocol}" type="${protocol}" location="${escapeXml(country)}" preference="`,
        between: `">${escapeXml(url)}`,
        url,
      })),
    )
    const { length } = snapshot.repositories
    this.arches = new Set(snapshot.repositories.map(({ arch }) => arch))
    this.byFile = new Map(snapshot.files.map((path, at) => [path, length + at]))
    // The place of what is held back.
    this.byFile.delete('')
    for (const [at, repository] of snapshot.repositories.entries()) {
      this.index.set(`${repository.name}\0${repository.arch}`, at)
      this.byPath.set(repository.path, at)
    }
  }

  /** Place of a repository; source repositories answer for every arch. */
  private find(query: Query): number | undefined {
    if (query.path !== undefined) return this.byPath.get(query.path.replace(/^\/+|\/+$/g, ''))
    const name = query.repo ?? ''
    return this.index.get(`${name}\0${query.arch ?? ''}`) ?? this.index.get(`${name}\0src`)
  }

  /** What an answer is counted under: of what anyone may send, only names that there are. */
  private counted({ name, arch }: { name: string; arch: string }, query: Query, asker: Asker) {
    const own = query.arch !== undefined && this.arches.has(query.arch) ? query.arch : arch
    return { repository: name, arch: own, country: asker.country }
  }

  /** Who asks, from the query and the socket. `ip` in the query asks on behalf of another. */
  asker(query: Query): Asker {
    const written = query.ip ?? query.address
    const address = written === undefined ? undefined : parseAddress(written)
    const plain = address && written !== undefined ? plainText(written, address) : undefined
    return {
      address,
      country: plain === undefined ? undefined : this.geo.country(plain),
      asn: plain === undefined ? undefined : this.geo.asn(plain),
      countries: readCountries(query.country),
      protocols: readProtocols(query.protocol),
    }
  }

  private unknown(query: Query): Answer {
    const what = query.path ?? `${query.repo ?? ''} ${query.arch ?? ''}`
    const known = this.snapshot.repositories.map(
      ({ name, arch }) => `#   repo=${name}&arch=${arch}`,
    )
    const first = `# There is no repository ${comment(what)} here. These are:`
    return { status: 404, type: PLAIN, body: `${[first, ...known].join('\n')}\n` }
  }

  mirrorlist(query: Query): Answer {
    const at = this.find(query)
    const repository = at === undefined ? undefined : this.snapshot.repositories[at]
    if (at === undefined || !repository) return this.unknown(query)
    const asker = this.asker(query)
    const chosen = this.chooser.choose(at, asker, this.random)
    const rules = [...new Set(chosen.map(({ rule }) => rule))].join(', ')
    const country = asker.countries?.join(',') ?? asker.country ?? 'unknown'
    let body = `# repo = ${repository.name} arch = ${repository.arch} country = ${country} by ${rules || 'nothing: no mirror has it'}\n`
    for (const { mirror } of chosen) {
      const line = this.lines[mirror]?.find(({ bits }) => bits & asker.protocols & HTTP_LIKE)
      if (line) body += `${line.url}${repository.path}/\n`
    }
    return { status: 200, type: PLAIN, body, ...this.counted(repository, query, asker) }
  }

  metalink(query: Query): Answer {
    const at = this.find(query)
    const repository = at === undefined ? undefined : this.snapshot.repositories[at]
    if (at === undefined || !repository) return this.unknown(query)
    const asker = this.asker(query)
    const suffix = `${repository.path}/repodata/repomd.xml</url>\n`
    let body = `${this.heads[at]}<resources maxconnections="1">\n`
    let preference = 100
    for (const { mirror } of this.chooser.choose(at, asker, this.random)) {
      for (const { bits, before, between } of this.lines[mirror] ?? [])
        if (bits & asker.protocols) body += `${before}${preference}${between}${suffix}`
      if (preference > 1) preference--
    }
    body += `</resources>${this.tails[at]}`
    return { status: 200, type: METALINK, body, ...this.counted(repository, query, asker) }
  }

  /** The best mirror's address of a file in the tree, or 404 where no mirror has it or its repository. */
  redirect(path: string, query: Query): Answer {
    const escaped = pathInUrl(path)
    const at =
      escaped === undefined ? undefined : (this.byFile.get(path) ?? this.repositoryOfFile(path))
    const repository = at === undefined ? undefined : this.snapshot.repositories[at]
    const asker = this.asker(query)
    const chosen = at === undefined ? [] : this.chooser.choose(at, asker, this.random)
    for (const { mirror } of chosen) {
      const line = this.lines[mirror]?.find(({ bits }) => bits & asker.protocols & HTTP_ONLY)
      if (line)
        return {
          ...{ status: 302, type: PLAIN, body: '', location: `${line.url}${escaped}` },
          ...(repository && this.counted(repository, query, asker)),
        }
    }
    return { status: 404, type: PLAIN, body: `# No mirror has ${comment(path)}.\n` }
  }

  private repositoryOfFile(path: string): number | undefined {
    for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) {
      const at = this.byPath.get(path.slice(0, end))
      if (at !== undefined) return at
    }
    return undefined
  }

  /** For each mirror, the rule that put it where it is, or why it is out. */
  explain(query: Query): Explanation | undefined {
    const at = this.find(query)
    const repository = at === undefined ? undefined : this.snapshot.repositories[at]
    if (at === undefined || !repository) return undefined
    const asker = this.asker(query)
    const chosen = this.chooser.choose(at, asker, this.random)
    const name = ({ mirror, rule }: Chosen) => ({
      mirror: this.snapshot.mirrors[mirror]?.name ?? '',
      country: this.snapshot.mirrors[mirror]?.country ?? '',
      rule,
    })
    return {
      ...{ repository: repository.name, arch: repository.arch },
      country: asker.country ?? null,
      asn: asker.asn ?? null,
      family: asker.address?.family ?? null,
      in: chosen.map(name),
      out: this.outOf(at, asker, new Set(chosen.map(({ mirror }) => mirror))),
    }
  }

  private outOf(repository: number, asker: Asker, taken: Set<number>): Explanation['out'] {
    return this.snapshot.mirrors.flatMap((mirror, at) => {
      if (taken.has(at)) return []
      const { name, country } = mirror
      const state = this.chooser.stateOf(repository, at)
      return [{ mirror: name, country, why: whyOut(mirror, state, asker) }]
    })
  }
}

/** Databases know IPv4 by its own spelling only; a socket of both families says `::ffff:192.0.2.1`. */
function plainText(written: string, { family, words: [word = 0] }: Address): string {
  if (family === 6 || !written.includes(':')) return written
  return [24, 16, 8, 0].map((shift) => (word >>> shift) & 255).join('.')
}

/** Package managers skip rsync addresses: who wants them names the protocol. */
const DEFAULT_PROTOCOLS = protocolBits.https | protocolBits.http | protocolBits.ftp
/** Addresses that a mirror list may have: what yum and dnf fetch. */
const HTTP_LIKE = protocolBits.https | protocolBits.http | protocolBits.ftp
const HTTP_ONLY = protocolBits.https | protocolBits.http

export interface Explanation {
  repository: string
  arch: string
  country: string | null
  asn: number | null
  family: 4 | 6 | null
  in: { mirror: string; country: string; rule: Rule }[]
  /** `why` is a code: `reason.mirror.<code>` is its sentence. */
  out: { mirror: string; country: string; why: string }[]
}

function whyOut(mirror: Snapshot['mirrors'][number], state: MirrorState, asker: Asker): string {
  const family = asker.address?.family
  if (!state.startsWith('fresh')) return state
  if (family === 6 && (!mirror.ipv6 || state === 'fresh-ipv4')) return 'no-ipv6'
  if (family === 4 && (!mirror.ipv4 || state === 'fresh-ipv6')) return 'no-ipv4'
  if (!mirror.urls.some(({ protocol }) => protocolBits[protocol] & asker.protocols))
    return 'protocol'
  return mirror.private ? 'private' : 'farther'
}

function readCountries(written: string | undefined): string[] | undefined {
  if (!written) return undefined
  if (written.toLowerCase() === 'global') return []
  const countries = written
    .toUpperCase()
    .split(',')
    .map((each) => each.trim())
    .filter(isCountry)
  return countries.length > 0 ? countries.slice(0, 20) : undefined
}

function readProtocols(written: string | undefined): number {
  if (!written) return DEFAULT_PROTOCOLS
  let bits = 0
  for (const each of written.toLowerCase().split(','))
    if (Object.hasOwn(protocolBits, each.trim()))
      bits |= protocolBits[each.trim() as keyof typeof protocolBits]
  return bits === 0 ? DEFAULT_PROTOCOLS : bits
}
