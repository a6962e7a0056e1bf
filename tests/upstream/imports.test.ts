/** Upstream's repositories as they come: every compression, wrong digests, hostile documents. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PortalError } from '../../src/kernel/errors.ts'
import { must } from '../../src/kernel/must.ts'
import { importUpstream, listImports, listUpstream } from '../../src/upstream/imports.ts'
import { parseRepomd } from '../../src/upstream/metadata.ts'
import { prepareRelease } from '../support/builds.ts'
import { numbers } from '../support/mirrors.ts'
import { ctxOf, personActor, type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
let folder: string
beforeAll(async () => {
  app = await testApp()
  await prepareRelease(app)
  folder = mkdtempSync(join(tmpdir(), 'slipway-upstream-'))
})
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await app.end()
})

const sourcePackage = (name: string, version: string, release: string, arch = 'src') =>
  `<package type="rpm"><name>${name}</name><arch>${arch}</arch><version epoch="0" ver="${version}" rel="${release}"/><format><rpm:provides xmlns:rpm="http://linux.duke.edu/metadata/rpm"><rpm:entry name="other"/></rpm:provides></format></package>`

/** With requirements of every kind that packages name. */
const builtWith = (name: string, ...requires: string[]) =>
  sourcePackage(name, '1', '1.el10').replace(
    '<rpm:provides',
    `<rpm:requires xmlns:rpm="http://linux.duke.edu/metadata/rpm">${requires.map((each) => `<rpm:entry name="${each}"/>`).join('')}</rpm:requires><rpm:provides`,
  )

const primaryOf = (...packages: string[]) =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<metadata xmlns="http://linux.duke.edu/metadata/common" packages="${packages.length}">${packages.join('\n')}</metadata>`

/** Writes a repository. @returns its folder */
function repository(
  name: string,
  primary: Buffer,
  href = 'repodata/primary.xml.x',
  digest?: string,
) {
  const root = join(folder, name)
  mkdirSync(join(root, 'repodata'), { recursive: true })
  const sha256 = digest ?? createHash('sha256').update(primary).digest('hex')
  writeFileSync(join(root, 'repodata/primary.xml.x'), primary)
  writeFileSync(
    join(root, 'repodata/repomd.xml'),
    `<repomd xmlns="http://linux.duke.edu/metadata/repo"><data type="filelists"><checksum type="sha256">00</checksum><location href="repodata/f"/></data><data type="primary"><checksum type="sha256">${sha256}</checksum><location href="${href}"/></data></repomd>`,
  )
  return root
}

const take = (source: string, input: { release?: string; repository?: string } = {}) =>
  importUpstream(ctxOf(app), { release: 'keel10', repository: 'baseos', source, ...input })

const refusal = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error) => (error instanceof PortalError ? error : Promise.reject(error)),
  )

const message = (error: PortalError | undefined) =>
  String(error?.details.reasons?.[0]?.params.message ?? '')

const plain = Buffer.from(
  primaryOf(
    sourcePackage('bash', '5.2', '1.el10'),
    sourcePackage('bash', '5.2', '3.el10'),
    sourcePackage('zlib', '1.3', '2.el10'),
    sourcePackage('bash', '5.2', '9.el10', 'x86_64'),
  ),
)
const xz = (bytes: Buffer) => {
  const { stdout, status } = spawnSync('xz', ['-c'], { input: bytes })
  if (status !== 0) throw new Error('xz')
  return stdout
}

describe('an import', () => {
  it.each([
    ['uncompressed', (bytes: Buffer) => bytes],
    ['gzip', (bytes: Buffer) => gzipSync(bytes)],
    ['zstd', (bytes: Buffer) => zstdCompressSync(bytes)],
    ['xz', xz],
  ])('reads %s metadata: source packages only, the newest of each', async (name, compress) => {
    const row = await take(repository(`as-${name}`, compress(plain)))
    expect(row.packages).toBe(2)
    const list = await listUpstream(ctxOf(app), 'keel10')
    expect(list.map((each) => `${each.name}-${each.version}-${each.rpm_release}`)).toEqual([
      'bash-5.2-3.el10',
      'zlib-1.3-2.el10',
    ])
  })

  it('keeps the names that packages are built with, and nothing else that they require', async () => {
    const wants = ['zlib-devel', 'make', 'make', 'rpmlib(FileDigests)', '/usr/bin/perl', '(a if b)']
    await take(repository('requires', gzipSync(primaryOf(builtWith('tool', ...wants)))))
    const requires = async () => (await listUpstream(ctxOf(app), 'keel10'))[0]?.requires
    expect(await requires()).toEqual(['make', 'zlib-devel'])
    const row = await take(repository('fewer', gzipSync(primaryOf(builtWith('tool', 'make')))))
    expect(row).toMatchObject({ added: 0, changed: 0, removed: 0 })
    expect(await requires()).toEqual(['make'])
    await take(repository('as-before', plain))
  })

  it('says what is new, changed and gone, and keeps when each was first seen', async () => {
    const [before] = await listUpstream(ctxOf(app), 'keel10')
    app.clock.advance(1000)
    const next = primaryOf(
      sourcePackage('bash', '5.3', '1.el10'),
      sourcePackage('acl', '2.3', '1.el10'),
    )
    const row = await take(repository('next', gzipSync(next)))
    expect(row).toMatchObject({ packages: 2, added: 1, changed: 1, removed: 1 })
    const bash = (await listUpstream(ctxOf(app), 'keel10')).find(({ name }) => name === 'bash')
    expect(bash?.first_seen_at).toBe(before?.first_seen_at)
    expect(bash?.changed_at).toBe(app.clock.now())
    const [latest] = await listImports(ctxOf(app), 'keel10')
    expect(latest?.id).toBe(row.id)
  })

  it('reads over HTTP, and says which address did not answer', async () => {
    const server = createServer((request, response) => {
      if (request.url === '/repo/repodata/repomd.xml') response.end('<repomd/>')
      else response.writeHead(404).end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const url = `http://127.0.0.1:${port}`
    expect(message(await refusal(take(`${url}/repo`)))).toContain('no primary.xml')
    expect(message(await refusal(take(`${url}/none/`)))).toContain('404')
    await new Promise((resolve) => server.close(resolve))
  })

  /** Serves what is in the tests' folder as the given handler lets it. */
  const served = async (
    handler: (path: string, response: ServerResponse) => boolean,
    work: (url: string) => Promise<void>,
  ) => {
    const server = createServer((request, response) => {
      const path = must(request.url)
      if (handler(path, response)) return
      response.end(readFileSync(join(folder, path)))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    await new Promise((resolve) => server.close(resolve))
  }

  it.each(['x-gzip', 'gzip'])(
    'reads a .gz file that is sent as %s, as dnf does',
    async (coding) => {
      repository('coded', gzipSync(plain))
      const asGzip = (_: string, response: ServerResponse) => {
        response.setHeader('Content-Encoding', coding)
        return false
      }
      const asLies = (path: string, response: ServerResponse) =>
        path.endsWith('.x') && asGzip(path, response)
      await served(asLies, async (url) => {
        expect((await take(`${url}/coded`)).packages).toBe(2)
      })
    },
  )

  it('reads a digest of any kind that repomd.xml may have', async () => {
    const root = repository('sha384', plain)
    const repomd = join(root, 'repodata/repomd.xml')
    const hash = (kind: string) => createHash(kind).update(plain).digest('hex')
    const said = readFileSync(repomd, 'utf8').replace(
      `"sha256">${hash('sha256')}`,
      `"sha384">${hash('sha384')}`,
    )
    writeFileSync(repomd, said)
    expect((await take(root)).packages).toBe(2)
  })

  it('follows redirects, and says where they go round or lead to nothing', async () => {
    repository('moved', plain)
    const moves = (path: string, response: ServerResponse) => {
      const [, how, rest] = /^\/(old|round|nowhere|ftp)\/(.*)/.exec(path) ?? []
      if (how === undefined) return false
      const to = { old: `/moved/${rest}`, round: path, nowhere: 'http://[', ftp: 'ftp://x.test/' }
      response.writeHead(302, { Location: to[how as keyof typeof to] }).end()
      return true
    }
    await served(moves, async (url) => {
      expect((await take(`${url}/old`)).packages).toBe(2)
      const said = async (path: string) => message(await refusal(take(`${url}/${path}`)))
      expect(await said('round')).toContain('redirects more than 10 times')
      expect(await said('nowhere')).toContain('redirects to no address')
      expect(await said('ftp')).toContain('neither http nor https')
    })
    expect(message(await refusal(take('http://127.0.0.1:9/')))).toContain('ECONNREFUSED')
  })

  it.each([
    ['a wrong digest', () => repository('digest', plain, undefined, '0'.repeat(64)), 'promises'],
    ['a path out of it', () => repository('out', plain, '../../etc/passwd'), 'leads out'],
    [
      'bzip2',
      () => repository('bz', Buffer.from('BZh91AY&SY')),
      'compressed by bzip2; gzip, xz, zstd or none are read',
    ],
    [
      'a checksum of a kind that is none',
      () => {
        const root = repository('md2', plain)
        const repomd = join(root, 'repodata/repomd.xml')
        writeFileSync(repomd, readFileSync(repomd, 'utf8').replaceAll('"sha256"', '"constructor"'))
        return root
      },
      'a checksum of type "constructor" is not read; sha, sha1',
    ],
    ['a cut document', () => repository('cut', plain.subarray(0, 300)), 'primary.xml'],
    ['broken gzip', () => repository('gz', Buffer.from([0x1f, 0x8b, 1, 2, 3])), ''],
    ['broken xz', () => repository('xz', xz(plain).subarray(0, 60)), ''],
    ['no source packages', () => repository('none', Buffer.from(primaryOf())), 'no source'],
    [
      'a name that is none',
      () => repository('name', Buffer.from(primaryOf(sourcePackage('a/../b', '1', '1')))),
      'no package',
    ],
    [
      'an entity bomb',
      () =>
        repository(
          'bomb',
          Buffer.from(
            '<!DOCTYPE x [<!ENTITY a "aaaa">]><metadata><package>&a;</package></metadata>',
          ),
        ),
      'primary.xml',
    ],
    ['a folder that is not there', () => join(folder, 'nowhere'), 'there is no file'],
  ])('refuses %s, and keeps the list that it had', async (_, make, said) => {
    const before = await listUpstream(ctxOf(app), 'keel10')
    const error = await refusal(take(make()))
    expect(error?.code).toBe('input.invalid')
    expect(error?.details.field).toBe('source')
    expect(message(error)).toContain(said)
    expect(await listUpstream(ctxOf(app), 'keel10')).toEqual(before)
  })

  it('names the field of a repository that is none, and is for admins', async () => {
    const source = repository('ok', plain)
    const wrong = await refusal(take(source, { repository: 'extras' }))
    expect(wrong?.details.field).toBe('repository')
    const ann = ctxOf(app, personActor(1, 'ann'))
    const asAnn = importUpstream(ann, { release: 'keel10', repository: 'baseos', source })
    expect((await refusal(asAnn))?.code).toBe('account.forbidden')
  })

  it('survives any bytes in repomd.xml', () => {
    const random = numbers(9)
    for (let n = 0; n < 500; n++) {
      const bytes = Buffer.from(
        Array.from({ length: 60 }, () => '<>&"/=data typerimlocaon href'.charCodeAt(random() * 29)),
      )
      expect(() => parseRepomd(`<repomd>${bytes.toString()}`)).toThrow(PortalError)
    }
  })
})
