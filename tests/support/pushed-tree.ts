/**
 * A published tree that pushes change as the portal's do, without builds: packages first, then a generation's
 * folder, then the link. Metadata is plain text, so that a reader can follow it: repomd.xml names primary, which
 * names packages with their digests.
 */
import { createHash } from 'node:crypto'
import {
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('hex')

export class PushedTree {
  readonly pub: string
  readonly repositories: string[]
  /** Packages by repository: name -> bytes. */
  private readonly packages = new Map<string, Map<string, Buffer>>()
  private pushes = 0

  /** @param repositories paths under the tree */
  constructor(pub: string, repositories: string[]) {
    this.pub = pub
    this.repositories = repositories
  }

  /**
   * Adds some packages to a repository and lets the oldest go.
   * @param kept how many packages stay
   * @returns digest of the new repomd.xml
   */
  push(repository: string, count = 5, kept = 15): string {
    const number = ++this.pushes
    const root = join(this.pub, repository)
    const packages = this.packages.get(repository) ?? new Map<string, Buffer>()
    this.packages.set(repository, packages)
    for (let n = 0; n < count; n++) {
      const name = `p${number}-${n}-1-1.noarch.rpm`
      packages.set(name, Buffer.from(`${name}\n`.repeat(50 + n * 40)))
    }
    for (const name of [...packages.keys()].slice(0, Math.max(0, packages.size - kept)))
      packages.delete(name)
    mkdirSync(join(root, 'Packages/p'), { recursive: true })
    for (const [name, bytes] of packages) writeFileOnce(join(root, 'Packages/p', name), bytes)
    const lines = [...packages].map(([name, bytes]) => `Packages/p/${name} ${sha256(bytes)}`)
    const primary = `${lines.join('\n')}\n`
    const href = `repodata/${sha256(primary)}-primary.txt`
    const repomd = `push ${number}\nprimary ${href}\n`
    const digest = sha256(repomd)
    const folder = join(root, '.generations', digest)
    const part = `${folder}.part`
    mkdirSync(join(part, 'repodata'), { recursive: true })
    symlinkSync('../../Packages', join(part, 'Packages'))
    writeFileSync(join(part, href), primary)
    writeFileSync(join(part, 'repodata/repomd.xml'), repomd)
    renameSync(part, folder)
    symlinkSync(`.generations/${digest}/repodata`, join(root, 'repodata.part'))
    renameSync(join(root, 'repodata.part'), join(root, 'repodata'))
    return digest
  }

  /** Removes generations but the current one and packages that it does not name. */
  settle(repository: string): void {
    const root = join(this.pub, repository)
    const current = readlinkSync(join(root, 'repodata')).split('/')[1]
    for (const name of readdirSync(join(root, '.generations')))
      if (name !== current) rmSync(join(root, '.generations', name), { recursive: true })
    const wanted = this.packages.get(repository)
    for (const name of readdirSync(join(root, 'Packages/p')))
      if (!wanted?.has(name)) rmSync(join(root, 'Packages/p', name))
  }
}

function writeFileOnce(path: string, bytes: Buffer): void {
  try {
    writeFileSync(path, bytes, { flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** What one reading of a repository found. */
export interface Followed {
  push: number
  packages: number
}

/**
 * Follows a repository's metadata to its last package as a client does.
 * @param get bytes of a path under the tree; undefined when it is not there
 * @throws Error that names what is not whole
 */
export async function follow(
  repository: string,
  get: (path: string) => Promise<Buffer | undefined>,
): Promise<Followed | undefined> {
  const repomd = (await get(`${repository}/repodata/repomd.xml`))?.toString()
  // No metadata at all promises nothing.
  if (repomd === undefined) return undefined
  const [, push = '', href = ''] = /^push (\d+)\nprimary (\S+)\n$/.exec(repomd) ?? []
  const primary = await get(`${repository}/${href}`)
  if (!primary || !href.includes(sha256(primary)))
    throw new Error(`${repository}: push ${push} has no ${href}`)
  const lines = primary.toString().trim().split('\n')
  for (const line of lines) {
    const [path = '', digest] = line.split(' ')
    const bytes = await get(`${repository}/${path}`)
    if (!bytes || sha256(bytes) !== digest)
      throw new Error(`${repository}: push ${push} names ${path}, which is not there`)
  }
  return { push: Number(push), packages: lines.length }
}
