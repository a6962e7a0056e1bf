/**
 * Packages in the style of real ones (fixtures/packages), built by the real builder in its sandbox. They use
 * what specs of Enterprise Linux use, whatever the host's rpm defines.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseMacros } from '../../src/builder/macro-file.ts'
import type { ArchResult, SrpmResult } from '../../src/builder/protocol.ts'
import { removeFolder } from '../../src/builder/scratch.ts'
import { until } from '../support/until.ts'
import { createTestPortal, type TestPortal, type TestTask } from './portal.ts'
import { type Program, root, scratchFolder, startBuilder } from './program.ts'

const folder = join(root, 'tests/builder/fixtures/packages')
const names = readdirSync(folder).sort()
const distribution = {
  vendor: 'Keel',
  packager: 'Keel <x@keel.example>',
  build_host: 'b.keel.example',
}

let portal: TestPortal
let scratch: string
let program: Program
const builds = new Map<string, Promise<{ task: TestTask; srpm: SrpmResult; result: ArchResult }>>()

/** The spec, its files, and a tarball of the folder <name>-<version>. */
function payloadOf(name: string) {
  const own = join(folder, name)
  const files = readdirSync(own, { withFileTypes: true }).map((entry) => {
    if (entry.isFile())
      return { name: entry.name, ...portal.keep(readFileSync(join(own, entry.name))) }
    const argv = ['-czf', '-', '--owner=0', '--group=0', '--mtime=@0', entry.name]
    return { name: `${entry.name}.tar.gz`, ...portal.keep(execFileSync('tar', argv, { cwd: own })) }
  })
  const source = { kind: 'files', spec: `${name}.spec`, files }
  return { source, dist: '.kl10', distribution }
}

async function ended(task: TestTask) {
  await until(`task ${task.id} ends`, () => task.finish, 280_000)
  expect(task.finish, task.log.toString().slice(-4000)).toMatchObject({ outcome: 'ok' })
  return task.finish?.result
}

async function build(name: string) {
  const srpm = (await ended(portal.add('buildSRPM', payloadOf(name)))) as SrpmResult
  const task = portal.add('buildArch', {
    ...{ srpm: srpm.outputs[0], arch: srpm.noarch ? 'noarch' : 'x86_64', dist: '.kl10' },
    ...{ driver: 'host', repos: [], distribution },
  })
  return { task, srpm, result: (await ended(task)) as ArchResult }
}

beforeAll(async () => {
  portal = createTestPortal(60_000)
  scratch = scratchFolder()
  program = startBuilder(await portal.listen(), scratch, { BUILDER_CAPACITY: '3' })
  for (const name of names) {
    const built = build(name)
    built.catch(() => {})
    builds.set(name, built)
  }
})
afterAll(async () => {
  await program.end('SIGKILL')
  await portal.close()
  await removeFolder(scratch)
})

test.each(names)('%s builds', async (name) => {
  const { result } = (await builds.get(name)) ?? expect.unreachable()
  expect(result.rpms.length).toBeGreaterThan(0)
})

async function query(name: string, filename: string, ...asked: string[]): Promise<string> {
  const { result } = (await builds.get(name)) ?? expect.unreachable()
  const found = result.rpms.find((rpm) => rpm.filename.startsWith(filename))
  const path = join(scratch, 'asked.rpm')
  writeFileSync(path, portal.blobs.get(found?.sha256 ?? '') ?? '')
  return execFileSync('rpm', ['-qp', '--nosignature', ...asked, path], { encoding: 'utf8' })
}

test('scripts run in bash, whatever the host has for sh', async () => {
  const files = await query('fx-bash++', 'fx-bash++', '--list')
  expect(files).toContain('/usr/share/fx-bash/b/name\n/usr/share/fx-bash/c\n/usr/share/fx-bash/d\n')
  expect(files).not.toContain('{')
})

test('packages name the distribution as vendor, packager and build host', async () => {
  const format = '%{VENDOR}|%{PACKAGER}|%{BUILDHOST}'
  expect(await query('fx-check', 'fx-check', '--qf', format)).toBe(
    'Keel|Keel <x@keel.example>|b.keel.example',
  )
})

test('an epoch is in the package and in what requires it', async () => {
  expect(await query('fx-epoch', 'fx-epoch-devel', '--requires')).toContain('= 3:1.0-1.kl10')
})

test('a subpackage has the version of its own', async () => {
  const { result } = (await builds.get('fx-fixed')) ?? expect.unreachable()
  expect(result.rpms.map((rpm) => rpm.filename).sort()).toEqual([
    'fx-fixed-1.0-1.kl10.noarch.rpm',
    'fx-part-5.0-1.kl10.7.noarch.rpm',
  ])
})

test('a noarch subpackage comes with its package of an arch', async () => {
  const { result } = (await builds.get('fx-sub')) ?? expect.unreachable()
  expect(result.rpms.map((rpm) => rpm.arch).sort()).toEqual(['noarch', 'x86_64'])
})

test('scripts of units and users are what the macros say', async () => {
  const scripts = await query('fx-systemd', 'fx-systemd', '--scripts')
  expect(scripts).toContain('preset fx.service')
  expect(scripts).toContain('u fx - "Fx" /var/lib/fx')
  expect(scripts).not.toContain('%')
})

test('every shipped macro is one definition with a name', () => {
  const macros = parseMacros(readFileSync(join(root, 'src/builder/macros/macros'), 'utf8'))
  expect(macros.length).toBeGreaterThan(60)
  expect(new Set(macros.map(({ name }) => name)).size).toBe(macros.length)
  for (const { name, text } of macros)
    expect([name, text.startsWith(`%${name}`)]).toEqual([name, true])
})
