/** Strange results and faults of the builder's own, with the real program in its sandbox. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { SrpmResult } from '../../src/builder/protocol.ts'
import { removeFolder } from '../../src/builder/scratch.ts'
import { createTestPortal, type TestPortal, type TestTask } from './portal.ts'
import { type Program, scratchFolder, specOf, specPayload, startBuilder } from './program.ts'

let portal: TestPortal
let url: string
let scratch: string
let programs: Program[]

beforeEach(async () => {
  portal = createTestPortal()
  url = await portal.listen()
  scratch = scratchFolder()
  programs = []
})
afterEach(async () => {
  for (const program of programs) await program.end('SIGKILL')
  await portal.close()
  await removeFolder(scratch)
})

function start(env: Record<string, string> = {}): Program {
  const program = startBuilder(url, scratch, env)
  programs.push(program)
  return program
}

const wait = { timeout: 60_000, interval: 20 }

async function finished(task: TestTask) {
  await expect.poll(() => task.finish, wait).toBeDefined()
  if (!task.finish) throw new Error('not finished')
  return task.finish
}

async function archOf(name: string, spec: string, limits?: object) {
  const srpm = portal.add('buildSRPM', specPayload(portal, name, spec))
  const end = await finished(srpm)
  expect(end, srpm.log.toString()).toMatchObject({ outcome: 'ok' })
  const { outputs } = end.result as SrpmResult
  return portal.add('buildArch', {
    ...{ srpm: outputs[0], arch: 'noarch', dist: '.kl10', driver: 'host', repos: [] },
    ...(limits && { limits }),
  })
}

describe('results that are no plain files', () => {
  test.each([
    ['a pipe', 'mkfifo /build/RPMS/noarch/x-1-1.noarch.rpm'],
    [
      'a thousand pipes',
      'for i in $(seq 1000); do mkfifo /build/RPMS/noarch/x$i-1-1.noarch.rpm; done',
    ],
    ['a link', 'ln -s /etc/shadow /build/RPMS/noarch/x-1-1.noarch.rpm'],
    ['a folder', 'mkdir /build/RPMS/noarch/x-1-1.noarch.rpm'],
    ['an odd name', 'touch "/build/RPMS/noarch/..x.rpm"'],
  ])('%s is refused at once', async (_, script) => {
    start()
    const task = await archOf('odd', specOf('odd', `mkdir -p /build/RPMS/noarch; ${script}`))
    expect((await finished(task)).reason?.code).toBe('build.output-unusable')
  })

  test('120,000 empty files are not taken for packages', async () => {
    start()
    const script =
      'mkdir -p /build/RPMS/noarch; cd /build/RPMS/noarch; seq -f "e%g-1-1.noarch.rpm" 120000 | xargs touch'
    const task = await archOf('many', specOf('many', script))
    expect((await finished(task)).reason).toEqual({
      code: 'build.too-many-files',
      params: { limit: 10_000 },
    })
  })
})

test('one time budget holds for all of a task, its transfers too', async () => {
  start()
  const task = await archOf('slow', specOf('slow', 'echo > /build/begun'), { time_s: 4 })
  portal.moods.hangOutputs = true
  expect((await finished(task)).reason).toEqual({
    code: 'build.limit-time',
    params: { limit_s: 4 },
  })
})

describe('what a spec may not say', () => {
  const srpmOf = (spec: string) => portal.add('buildSRPM', specPayload(portal, 'x', spec))

  test('a control character in its changelog', async () => {
    start()
    const spec = specOf('poison', ':').replace('- First', '- colour \u001b[31m')
    expect((await finished(srpmOf(spec))).reason).toEqual({
      code: 'build.control-character',
      params: { filename: 'poison-1.0-1.kl10.src.rpm', tag: 'changelogtext', character: 'U+001B' },
    })
  })

  test('a release that needs the history of git', async () => {
    start()
    const spec = specOf('auto', ':').replace('Release: 1%{?dist}', 'Release: %autorelease')
    expect((await finished(srpmOf(spec))).reason).toEqual({ code: 'build.autorelease', params: {} })
  })

  test('a version that nobody defines', async () => {
    start()
    const spec = specOf('undef', ':').replace('Version: 1.0', 'Version: %{upstream_version}')
    const { reason } = await finished(srpmOf(spec))
    expect(reason).toEqual({
      code: 'build.macro-undefined',
      params: { macro: '%{upstream_version}' },
    })
  })

  test('that a source is left out', async () => {
    start()
    const spec = specOf('nosrc', ':', 'Source0: x.spec\nNoSource: 0')
    expect((await finished(srpmOf(spec))).reason?.code).toBe('build.source-left-out')
  })

  test('but names with + ~ ^ and one that begins with _ are fine', async () => {
    start()
    for (const name of ['libcase++', '_private']) {
      const spec = specOf(name, ':').replace('Version: 1.0', 'Version: 2~rc1^git2')
      const task = await archOf('x', spec)
      expect(await finished(task), task.log.toString()).toMatchObject({ outcome: 'ok' })
    }
  })

  test('and a noarch package with ExclusiveArch is built', async () => {
    start()
    const task = await archOf('excl', specOf('excl', ':', 'ExclusiveArch: x86_64 aarch64 noarch'))
    expect(await finished(task), task.log.toString()).toMatchObject({ outcome: 'ok' })
    const other = await archOf('excl2', specOf('excl2', ':', 'ExclusiveArch: x86_64'))
    expect(await finished(other), other.log.toString()).toMatchObject({ outcome: 'ok' })
  })
})

describe("the builder's own faults", () => {
  test('a full disk gives the task back', async () => {
    start({ BUILDER_RESERVE_DISK_MIB: '99999999' })
    const task = portal.add('buildSRPM', specPayload(portal, 'full', specOf('full', ':')))
    await expect.poll(() => task.returned, wait).toHaveLength(1)
    expect(task.returned[0]).toMatchObject({
      kind: 'fault',
      reason: { code: 'build.scratch-full' },
    })
    expect(task.finish).toBeUndefined()
  })

  test('a sandbox that does not start gives the task back', async () => {
    const bin = await brokenBwrap()
    const program = start({ PATH: `${bin}:${process.env.PATH}` })
    const task = portal.add('buildSRPM', specPayload(portal, 'gone', specOf('gone', ':')))
    await expect.poll(() => task.returned, wait).toHaveLength(1)
    expect(task.returned[0]).toMatchObject({ kind: 'fault' })
    expect(program.said()).toContain('own fault')
  })

  test('a log of nothing but returns silences no heartbeat', async () => {
    start()
    const script = 'head -c 3000000 /dev/zero | tr "\\\\0" "\\\\r"; echo; exit 1'
    const task = await archOf('cr', specOf('cr', script))
    expect((await finished(task)).reason?.code).toBe('build.rpmbuild-failed')
    expect(task.attempts).toBe(1)
  })
})

/** A bwrap that passes the builder's first look and then fails, as where namespaces are used up. */
async function brokenBwrap(): Promise<string> {
  const { chmodSync, writeFileSync } = await import('node:fs')
  const folder = scratchFolder()
  const script =
    '#!/bin/sh\ncase "$*" in *info-fd*) echo "No space left on device" >&2; exit 1;; esac\nexec /usr/bin/bwrap "$@"\n'
  writeFileSync(`${folder}/bwrap`, script)
  chmodSync(`${folder}/bwrap`, 0o755)
  return folder
}
