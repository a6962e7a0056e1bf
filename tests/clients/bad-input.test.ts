/**
 * Bad input through the real portal, by a packager with a token: each case gives the one who did it a
 * sentence that says what is wrong, and a good build right after still works.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeRepository, serveGit } from '../builder/git-server.ts'
import { specOf } from '../builder/program.ts'
import { Api, Refusal, type Task, type Update } from '../support/api.ts'
import { srpmWithPath } from '../support/hostile-rpm.ts'
import { built, ended, makeSrpm, submitSrpm } from '../support/packages.ts'
import { becomeAdmin, signUp, signUpPackager } from '../support/people.ts'
import { type Portal, startPortal } from '../support/portal.ts'
import { slipway } from '../support/slipway.ts'
import { until } from '../support/until.ts'

const folder = mkdtempSync(join(tmpdir(), 'slipway-bad-input-'))
let portal: Portal
let git: Awaited<ReturnType<typeof serveGit>>
let packager: Api
let tester: Api

beforeAll(async () => {
  makeRepository(join(folder, 'broken.git'), { 'broken.spec': 'Name: broken\n%if 1\n' })
  git = await serveGit(folder, '')
  portal = await startPortal({
    env: {
      SLIPWAY_PRIVATE_SOURCES: git.host,
      BUILDER_LIMIT_PROCESSES: '60',
      BUILDER_LIMIT_DISK_MIB: '64',
      BUILDER_LIMIT_LOG_MIB: '2',
      BUILDER_LIMIT_MEMORY_MIB: '512',
    },
  })
  const admin = await becomeAdmin(portal)
  packager = await signUpPackager(portal, admin, 'ship-wright')
  tester = await signUp(portal, 'first-mate')
})
afterAll(async () => {
  git?.close()
  await portal?.stop()
  rmSync(folder, { recursive: true, force: true })
})

let number = 0
/** A good build by the same packager still works. */
async function goodBuild(): Promise<string> {
  number += 1
  const path = await makeSrpm(specOf(`good${number}`, 'echo fine'))
  return (await built(packager, await submitSrpm(packager, path))).nvr
}

/** The refusal that a call must end in. */
async function refusal(call: Promise<unknown>): Promise<Refusal> {
  const outcome = await call.catch((error: unknown) => error)
  if (!(outcome instanceof Refusal)) throw new Error(`not refused: ${JSON.stringify(outcome)}`)
  return outcome
}

async function failed(task: Task): Promise<Task> {
  const end = await ended(packager, task)
  expect(end.state).toBe('FAILED')
  return end
}

describe('builds that mean harm are stopped, and their task says by what', () => {
  const cases: [what: string, script: string, sentence: string][] = [
    [
      'forks without end',
      "perl -e 'fork while 1'",
      'Stopped: the build ran more than 60 processes at once.',
    ],
    [
      'fills the disk',
      'while :; do cat /dev/zero > file$((i=i+1)); done',
      'Stopped: the build took more than 64 MiB of disk.',
    ],
    [
      'writes gigabytes of log',
      'yes gigabytes of log',
      'Stopped: the build wrote more than 2 MiB of log.',
    ],
    [
      'takes all memory',
      `perl -e 'my @a; while (1) { push @a, "x" x (8 * 1024 * 1024) }'`,
      'Stopped: the build took more than 512 MiB of memory.',
    ],
  ]
  test.each(cases)('one that %s', async (what, script, sentence) => {
    const path = await makeSrpm(specOf(what.replace(/\W+/g, '-'), script))
    const end = await failed(await submitSrpm(packager, path))
    expect(end.reason?.sentence).toBe(sentence)
    const arch = end.children.find((child) => child.method === 'buildArch')
    expect(arch?.reason?.sentence).toBe(sentence)
  })

  test('one that tries the network', async () => {
    const script = "bash -c 'exec 3<>/dev/tcp/192.0.2.1/80'"
    const end = await failed(await submitSrpm(packager, await makeSrpm(specOf('caller', script))))
    expect(end.reason?.sentence).toBe('rpmbuild failed with status 1.')
    expect(end.highlights?.map((line) => line.text).join('\n')).toContain('Network is unreachable')
  })

  test('one whose tarball is a bomb', async () => {
    const tarball = join(folder, 'bomb-1.0.tar.gz')
    const pack =
      'mkdir bomb-1.0; head -c 100M /dev/zero > bomb-1.0/zeros; tar czf bomb-1.0.tar.gz bomb-1.0'
    execFileSync('sh', ['-c', `${pack}; rm -r bomb-1.0`], { cwd: folder })
    const spec = specOf('bomb', ':', 'Source0: bomb-1.0.tar.gz').replace(
      '%build',
      '%prep\n%setup -q\n%build',
    )
    const end = await failed(await submitSrpm(packager, await makeSrpm(spec, [tarball])))
    expect(end.reason?.sentence).toBe('Stopped: the build took more than 64 MiB of disk.')
  })

  test('one whose source package is the bomb', async () => {
    const zeros = join(folder, 'zeros')
    execFileSync('sh', ['-c', `head -c 100M /dev/zero > ${zeros}`])
    const end = await failed(
      await submitSrpm(packager, await makeSrpm(specOf('bomb2', ':', 'Source0: zeros'), [zeros])),
    )
    expect(end.reason?.sentence).toMatch(
      /^(Stopped: the build took more than 64 MiB of disk\.|rpm can't read the package\. .+)$/,
    )
  })

  test('and a good build afterwards works', async () => {
    expect(await goodBuild()).toMatch(/^good\d+-1\.0-1\.kl10$/)
  })
})

describe('sources that are not right', () => {
  test('a spec that does not parse', async () => {
    const url = `http://${git.host}/broken.git`
    const end = await failed(await packager.post<Task>('/api/builds', { url, ref: 'v1' }))
    expect(end.reason?.sentence).toMatch(/^The spec does not parse\. .*Unclosed %if/)
    expect(end.highlights?.[0]?.text).toContain('error:')
  })

  test('an NVR that exists', async () => {
    const path = await makeSrpm(specOf('twice', 'echo once'))
    await built(packager, await submitSrpm(packager, path))
    const end = await failed(await submitSrpm(packager, path))
    expect(end.reason?.sentence).toBe(
      'twice-1.0-1.kl10 exists. An NVR is used once and never again: raise the release in the spec.',
    )
  })

  test('a file that is no package, and a binary package', async () => {
    const text = join(folder, 'text.src.rpm')
    writeFileSync(text, 'not a package '.repeat(100))
    const refused = await refusal(submitSrpm(packager, text))
    expect(refused).toMatchObject({ status: 422, field: 'file' })
    expect(refused.message).toBe('The field file is not right. This file is not a source package.')
    const stored = execFileSync(
      'find',
      [join(portal.data, 'packages'), '-name', 'good*.noarch.rpm'],
      {
        encoding: 'utf8',
      },
    ).split('\n')[0]
    const binary = await refusal(submitSrpm(packager, stored ?? '', 'good1-1.0-1.src.rpm'))
    expect(binary.message).toContain('This file is not a source package.')
  })

  test('a source package that was cut short', async () => {
    const whole = readFileSync(await makeSrpm(specOf('short', ':')))
    const cut = join(folder, 'short-1.0-1.kl10.src.rpm')
    writeFileSync(cut, whole.subarray(0, whole.length - 200))
    const end = await failed(await submitSrpm(packager, cut))
    expect(end.reason?.sentence).toMatch(/^rpm can't read the package\. .*(error|digest|failed)/i)
  })

  test.each(['../../../harm', '../harm', '/tmp/harm'])(
    'a source package that unpacks to %s',
    async (path) => {
      const spec = specOf('hostile', ':', 'Source0: @SOURCE@')
      const file = join(folder, 'hostile-1.0-1.kl10.src.rpm')
      writeFileSync(file, srpmWithPath(spec, path))
      const end = await failed(await submitSrpm(packager, file))
      expect(end.reason?.sentence).toMatch(
        /^(rpm can't read the package|The source package could not be made)\. .+/,
      )
      for (const place of ['/harm', '/tmp/harm', join(portal.folder, 'harm')])
        expect(existsSync(place)).toBe(false)
    },
  )

  const addresses: [url: string, ref: string, sentence: string][] = [
    [
      '--upload-pack=touch harm',
      'main',
      'The field url is not right. --upload-pack=touch harm is not an address that git can fetch from. Use https://host/path.',
    ],
    [
      'file:///etc/passwd',
      'main',
      'The field url is not right. Sources are fetched by https, not by file.',
    ],
    [
      'https://127.0.0.1/x.git',
      'main',
      'The field url is not right. 127.0.0.1 is not a public address.',
    ],
    [
      'https://[::ffff:10.0.0.1]/x.git',
      'main',
      'The field url is not right. ::ffff:a00:1 is not a public address.',
    ],
    ['https://localhost/x.git', 'main', 'localhost is not a public address.'],
    [
      'https://me:secret@git.example/x.git',
      'main',
      'The address holds a user name or password, which everybody would see in the log.',
    ],
    [
      'https://git.example/x.git',
      '--upload-pack=harm',
      "The field ref is not right. --upload-pack=harm can't be a branch, tag or commit.",
    ],
    ['https://git.example/x.git', '../../harm', "../../harm can't be a branch, tag or commit."],
  ]
  test.each(addresses)('the git address %s %s', async (url, ref, sentence) => {
    const refused = await refusal(packager.post('/api/builds', { url, ref }))
    expect(refused.status).toBe(422)
    expect(refused.message).toContain(sentence)
  })

  test('a git address whose name leads to a private address', async () => {
    const other = git.host.replace('127.0.0.1', 'localhost.localdomain')
    const url = `https://${other}/broken.git`
    const outcome = await packager
      .post<Task>('/api/builds', { url, ref: 'v1' })
      .then(failed)
      .then((end) => end.reason?.sentence)
      .catch((error: Refusal) => error.message)
    expect(outcome).toMatch(/is not a public address|has no address/)
  })

  test('paths with ..', async () => {
    const name = await refusal(packager.post('/api/builds', { package: '../keel-release' }))
    expect(name).toMatchObject({ status: 404, message: 'There is no package ../keel-release.' })
    const path = await makeSrpm(specOf('pathless', ':'))
    const file = await refusal(submitSrpm(packager, path, '../pathless-1.0-1.src.rpm'))
    expect(file.message).toContain("The file's name must end in .src.rpm")
    for (const address of ['/pub/%2e%2e/slipway.db', '/pub/..%2fslipway.db', '/pub/%2e%2e%2fkeys/'])
      expect((await fetch(`${portal.url}${address}`)).status).toBe(404)
  })

  test('and a good build afterwards works', async () => {
    expect(await goodBuild()).toMatch(/^good\d+/)
  })
})

describe('uploads and texts', () => {
  const kept = () => readdirSync(join(portal.data, 'sources', 'part'))

  test('a wrong digest', async () => {
    const body = Buffer.from('these bytes')
    const sha256 = createHash('sha256').update('other bytes').digest('hex')
    const refused = await refusal(packager.ask('POST', `/api/sources?sha256=${sha256}`, { body }))
    expect(refused).toMatchObject({ status: 422, code: 'task.output-mismatch', field: 'sha256' })
    expect(refused.message).toMatch(
      /^What arrived \(11 bytes, SHA-256 [0-9a-f]{64}\) is not what sha256 announced\. Send it again\.$/,
    )
  })

  test('an upload that ends in the middle leaves nothing', async () => {
    const { hostname, port } = new URL(portal.url)
    const socket = connect(Number(port), hostname)
    const head = [
      'POST /api/sources HTTP/1.1',
      `Host: ${hostname}:${port}`,
      `Authorization: Bearer ${packager.token}`,
      'Content-Length: 100000',
      '',
      '',
    ].join('\r\n')
    socket.write(head + 'x'.repeat(5000))
    await until('the upload to begin', () => kept().length === 1)
    socket.destroy()
    await until('the part to be removed', () => kept().length === 0)
  })

  test('a file in the form of someone who may not build', async () => {
    const form = new FormData()
    form.set('srpm', new Blob([new Uint8Array(5_000_000)]), 'large-1.0-1.src.rpm')
    const nobody = new Api(portal.url, { Origin: portal.url })
    const refused = await refusal(nobody.ask('POST', '/builds/new', { body: form }))
    expect(refused).toMatchObject({ status: 413, code: 'input.too-large' })
  })

  test('a comment of 10 MB', async () => {
    const { alias } = await packager.post<Update>('/api/updates', {
      ...{ builds: ['good1-1.0-1.kl10'], type: 'newpackage', notes: 'New.', title: 'good1' },
    })
    const text = 'x'.repeat(10_000_000)
    const refused = await refusal(tester.post(`/api/updates/${alias}/comments`, { text }))
    expect(refused).toMatchObject({ status: 413, code: 'input.too-large' })
    expect(refused.message).toBe('That is larger than the 1 MiB allowed here.')
    const long = await refusal(
      tester.post(`/api/updates/${alias}/comments`, { text: 'x'.repeat(60_000) }),
    )
    expect(long).toMatchObject({ status: 422, field: 'text' })
    expect(long.message).toContain('<=50000 characters')
    expect((await tester.update(alias)).comments).toEqual([])
  })
})

describe('the token of another builder', () => {
  /** The lease of a task, as only the database and its holder know it. */
  function leaseOf(id: number): string {
    const db = new Sqlite(join(portal.data, 'slipway.db'), { readonly: true })
    try {
      return String(db.prepare('select lease from task where id = ?').pluck().get(id))
    } finally {
      db.close()
    }
  }

  test('neither reads, writes nor ends a task that it does not hold', async () => {
    const token = (
      await slipway(portal, ['builder', 'add', 'stranger', '--arches', 'x86_64'])
    ).trim()
    const task = await submitSrpm(packager, await makeSrpm(specOf('held', 'sleep 5')))
    const held = await until('a task that the local builder holds', async () => {
      const now = await packager.task(task.id)
      const arch = now.children.find((child) => child.method === 'buildArch')
      return arch?.state === 'OPEN' && arch
    })
    expect(held.holder).toBe('builder:local')
    const lease = leaseOf(held.id)
    const sentence = `Task ${held.id} is no longer held under this lease. Drop the work.`
    const headers = { 'X-Slipway-Lease': lease }
    const stranger = new Api(portal.url, { Authorization: `Bearer ${token}` })
    const at = `/api/builder/tasks/${held.id}`
    const sha256 = createHash('sha256').update('x').digest('hex')
    const calls = [
      () => stranger.post(`${at}/finish`, { lease, outcome: 'failed' }),
      () => stranger.post(`${at}/finish`, { lease: 'guessed', outcome: 'failed' }),
      () => stranger.ask('POST', `${at}/log?offset=0`, { headers, body: 'mine' }),
      () => stranger.ask('PUT', `${at}/outputs/x.rpm?sha256=${sha256}`, { headers, body: 'x' }),
      () => stranger.ask('GET', `${at}/inputs/${sha256}`, { headers }),
    ]
    for (const call of calls)
      expect(await refusal(call())).toMatchObject({ status: 409, message: sentence })
    const beat = {
      ...{ version: '1', arches: [], channels: [], capacity: 1, drivers: [], missing: [] },
      tasks: [{ id: held.id, lease }],
    }
    expect(await stranger.post('/api/builder/heartbeat', beat)).toMatchObject({ cancel: [held.id] })
    expect((await built(packager, task)).nvr).toBe('held-1.0-1.kl10')
  })

  test('a personal token is none, and neither is one that was renewed', async () => {
    const sentence = /^This builder token is not valid\./
    expect((await refusal(packager.post('/api/builder/claim', {}))).message).toMatch(sentence)
    const old = (await slipway(portal, ['builder', 'add', 'renewed', '--arches', 'x86_64'])).trim()
    await slipway(portal, ['builder', 'renew', 'renewed'])
    const builder = new Api(portal.url, { Authorization: `Bearer ${old}` })
    expect((await refusal(builder.post('/api/builder/claim', {}))).message).toMatch(sentence)
  })

  test('and a good build afterwards works', async () => {
    expect(await goodBuild()).toMatch(/^good\d+/)
  })
})
