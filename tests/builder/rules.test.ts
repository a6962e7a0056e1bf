/** The builder's pure parts: configuration, headers, requirements, mock's configuration, the log's way. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { lowerLimits, readConfig } from '../../src/builder/config.ts'
import { lookForRequirements } from '../../src/builder/drivers/host.ts'
import { mockCommand, mockConfig } from '../../src/builder/drivers/mock.ts'
import { distributor, filename } from '../../src/builder/protocol.ts'
import { parseHeader, rpmMessage } from '../../src/builder/rpm.ts'
import { openTaskLog } from '../../src/builder/task-log.ts'

describe('configuration', () => {
  test('what is wrong is named', () => {
    expect(() => readConfig({})).toThrow('BUILDER_TOKEN')
    expect(() => readConfig({ BUILDER_TOKEN: 't', BUILDER_CAPACITY: 'many' })).toThrow(
      'BUILDER_CAPACITY',
    )
    expect(() => readConfig({ BUILDER_TOKEN: 't', SLIPWAY_URL: 'ftp://x' })).toThrow('SLIPWAY_URL')
    expect(() => readConfig({ BUILDER_TOKEN: 't', BUILDER_ARCHES: '../x' })).toThrow(
      'BUILDER_ARCHES',
    )
  })

  test('lists may have commas and spaces', () => {
    const config = readConfig({
      BUILDER_TOKEN: ' t\n',
      BUILDER_ARCHES: 'x86_64, aarch64',
      BUILDER_CHANNELS: '',
    })
    expect(config).toMatchObject({
      token: 't',
      arches: ['x86_64', 'aarch64'],
      channels: ['default'],
    })
  })

  test('a task lowers limits and never raises them', () => {
    const own = { time_s: 10, memory_bytes: 10, processes: 10, disk_bytes: 10, log_bytes: 10 }
    expect(lowerLimits(own, { time_s: 5, processes: 50 })).toEqual({ ...own, time_s: 5 })
  })
})

describe('headers', () => {
  const good =
    'NAME=a\nEPOCHNUM=0\nVERSION=1\nRELEASE=2\nARCH=x86_64\nREQUIRENEVRS=rpmlib(X) <= 1\nREQUIRENEVRS=gcc\nEXCLUSIVEARCH=(none)\n'
  test('are read', () => {
    expect(parseHeader(good)).toMatchObject({
      name: 'a',
      epoch: 0,
      requires: ['gcc'],
      exclusive_arches: [],
    })
  })
  test.each([
    ['a name with a path', good.replace('NAME=a', 'NAME=../a')],
    ['a release with a dash', good.replace('RELEASE=2', 'RELEASE=2-3')],
    ['no version', good.replace('VERSION=1\n', '')],
    ['an epoch that is none', good.replace('EPOCHNUM=0', 'EPOCHNUM=-1')],
    ['nothing', ''],
  ])('with %s are refused', (_, text) => expect(parseHeader(text)).toBeUndefined())

  test("rpm's message is its errors", () => {
    expect(rpmMessage('warning: x\nerror: line 3:  Unclosed %if\n')).toBe(
      'error: line 3: Unclosed %if',
    )
    expect(rpmMessage('a\nb\nc\n')).toBe('b c')
  })
})

test.each(['x.spec', 'a_1.0+b~c^d.tar.gz'])('file name %s', (name) =>
  expect(filename.safeParse(name).success).toBe(true),
)
test.each(['', '.', '..', '.x', '-x', 'a/b', 'a\\b', 'a b', 'a\n', 'ü', 'x'.repeat(256)])(
  'no file name: %j',
  (name) => expect(filename.safeParse(name).success).toBe(false),
)

test('requirements are sorted by what a look at the host tells', () => {
  const there = new Set(['/usr/bin/gcc', '/usr/bin/perl'])
  const requires = [
    'gcc',
    'perl >= 5',
    '/usr/bin/perl',
    '/usr/bin/../../etc/passwd',
    'pkgconfig(zlib)',
    'nothing',
  ]
  expect(lookForRequirements(requires, (path) => there.has(path))).toEqual({
    found: ['gcc', '/usr/bin/perl'],
    unverified: ['perl >= 5', '/usr/bin/../../etc/passwd', 'pkgconfig(zlib)', 'nothing'],
  })
})

describe('mock', () => {
  const hostile = "http://h/'''\"\n\nimport os\\\u2028"
  const task = { arch: 'x86_64', dist: '.kl10', repos: [{ id: 'build', baseurl: hostile }] }

  test('its configuration is Python that says what was meant, whatever the address holds', () => {
    const config = mockConfig(task, 'slipway-7-x86_64', distributor.parse({}))
    const script = `import sys, json\nconfig_opts = {'macros': {}}\nexec(sys.stdin.read())\nprint(json.dumps(config_opts))`
    const read = JSON.parse(
      execFileSync('python3', ['-c', script], { input: config, encoding: 'utf8' }),
    )
    expect(read).toMatchObject({
      ...{
        root: 'slipway-7-x86_64',
        target_arch: 'x86_64',
        legal_host_arches: ['x86_64'],
        dist: 'kl10',
      },
      ...{
        rpmbuild_networking: false,
        macros: { '%dist': '.kl10', '%_buildhost': 'builder.slipway' },
      },
    })
    const dnf = String(read['dnf.conf']).split('\n')
    expect(dnf).toContain('[build]')
    expect(dnf.filter((line) => line.startsWith('import'))).toEqual([])
  })

  test('its command line', () => {
    expect(mockCommand('/s/slipway.cfg', '/s/x.src.rpm', '/s/RPMS', 60)).toEqual([
      ...[
        'mock',
        '--root',
        '/s/slipway.cfg',
        '--rebuild',
        '/s/x.src.rpm',
        '--resultdir',
        '/s/RPMS',
      ],
      ...['--rpmbuild_timeout', '60', '--verbose'],
    ])
  })
})

describe("a task's log", () => {
  async function sendAll(portal: { log: Buffer; limit?: number; forget?: number }) {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-log-'))
    const log = openTaskLog(
      join(folder, 'log'),
      async (offset, bytes) => {
        if (portal.forget && portal.log.length > portal.forget) {
          portal.log = portal.log.subarray(0, portal.forget)
          portal.forget = 0
        }
        if (offset <= portal.log.length) {
          portal.log = Buffer.concat([
            portal.log,
            bytes.subarray(portal.log.length - offset),
          ]).subarray(0, portal.limit)
        }
        return portal.log.length
      },
      { notSent: () => {}, notWritten: () => {} },
    )
    for (let n = 0; n < 3000; n += 1) log.write(Buffer.from(`${'x'.repeat(n % 200)} ${n}\n`))
    await log.end()
    const written = readFileSync(join(folder, 'log'), 'utf8')
    rmSync(folder, { recursive: true })
    return written
  }

  test('arrives whole after what was there before', async () => {
    const portal = { log: Buffer.from('earlier\n') }
    expect(`earlier\n${await sendAll(portal)}`).toBe(portal.log.toString())
  })

  test('is sent again where the portal has lost some', async () => {
    const portal = { log: Buffer.alloc(0), forget: 100 }
    expect(await sendAll(portal)).toBe(portal.log.toString())
  })

  test('ends even when the portal takes no more', async () => {
    const portal = { log: Buffer.alloc(0), limit: 5000 }
    await sendAll(portal)
    expect(portal.log).toHaveLength(5000)
  })
})
