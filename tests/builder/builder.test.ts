/** The whole builder program against the portal's side of the protocol, with real rpmbuild. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ArchResult, SrpmResult } from '../../src/builder/protocol.ts'
import { removeFolder } from '../../src/builder/scratch.ts'
import { createTestPortal, type TestPortal, type TestTask } from './portal.ts'
import {
  contentPayload,
  helloTarball,
  type Program,
  root,
  scratchFolder,
  specOf,
  specPayload,
  startBuilder,
} from './program.ts'

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

const wait = { timeout: 150_000, interval: 20 }
const logOf = (task: TestTask) => task.log.toString()

async function finished(task: TestTask) {
  await expect.poll(() => task.finish, wait).toBeDefined()
  if (!task.finish) throw new Error('not finished')
  return task.finish
}

async function srpmResult(task: TestTask): Promise<SrpmResult> {
  const end = await finished(task)
  expect(end, logOf(task)).toMatchObject({ outcome: 'ok' })
  return end.result as SrpmResult
}

/** Queues buildArch for what a buildSRPM made. */
async function archOf(srpm: TestTask, arch = 'x86_64') {
  const { outputs } = await srpmResult(srpm)
  return portal.add('buildArch', {
    srpm: outputs[0],
    arch,
    dist: '.kl10',
    driver: 'host',
    repos: [],
  })
}

async function archResult(task: TestTask): Promise<ArchResult> {
  const end = await finished(task)
  expect(end, logOf(task)).toMatchObject({ outcome: 'ok' })
  return end.result as ArchResult
}

const names = (result: ArchResult) => result.rpms.map((rpm) => rpm.filename).sort()

function rpmQuery(result: ArchResult, filename: string, ...query: string[]): string {
  const rpm = result.rpms.find((each) => each.filename === filename)
  const path = join(scratch, filename)
  writeFileSync(path, portal.blobs.get(rpm?.sha256 ?? '') ?? '')
  return execFileSync('rpm', ['-qp', '--nosignature', ...query, path], { encoding: 'utf8' })
}

describe('packages', () => {
  test('the seed packages build, and need nothing that the distribution does not have', async () => {
    start({ BUILDER_CAPACITY: '2' })
    const seeds = readdirSync(join(root, 'content/packages')).sort()
    const made = await Promise.all(
      seeds.map(async (name) =>
        archResult(await archOf(portal.add('buildSRPM', contentPayload(portal, name)))),
      ),
    )
    expect(made.flatMap(names)).toEqual([
      'keel-logos-10.0-1.kl10.noarch.rpm',
      'keel-gpg-keys-10-1.kl10.noarch.rpm',
      'keel-release-10-1.kl10.noarch.rpm',
      'keel-repos-10-1.kl10.noarch.rpm',
      'keel-repos-testing-10-1.kl10.noarch.rpm',
      'keel-setup-10.0-1.kl10.noarch.rpm',
      'keel-setup-shell-10.0-1.kl10.noarch.rpm',
      'rpmvercmp-1.0-1.kl10.x86_64.rpm',
    ])
    const needs = made.flatMap((result) =>
      names(result).flatMap((name) => rpmQuery(result, name, '--requires').split('\n')),
    )
    const outside = needs.filter(
      (need) => need !== '' && !/^(rpmlib|config)\(/.test(need) && !need.startsWith('keel-'),
    )
    expect(outside).toEqual([])
    const scripts = made.flatMap((result) =>
      names(result).map((name) => rpmQuery(result, name, '--scripts')),
    )
    expect(scripts.join('')).toBe('')
  }, 120_000)

  test('GNU hello builds from its original tarball, checked, linked statically', async () => {
    start()
    const spec = readFileSync(join(root, 'tests/builder/fixtures/hello.spec'))
    const files = [
      { name: 'hello.spec', ...portal.keep(spec) },
      { name: 'hello_2.10.orig.tar.gz', ...portal.keep(readFileSync(helloTarball())) },
    ]
    const srpm = portal.add('buildSRPM', {
      source: { kind: 'files', spec: 'hello.spec', files },
      dist: '.kl10',
    })
    expect(await srpmResult(srpm)).toMatchObject({
      ...{
        name: 'hello',
        epoch: 0,
        version: '2.10',
        release: '1.kl10',
        arches: null,
        noarch: false,
      },
      build_requires: ['gcc', 'make'],
    })
    const task = await archOf(srpm)
    const result = await archResult(task)
    expect(names(result)).toEqual(['hello-2.10-1.kl10.x86_64.rpm'])
    expect(logOf(task)).toMatch(/# PASS:\s+[1-9]/)
    expect(result.host.rpm).toMatch(/\d/)
    expect(result.unverified_build_requires).toEqual([])
    expect(rpmQuery(result, 'hello-2.10-1.kl10.x86_64.rpm', '--requires')).not.toContain('libc')
  }, 180_000)

  test('the same source gives the same packages', async () => {
    start()
    const build = async () => {
      const srpm = portal.add(
        'buildSRPM',
        specPayload(portal, 'twice', specOf('twice', 'date > /build/tmp/now')),
      )
      const made = await srpmResult(srpm)
      return [
        made.outputs[0]?.sha256,
        ...(await archResult(await archOf(srpm, 'noarch'))).rpms.map((rpm) => rpm.sha256),
      ]
    }
    expect(await build()).toEqual(await build())
  })

  test("a source package is rebuilt with the release's own dist", async () => {
    start()
    const first = portal.add('buildSRPM', {
      ...specPayload(portal, 'again', specOf('again', ':')),
      dist: '.el10',
    })
    const [file] = (await srpmResult(first)).outputs
    expect(file?.filename).toBe('again-1.0-1.el10.src.rpm')
    const second = portal.add('buildSRPM', { source: { kind: 'srpm', ...file }, dist: '.kl10' })
    expect((await srpmResult(second)).outputs[0]?.filename).toBe('again-1.0-1.kl10.src.rpm')
  })
})

describe('bad input', () => {
  const refusals: [string, (portal: TestPortal) => unknown, string][] = [
    [
      'a spec that does not parse',
      (p) => specPayload(p, 'bad', 'Name: bad\n%if 1\n'),
      'build.spec-parse',
    ],
    [
      'a spec without its source',
      (p) => specPayload(p, 'bad', specOf('bad', ':', 'Source0: missing.tar.gz')),
      'build.srpm-failed',
    ],
    [
      'a spec whose macro never ends',
      (p) => ({
        ...specPayload(p, 'bad', `%(while :; do :; done)\n${specOf('bad', ':')}`),
        limits: { time_s: 1 },
      }),
      'build.limit-time',
    ],
    [
      'a file that is no package',
      (p) => ({
        source: { kind: 'srpm', filename: 'x.src.rpm', ...p.keep(Buffer.from('not a package')) },
        dist: '.kl10',
      }),
      'build.srpm-unreadable',
    ],
    [
      'a private git address',
      () => ({
        source: { kind: 'git', url: 'https://10.0.0.1/x.git', ref: 'main' },
        dist: '.kl10',
      }),
      'build.url-private',
    ],
    [
      'a git URL with a leading dash',
      () => ({ source: { kind: 'git', url: '--upload-pack=touch x', ref: 'main' }, dist: '.kl10' }),
      'build.url-invalid',
    ],
    [
      'a ref with a leading dash',
      () => ({
        source: { kind: 'git', url: 'https://git.example/x.git', ref: '--exec=x' },
        dist: '.kl10',
      }),
      'build.ref-invalid',
    ],
    [
      'a file name with a path',
      (p) => ({
        source: {
          kind: 'files',
          spec: 'x.spec',
          files: [{ name: '../x.spec', ...p.keep(Buffer.from('x')) }],
        },
        dist: '.kl10',
      }),
      'build.payload',
    ],
    ['an unknown method', () => ({}), 'build.method-unknown'],
  ]
  test('each is refused with its reason, and the builder goes on', async () => {
    start()
    const tasks = refusals.map(([, payload, code]) =>
      portal.add(code === 'build.method-unknown' ? 'format' : 'buildSRPM', payload(portal)),
    )
    for (const [at, [what, , code]] of refusals.entries()) {
      const end = await finished(tasks[at] as TestTask)
      expect([what, end.outcome, end.reason?.code]).toEqual([what, 'failed', code])
    }
    const parse = tasks[0]?.finish
    expect(parse?.reason?.params.message).toContain('%if')
    expect(parse?.highlights?.[0]?.text).toContain('error:')
    await srpmResult(portal.add('buildSRPM', specPayload(portal, 'good', specOf('good', ':'))))
    const left = () => readdirSync(scratch).flatMap((name) => readdirSync(join(scratch, name)))
    await expect.poll(left, wait).toEqual([])
  }, 60_000)

  test('a bomb of a tarball is stopped by the disk limit', async () => {
    start({ BUILDER_LIMIT_DISK_MIB: '64' })
    const script = 'head -c 400M /dev/zero | gzip -1 > bomb.gz; zcat bomb.gz > bomb; sync'
    const task = await archOf(
      portal.add('buildSRPM', specPayload(portal, 'bomb', specOf('bomb', script))),
    )
    expect((await finished(task)).reason).toEqual({
      code: 'build.limit-disk',
      params: { limit_mib: 64 },
    })
  })

  test('a build that links its output to a file of the host gives nothing away', async () => {
    start()
    const script =
      'mkdir -p /build/RPMS/noarch; ln -s /etc/shadow /build/RPMS/noarch/x-1-1.noarch.rpm'
    const task = await archOf(
      portal.add('buildSRPM', specPayload(portal, 'link', specOf('link', script))),
    )
    const end = await finished(task)
    expect(end.outcome).toBe('failed')
    expect(['build.srpm-unreadable', 'build.output-unusable']).toContain(end.reason?.code)
  })

  test('a build that fails says which lines matter', async () => {
    start()
    const script = 'echo fine; echo "x.c:3:1: error: expected expression"; exit 1'
    const task = await archOf(
      portal.add('buildSRPM', specPayload(portal, 'fail', specOf('fail', script))),
    )
    const end = await finished(task)
    expect(end.reason).toEqual({ code: 'build.rpmbuild-failed', params: { exit_code: 1 } })
    expect(end.highlights?.map(({ text }) => text)).toContain('x.c:3:1: error: expected expression')
    const [first] = end.highlights ?? []
    expect(logOf(task).split('\n')[(first?.line ?? 0) - 1]).toBe(first?.text)
  })
})

describe('faults', () => {
  const slow = 'for i in $(seq 200); do echo line $i; sleep 0.02; done'

  test('a builder killed in mid-build leaves no process, and its next start takes the work again', async () => {
    const first = start()
    const task = await archOf(
      portal.add('buildSRPM', specPayload(portal, 'slow', specOf('slow', `${slow}; sleep 0.0271`))),
    )
    await expect.poll(() => logOf(task), wait).toContain('line 20\n')
    await first.end('SIGKILL')
    await expect
      .poll(
        () =>
          execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).includes('rpmbuild --rebuild'),
        wait,
      )
      .toBe(false)
    const second = start()
    expect(names(await archResult(task))).toEqual(['slow-1.0-1.kl10.noarch.rpm'])
    expect(task.attempts).toBe(2)
    expect(second.said()).toContain('"removed":1')
    expect(readdirSync(scratch)).toHaveLength(1)
  }, 60_000)

  test('a lost lease ends the work and nothing is reported', async () => {
    const program = start()
    const task = await archOf(
      portal.add('buildSRPM', specPayload(portal, 'lost', specOf('lost', 'sleep 60'))),
    )
    await expect.poll(() => task.log.length, wait).toBeGreaterThan(0)
    portal.revoke(task)
    await expect.poll(() => program.said(), wait).toContain('"msg":"dropped"')
    expect(task.finish).toBeUndefined()
    await srpmResult(portal.add('buildSRPM', specPayload(portal, 'next', specOf('next', ':'))))
  }, 60_000)

  test('a portal that is away for a while loses nothing of the log', async () => {
    start()
    const task = await archOf(
      portal.add('buildSRPM', specPayload(portal, 'away', specOf('away', slow))),
    )
    await expect.poll(() => logOf(task), wait).toContain('line 20\n')
    task.lease_until = Number.MAX_SAFE_INTEGER
    portal.moods.away = true
    await expect.poll(() => portal.calls.refused, wait).toBeGreaterThan(3)
    portal.moods.away = false
    await archResult(task)
    expect(logOf(task).match(/^line \d+$/gm)).toHaveLength(200)
  }, 60_000)

  test('damaged transfers are repeated, and a digest that stays wrong is an error', async () => {
    start()
    portal.moods.damageInputs = 1
    portal.moods.refuseOutputs = 2
    await srpmResult(portal.add('buildSRPM', specPayload(portal, 'dam', specOf('dam', ':'))))
    expect(portal.calls.put).toBe(3)
    portal.moods.damageInputs = 3
    const task = portal.add('buildSRPM', specPayload(portal, 'dam2', specOf('dam2', ':')))
    expect((await finished(task)).reason?.code).toBe('build.input-damaged')
  })

  test('it starts while the portal is away, and SIGTERM ends it cleanly in mid-build', async () => {
    portal.moods.away = true
    const program = start()
    await expect.poll(() => program.said(), wait).toContain('no heartbeat')
    portal.moods.away = false
    const task = await archOf(
      portal.add('buildSRPM', specPayload(portal, 'term', specOf('term', 'sleep 60'))),
    )
    await expect.poll(() => task.log.length, wait).toBeGreaterThan(0)
    expect(await program.end('SIGTERM')).toBe(0)
    expect(task.finish).toBeUndefined()
    expect(task.returned).toEqual([{ kind: 'stopping' }])
    expect(readdirSync(scratch)).toEqual([])
  }, 60_000)

  test('without rpmbuild it says what is missing and claims nothing', async () => {
    const empty = scratchFolder()
    start({ PATH: empty })
    portal.add('buildSRPM', specPayload(portal, 'none', specOf('none', ':')))
    await expect.poll(() => portal.beats.length, wait).toBeGreaterThan(1)
    expect(portal.beats[0]).toMatchObject({ drivers: [], tasks: [] })
    expect(portal.beats[0]?.missing).toContain('rpmbuild')
    expect(portal.calls.claim).toBe(0)
    await removeFolder(empty)
  })

  test('without a token it says so and ends', async () => {
    const program = start({ BUILDER_TOKEN: '' })
    await expect.poll(() => program.child.exitCode, wait).toBe(1)
    expect(program.said()).toContain('BUILDER_TOKEN')
  })
})
