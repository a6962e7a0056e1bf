/**
 * A client that keeps reading every repository as librepo does, and writes down whatever was not whole:
 * metalink, repomd.xml by one of its hashes, the signature over exactly those bytes, every metadata file
 * by its checksum, every package by its size, and by its checksum the first time.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'

const run = promisify(execFile)
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** The portal was away: no fault of what it publishes. */
class Away extends Error {}

export interface Reading {
  /** Repositories read from the metalink to the last package. */
  whole: number
  /** Generations seen, by the hash of their repomd.xml. */
  generations: Set<string>
  /** Advisories and aliases seen in updateinfo. */
  advisories: Set<string>
  /** Readings that the portal's absence cut short. */
  cut: number
  faults: string[]
}

async function get(url: string, method = 'GET'): Promise<{ bytes: Buffer; length: number }> {
  const answer = await fetch(url, { method }).catch((error: unknown) => {
    throw new Away(`${url}`, { cause: error })
  })
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`)
  const body = await answer.arrayBuffer().catch((error: unknown) => {
    throw new Away(`${url}`, { cause: error })
  })
  const length = Number(answer.headers.get('Content-Length'))
  return { bytes: Buffer.from(body), length }
}

export class Reader {
  readonly reading: Reading = {
    whole: 0,
    generations: new Set(),
    advisories: new Set(),
    cut: 0,
    faults: [],
  }
  private readonly url: string
  private readonly folder: string
  private readonly pause_ms: number
  /** Files whose bytes were right: name and checksum; what has these never changes. */
  private readonly known = new Set<string>()
  private readonly key: string

  /**
   * @param key file of the public key
   * @param pause_ms how long this client takes from one file to the next
   */
  constructor(url: string, folder: string, key: string, pause_ms: number) {
    this.url = url
    this.folder = folder
    this.key = key
    this.pause_ms = pause_ms
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  }

  /** Reads all repositories again and again until the signal. */
  async keepReading(repositories: { repo: string; arch: string }[], signal: AbortSignal) {
    const gpg = ['--homedir', this.folder, '--batch', '--quiet', '--import', this.key]
    await run('gpg', gpg)
    while (!signal.aborted) {
      for (const { repo, arch } of repositories) {
        try {
          await this.readOnce(repo, arch)
          this.reading.whole += 1
        } catch (error) {
          if (error instanceof Away) this.reading.cut += 1
          else this.reading.faults.push(`${repo} ${arch}: ${error}`)
          await sleep(error instanceof Away ? 100 : 0)
        }
      }
    }
  }

  private async readOnce(repo: string, arch: string): Promise<void> {
    const metalink = (await get(`${this.url}/metalink?repo=${repo}&arch=${arch}`)).bytes.toString()
    const hashes = [...metalink.matchAll(/<hash type="sha256">([0-9a-f]+)/g)].map((m) => m[1])
    const address = /<url [^>]*>([^<]+)repodata\/repomd\.xml</.exec(metalink)?.[1]
    if (!address) throw new Error(`no address in ${metalink}`)
    await sleep(this.pause_ms)
    const repomd = (await get(`${address}repodata/repomd.xml`)).bytes
    const hash = sha256(repomd)
    if (!hashes.includes(hash))
      throw new Error(`repomd.xml ${hash} is none of ${hashes.join(', ')}`)
    await sleep(this.pause_ms)
    await this.verify(repomd, (await get(`${address}repodata/repomd.xml.asc`)).bytes)
    this.reading.generations.add(hash)
    await sleep(this.pause_ms)
    const files = await this.readMetadata(address, repomd.toString())
    await sleep(this.pause_ms)
    await this.readPackages(address, files.get('primary') ?? '')
    for (const [, id] of (files.get('updateinfo') ?? '').matchAll(/<id>([^<]+)</g))
      if (id) this.reading.advisories.add(id)
  }

  /** One good signature by the distribution's key is enough, as for librepo with GPGME. */
  private async verify(repomd: Buffer, signature: Buffer): Promise<void> {
    const folder = mkdtempSync(join(this.folder, 'verify-'))
    const [signed, detached] = [join(folder, 'repomd.xml'), join(folder, 'repomd.xml.asc')]
    writeFileSync(signed, repomd)
    writeFileSync(detached, signature)
    const args = [
      '--homedir',
      this.folder,
      '--batch',
      '--status-fd',
      '1',
      '--verify',
      detached,
      signed,
    ]
    const { stdout } = await run('gpg', args).catch((error: { stdout?: string }) => ({
      stdout: error.stdout ?? '',
    }))
    if (!/^\[GNUPG:\] VALIDSIG /m.test(stdout)) throw new Error(`repomd.xml.asc: ${stdout}`)
  }

  private async readMetadata(address: string, repomd: string): Promise<Map<string, string>> {
    const files = new Map<string, string>()
    for (const [, type = '', entry = ''] of repomd.matchAll(
      /<data type="(\w+)">([\s\S]*?)<\/data>/g,
    )) {
      const href = /<location href="([^"]+)"/.exec(entry)?.[1] ?? ''
      const checksum = /<checksum type="sha256">([0-9a-f]+)/.exec(entry)?.[1] ?? ''
      const { bytes } = await get(address + href)
      if (sha256(bytes) !== checksum) throw new Error(`${href} is not what repomd.xml says`)
      files.set(type, gunzipSync(bytes).toString())
    }
    return files
  }

  private async readPackages(address: string, primary: string): Promise<void> {
    for (const [entry] of primary.matchAll(/<package type="rpm">[\s\S]*?<\/package>/g)) {
      const href = /<location href="([^"]+)"/.exec(entry)?.[1] ?? ''
      const size = Number(/<size package="(\d+)"/.exec(entry)?.[1])
      const checksum = /<checksum type="sha256"[^>]*>([0-9a-f]+)/.exec(entry)?.[1] ?? ''
      const id = `${address}${href} ${checksum}`
      const { bytes, length } = await get(address + href, this.known.has(id) ? 'HEAD' : 'GET')
      if (length !== size) throw new Error(`${href} has ${length} bytes, not ${size}`)
      if (!this.known.has(id) && sha256(bytes) !== checksum)
        throw new Error(`${href} is not what the metadata says`)
      this.known.add(id)
    }
  }
}
