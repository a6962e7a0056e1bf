/**
 * Source packages of a yum repository, read from its metadata: repomd.xml names primary.xml with its digest;
 * primary.xml comes compressed by gzip, xz or zstd, or not at all. Formats: createrepo_c's, as dnf reads them.
 */
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { SaxesParser } from 'saxes'
import xz from 'xz-decompress'
import { opener } from './opener.ts'
import { refuse } from './refusal.ts'
import type { SourcePackage } from './upstream-package.ts'

const REPOMD_BYTES = 1024 * 1024
/** The largest primary.xml seen anywhere is far below; what is larger is a bomb. */
const COMPRESSED_BYTES = 256 * 1024 * 1024
const PRIMARY_BYTES = 4 * 1024 ** 3
const PACKAGES = 200_000
const TEXT_CHARS = 1000
/** No package is built with more than a few hundred. */
const REQUIRES = 2000
/** Plain names of packages: no files, no features such as `rpmlib(…)`, no conditions. */
const PLAIN_NAME = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,199}$/

export interface SourceRepository {
  repomd_sha256: string
  packages: SourcePackage[]
}

async function readWhole(stream: Readable, limit: number, what: string): Promise<Buffer> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of stream as AsyncIterable<Buffer>) {
    size += part.length
    if (size > limit) throw refuse(`${what} is larger than ${limit} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts)
}

interface PrimaryFile {
  href: string
  checksum: string
  algorithm: string
}

/** What repomd.xml calls them, and what OpenSSL does. */
const ALGORITHMS = new Map([
  ['sha', 'sha1'],
  ...['sha1', 'sha224', 'sha256', 'sha384', 'sha512'].map((name) => [name, name] as const),
])

/** The `data` element of type primary. @throws PortalError input.invalid */
export function parseRepomd(xml: string): PrimaryFile {
  const parser = new SaxesParser()
  const found = { href: '', checksum: '', algorithm: '' }
  let inside = false
  let text = ''
  parser.on('opentag', ({ name, attributes }) => {
    text = ''
    if (name === 'data') inside = attributes.type === 'primary'
    if (inside && name === 'location') found.href = String(attributes.href ?? '')
    if (inside && name === 'checksum') {
      const algorithm = ALGORITHMS.get(String(attributes.type))
      if (!algorithm)
        throw refuse(
          `repomd.xml: a checksum of type "${attributes.type}" is not read; ${[...ALGORITHMS.keys()].join(', ')} are`,
        )
      found.algorithm = algorithm
    }
  })
  parser.on('text', (part) => {
    text = (text + part).slice(0, TEXT_CHARS)
  })
  parser.on('closetag', ({ name }) => {
    if (inside && name === 'checksum') found.checksum = text.trim()
    if (name === 'data') inside = false
  })
  parser.on('error', (error) => {
    throw refuse(`repomd.xml: ${error.message}`)
  })
  parser.write(xml).close()
  if (!found.href || !found.checksum || !found.algorithm)
    throw refuse('repomd.xml names no primary.xml with a checksum')
  return found
}

/** By the first bytes, whatever the file is called. */
function decompress(bytes: Buffer): Readable {
  const starts = (...magic: number[]) => magic.every((byte, at) => bytes[at] === byte)
  const whole = Readable.from([bytes])
  if (starts(0x1f, 0x8b)) return whole.pipe(createGunzip())
  if (starts(0x28, 0xb5, 0x2f, 0xfd)) return whole.pipe(createZstdDecompress())
  if (starts(0xfd, 0x37, 0x7a, 0x58, 0x5a)) {
    const compressed = new Blob([new Uint8Array(bytes)]).stream()
    const plain = new xz.XzReadableStream(compressed)
    return Readable.fromWeb(plain as Parameters<typeof Readable.fromWeb>[0])
  }
  if (starts(0x42, 0x5a, 0x68))
    throw refuse('primary.xml is compressed by bzip2; gzip, xz, zstd or none are read')
  return whole
}

/** Collects packages of arch `src` while the document comes in. */
class PrimaryReader {
  readonly packages: SourcePackage[] = []
  private readonly parser = new SaxesParser()
  private text = ''
  private arch = ''
  private current: SourcePackage | undefined
  /** Of the current package, while its `rpm:requires` is open and after. */
  private requires = new Set<string>()
  private inRequires = false

  constructor() {
    this.parser.on('opentag', ({ name, attributes }) => this.open(name, attributes))
    this.parser.on('text', (part) => {
      if (this.current) this.text = (this.text + part).slice(0, TEXT_CHARS)
    })
    this.parser.on('closetag', ({ name }) => this.close(name))
    this.parser.on('error', (error) => {
      throw refuse(`primary.xml: ${error.message}`)
    })
  }

  write(text: string): void {
    this.parser.write(text)
  }

  end(): void {
    this.parser.close()
  }

  private open(name: string, attributes: Record<string, unknown>): void {
    this.text = ''
    if (name === 'package') {
      this.current = { name: '', epoch: 0, version: '', release: '', requires: [] }
      this.requires = new Set()
    }
    if (name === 'rpm:requires') this.inRequires = true
    if (name === 'rpm:entry' && this.inRequires && this.requires.size < REQUIRES) {
      const required = String(attributes.name ?? '')
      if (PLAIN_NAME.test(required)) this.requires.add(required)
    }
    if (name !== 'version' || !this.current) return
    this.current.epoch = Number(attributes.epoch ?? 0)
    this.current.version = String(attributes.ver ?? '')
    this.current.release = String(attributes.rel ?? '')
  }

  private close(name: string): void {
    if (name === 'rpm:requires') this.inRequires = false
    if (!this.current) return
    if (name === 'name' && this.current.name === '') this.current.name = this.text.trim()
    if (name === 'arch') this.arch = this.text.trim()
    if (name !== 'package') return
    this.current.requires = [...this.requires].sort()
    if (this.arch === 'src') this.packages.push(checked(this.current))
    if (this.packages.length > PACKAGES) throw refuse(`more than ${PACKAGES} packages`)
    this.current = undefined
    this.arch = ''
  }
}

/** Names and versions as rpm allows them: nothing else goes into the database. */
function checked(each: SourcePackage): SourcePackage {
  const { name, epoch, version, release } = each
  const good =
    PLAIN_NAME.test(name) &&
    Number.isSafeInteger(epoch) &&
    epoch >= 0 &&
    [version, release].every((part) => /^[A-Za-z0-9._+~^]{1,200}$/.test(part))
  if (!good) throw refuse(`primary.xml: ${name.slice(0, 60)} ${version}-${release} is no package`)
  return each
}

async function readPrimary(bytes: Buffer): Promise<SourcePackage[]> {
  const reader = new PrimaryReader()
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let size = 0
  for await (const part of decompress(bytes) as AsyncIterable<Uint8Array>) {
    size += part.length
    if (size > PRIMARY_BYTES) throw refuse('primary.xml is too large')
    reader.write(decoder.decode(part, { stream: true }))
  }
  reader.write(decoder.decode())
  reader.end()
  return reader.packages
}

/**
 * @param source address or folder in which `repodata/` lies
 * @throws PortalError input.invalid that says what could not be read
 */
export async function readSourceRepository(source: string): Promise<SourceRepository> {
  const open = opener(source)
  try {
    const repomd = await readWhole(await open('repodata/repomd.xml'), REPOMD_BYTES, 'repomd.xml')
    const primary = parseRepomd(repomd.toString('utf8'))
    const bytes = await readWhole(await open(primary.href), COMPRESSED_BYTES, primary.href)
    const digest = createHash(primary.algorithm).update(bytes).digest('hex')
    if (digest !== primary.checksum) throw refuse(`${primary.href} is not what repomd.xml promises`)
    const packages = await readPrimary(bytes)
    if (packages.length === 0) throw refuse('it has no source packages')
    return { repomd_sha256: createHash('sha256').update(repomd).digest('hex'), packages }
  } catch (error) {
    if (error instanceof Error && error.name === 'PortalError') throw error
    throw refuse(error instanceof Error ? error.message : String(error))
  }
}
