/** Sources from git: a real server, the real builder. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BuildFailure } from '../../src/builder/failure.ts'
import { pinGitUrl } from '../../src/builder/git-source.ts'
import type { SrpmResult } from '../../src/builder/protocol.ts'
import { removeFolder } from '../../src/builder/scratch.ts'
import { makeRepository, serveGit } from './git-server.ts'
import { createTestPortal, type TestPortal } from './portal.ts'
import { type Program, scratchFolder, specOf, startBuilder } from './program.ts'

let portal: TestPortal
let server: Awaited<ReturnType<typeof serveGit>>
let folder: string
let commit: string
let program: Program

beforeAll(async () => {
  folder = scratchFolder()
  const withSource = (name: string) => specOf(name, 'cat %{SOURCE0}', 'Source0: notes.txt')
  commit = makeRepository(join(folder, 'flat'), {
    'flat.spec': withSource('flat'),
    'notes.txt': 'notes\n',
  })
  makeRepository(join(folder, 'folders'), {
    'SPECS/folders.spec': withSource('folders'),
    'SOURCES/notes.txt': 'notes\n',
  })
  makeRepository(join(folder, 'two'), { 'a.spec': specOf('a', ':'), 'b.spec': specOf('b', ':') })
  makeRepository(join(folder, 'none'), { 'readme.txt': 'no spec' })
  portal = createTestPortal()
  server = await serveGit(folder, 'http://localhost:1')
  const url = await portal.listen()
  program = startBuilder(url, folder, { BUILDER_PRIVATE_SOURCES: server.host })
})
afterAll(async () => {
  await program.end('SIGTERM')
  await portal.close()
  server.close()
  await removeFolder(folder)
})

async function build(repository: string, ref: string) {
  const source = { kind: 'git', url: `http://${server.host}/${repository}/.git`, ref }
  const task = portal.add('buildSRPM', { source, dist: '.kl10' })
  await expect.poll(() => task.finish, { timeout: 30_000 }).toBeDefined()
  return { ...task.finish, log: task.log.toString() }
}

describe('a source in git', () => {
  test.each([
    ['a branch', 'flat', () => 'main'],
    ['a tag', 'flat', () => 'v1'],
    ['a commit', 'flat', () => commit],
    ['SPECS and SOURCES', 'folders', () => 'main'],
  ])('is built from %s', async (_, repository, ref) => {
    const end = await build(repository, ref())
    expect(end, end.log).toMatchObject({ outcome: 'ok' })
    const { outputs } = end.result as SrpmResult
    expect(outputs[0]?.filename).toBe(`${repository}-1.0-1.kl10.src.rpm`)
    if (repository === 'flat') expect(end.log).toContain(`commit ${commit}`)
  })

  test.each([
    ['none', 'main', 'build.spec-missing'],
    ['two', 'main', 'build.spec-several'],
    ['flat', 'nowhere', 'build.git-failed'],
    ['away/flat', 'main', 'build.git-failed'],
  ])('%s at %s gives %s', async (repository, ref, code) => {
    expect(await build(repository, ref)).toMatchObject({ outcome: 'failed', reason: { code } })
  })
})

describe('the address that git connects to', () => {
  const pin = (url: string, addresses: string[], own: string[] = []) =>
    pinGitUrl(url, own, async () => addresses)

  test('is the one that was checked', async () => {
    expect(await pin('https://git.example/x.git', ['93.184.216.34', '2606:2800:220:1::1'])).toEqual(
      {
        url: 'https://git.example/x.git',
        pin: 'git.example:443:93.184.216.34,[2606:2800:220:1::1]',
      },
    )
  })

  test("is refused when any of the name's addresses is private", async () => {
    const refused = pin('https://git.example/x.git', ['93.184.216.34', '127.0.0.1'])
    await expect(refused).rejects.toBeInstanceOf(BuildFailure)
    await expect(refused).rejects.toMatchObject({
      reason: { code: 'build.url-private', params: { host: 'git.example' } },
    })
  })

  test('may be private where the operator has allowed it', async () => {
    const own = ['forge.lan:443']
    expect((await pin('https://forge.lan/x.git', ['10.1.2.3'], own)).pin).toBe(
      'forge.lan:443:10.1.2.3',
    )
    await expect(pin('https://forge.lan:8443/x.git', ['10.1.2.3'], own)).rejects.toThrow(
      'build.url-private',
    )
  })
})
