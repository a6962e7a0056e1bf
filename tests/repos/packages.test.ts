/** What the portal reads of packages and how it signs them, with the tools confined and the real rpm as judge. */
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { rpmFileOf } from '../../src/kernel/rpm-name.ts'
import { ensureSigningKey, publicKey } from '../../src/kernel/signing.ts'
import { readHeaders, unreadable } from '../../src/repos/header.ts'
import { headerDigest } from '../../src/repos/rpm-file.ts'
import { answerAll, signPackages } from '../../src/repos/sign.ts'
import { digestFile } from '../../src/repos/store.ts'
import { makePoison, makeRpms } from '../support/push-world.ts'
import { type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
let folder: string
let top: string
const work = () => join(top, 'work')
const all = () =>
  readdirSync(folder)
    .sort()
    .map((name) => join(folder, name))

beforeAll(async () => {
  folder = await makeRpms(3)
  makePoison(folder, 'p000')
  top = mkdtempSync(join(tmpdir(), 'slipway-packages-'))
  app = await testApp()
  await ensureSigningKey(app)
})
afterAll(async () => {
  await app?.end()
  rmSync(top, { recursive: true, force: true })
  rmSync(join(folder, '../..'), { recursive: true, force: true })
})

it('reads headers in the order of the files, and tells equal content by a digest', async () => {
  const again = join(top, 'copy.rpm')
  copyFileSync(all()[1] ?? '', again)
  const headers = await readHeaders([...all(), again], work())
  expect(headers.map(rpmFileOf)).toEqual([
    ...all().map((path) => path.split('/').at(-1)),
    'p001-1-1.noarch.rpm',
  ])
  expect(headers[4]?.content).toBe(headers[1]?.content)
  expect(headers[2]?.content).not.toBe(headers[1]?.content)
  expect(headers[1]?.content).toMatch(/^[0-9a-f]{64}$/)
})

it('says in rpm’s words that a file is no package', async () => {
  const file = join(top, 'no.rpm')
  writeFileSync(file, 'not a package')
  await expect(readHeaders([file], work())).rejects.toThrow(/not an rpm package|no package/i)
  await expect(headerDigest(file)).rejects.toThrow('no package')
})

it('names the packages that repository metadata can’t hold', async () => {
  expect(all()[0]).toMatch(/p000/)
  expect(await unreadable(all(), work())).toEqual([0])
})

it('signs packages so that rpm verifies them by the distribution’s key', async () => {
  const packages = join(top, 'sign', 'packages')
  mkdirSync(packages, { recursive: true })
  for (const path of all().slice(1))
    copyFileSync(path, join(packages, path.split('/').at(-1) ?? ''))
  await signPackages(app, join(top, 'sign'), packages)
  const key = join(top, 'key.asc')
  writeFileSync(key, await publicKey(app))
  const rpm = (...args: string[]) =>
    execFileSync('rpm', ['--define', `_dbpath ${top}/rpmdb`, ...args], { encoding: 'utf8' })
  rpm('--import', key)
  for (const name of readdirSync(packages)) {
    const said = rpm('-Kv', join(packages, name))
    expect(said).toMatch(/Header V4 RSA\/SHA256 Signature.*: OK/)
    expect(said).not.toMatch(/BAD|NOKEY/)
  }
})

it('signs nothing that is no header of the packages at hand', async () => {
  const desk = { ask: join(top, 'ask'), answer: join(top, 'answer'), known: new Set<string>() }
  mkdirSync(desk.ask)
  mkdirSync(desk.answer)
  const asked = join(desk.ask, '17')
  writeFileSync(asked, 'sign this, please')
  const stop = new AbortController()
  await expect(answerAll(app, desk, stop.signal)).rejects.toThrow('no package of this build')
  expect(readdirSync(desk.answer)).not.toContain('17')
  desk.known.add(await digestFile(asked))
  const answering = answerAll(app, desk, stop.signal)
  await expect.poll(() => readdirSync(desk.answer)).toContain('17')
  stop.abort()
  await answering
})

it('follows no link that the confined side has made', async () => {
  const desk = { ask: join(top, 'ask2'), answer: join(top, 'answer2'), known: new Set<string>() }
  mkdirSync(desk.ask)
  mkdirSync(desk.answer)
  execFileSync('ln', ['-s', '/etc/hostname', join(desk.ask, '5')])
  await expect(answerAll(app, desk, new AbortController().signal)).rejects.toThrow(/ELOOP/)
})
