/** The sandbox against builds that mean harm: each is stopped, says why, and leaves no process. */
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { boundControllers } from '../../src/builder/cgroup.ts'
import type { Limits } from '../../src/builder/protocol.ts'
import { type Identity, runInSandbox } from '../../src/builder/sandbox.ts'
import { openScratch, removeFolder, type Scratch } from '../../src/builder/scratch.ts'

const mib = 1024 * 1024
const root = process.getuid?.() === 0
const identity: Identity | undefined = root ? { uid: 64_200, gid: 64_200 } : undefined
const roomy: Limits = {
  time_s: 30,
  memory_bytes: 512 * mib,
  processes: 100,
  disk_bytes: 100 * mib,
  log_bytes: 10 * mib,
}

let scratch: Scratch
let base: string

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'slipway-sandbox-'))
  scratch = await openScratch(join(base, 'scratch'), false)
})
afterAll(() => removeFolder(base))

async function run(
  script: string,
  limits: Partial<Limits> = {},
  signal = new AbortController().signal,
) {
  const folder = await scratch.create(identity)
  let output = ''
  const end = await runInSandbox({
    argv: ['/bin/sh', '-c', script],
    folder: folder.build,
    files: {},
    identity,
    limits: { ...roomy, ...limits },
    reserve_disk_bytes: mib,
    signal,
    onOutput: (chunk) => {
      output += chunk.toString('latin1')
    },
  })
  return { ...end, output, folder }
}

/** Processes on this host whose command line holds the mark. */
function processesWith(mark: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(mark)
    } catch {
      return false
    }
  })
}

// mkdtemp makes a folder that only its owner may enter; the sandbox's user must pass.
beforeAll(async () => {
  const { chmod } = await import('node:fs/promises')
  await chmod(base, 0o711)
})

describe('what a build sees', () => {
  test('it is nobody, without privileges, and can write only its folder', async () => {
    const end = await run(`
      id -u; grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status
      for place in / /usr /etc /dev /var; do touch $place/x 2>/dev/null && echo wrote $place; done
      touch /build/x && echo wrote build; ls /root /home /work 2>&1 | grep -c 'No such'; unshare -U true || echo no userns`)
    expect(end.exit_code).toBe(0)
    expect(end.output).toContain('1000\n')
    expect(end.output).toMatch(/CapEff:\s+0000000000000000/)
    expect(end.output).toMatch(/CapBnd:\s+0000000000000000/)
    expect(end.output).toMatch(/NoNewPrivs:\s+1/)
    expect(end.output.match(/wrote \S+/g)).toEqual(['wrote build'])
    expect(end.output).toContain('\n3\n')
    expect(end.output).toContain('no userns')
  })

  test('it has no network', async () => {
    const end = await run('cat /proc/net/route | wc -l; exec 3<>/dev/tcp/127.0.0.1/4321')
    expect(end.output).toMatch(/^1\n/)
    const bash = await run("bash -c 'exec 3<>/dev/tcp/1.1.1.1/80'; echo status $?")
    expect(bash.output).toMatch(/unreachable[\s\S]*status 1/)
  })

  test("nothing of the builder's environment is in it", async () => {
    const end = await run('env | cut -d= -f1 | sort | tr "\\n" " "')
    // bash sets the last two for itself.
    const own = end.output
      .trim()
      .split(' ')
      .filter((name) => !['SHLVL', '_', 'OLDPWD'].includes(name))
    expect(own).toEqual(['HOME', 'LANG', 'PATH', 'PWD', 'TMPDIR', 'TZ'])
  })

  test('calls that no build needs are not there, and the filter stands for every process', async () => {
    const end = await run(`
      grep -E '^Seccomp:' /proc/self/status
      perl -e 'for my $n (321, 165, 272, 425) { syscall($n, 0, 0, 0, 0, 0); print "$n ", $!+0, "\\n" }'`)
    expect(end.output).toBe(
      process.arch === 'x64' ? 'Seccomp:\t2\n321 38\n165 38\n272 38\n425 38\n' : expect.anything(),
    )
  })

  test('its exit status comes through', async () => {
    expect((await run('exit 7')).exit_code).toBe(7)
  })
})

describe('what a build may not do', () => {
  test('sleep for ever', async () => {
    const end = await run('sleep 86399.17', { time_s: 1 })
    expect(end.exceeded).toEqual({ code: 'build.limit-time', params: { limit_s: 1 } })
    expect(processesWith('86399.17')).toEqual([])
  })

  test('leave a process behind', async () => {
    const end = await run(
      'setsid sh -c "trap \'\' TERM HUP; sleep 86398.11" >/dev/null 2>&1 & exit 0',
    )
    expect(end).toMatchObject({ exit_code: 0, exceeded: undefined })
    expect(processesWith('86398.11')).toEqual([])
  })

  test('fork without end', async () => {
    const end = await run("perl -e 'fork while 1' 86397.13")
    expect(end.exceeded).toEqual({ code: 'build.limit-processes', params: { limit: 100 } })
    expect(processesWith('86397.13')).toEqual([])
  })

  test('take all memory', async () => {
    const hog = 'use strict; my @a; while (1) { push @a, "x" x (8 * 1024 * 1024) }'
    const end = await run(`perl -e '${hog}'`, { memory_bytes: 200 * mib })
    expect(end.exceeded).toEqual({ code: 'build.limit-memory', params: { limit_mib: 200 } })
  })

  test('take all memory through many small processes', async () => {
    const hog = 'my $a = "x" x (60 * 1024 * 1024); sleep 60'
    const end = await run(`for i in 1 2 3 4 5 6; do perl -e '${hog}' & done; wait`, {
      memory_bytes: 200 * mib,
    })
    expect(end.exceeded?.code).toBe('build.limit-memory')
  })

  const bounded = boundControllers().includes('memory')
  const sees = bounded ? 'the kernel kills it' : 'no cgroup here: not asserted'
  test.skipIf(!bounded)(`hold memory that no process maps (${sees})`, async () => {
    const shm = `import ctypes,time
l=ctypes.CDLL(None); l.shmat.restype=ctypes.c_void_p
l.shmat.argtypes=[ctypes.c_int,ctypes.c_void_p,ctypes.c_int]
l.shmdt.argtypes=[ctypes.c_void_p]; l.memset.argtypes=[ctypes.c_void_p,ctypes.c_int,ctypes.c_size_t]
for i in range(24):
    p=l.shmat(l.shmget(0,64<<20,0o1600),None,0); l.memset(p,1,64<<20); l.shmdt(p)
print('held'); time.sleep(12)`
    const flight = `import os,socket,array,time
a,b=socket.socketpair(socket.AF_UNIX,socket.SOCK_DGRAM); buf=b'x'*(1<<20)
for i in range(24):
    fd=os.memfd_create('x')
    for k in range(64): os.write(fd,buf)
    a.sendmsg([b'x'],[(socket.SOL_SOCKET,socket.SCM_RIGHTS,array.array('i',[fd]))]); os.close(fd)
print('held'); time.sleep(12)`
    for (const script of [shm, flight]) {
      const end = await run(`cat > a.py <<'PY'\n${script}\nPY\npython3 a.py`, {
        memory_bytes: 300 * mib,
      })
      expect(end.output).not.toContain('held')
      expect(end.exceeded).toEqual({ code: 'build.limit-memory', params: { limit_mib: 300 } })
    }
  })

  test('leave a cgroup behind', async () => {
    await run('true')
    const left = boundControllers().flatMap((controller) =>
      readdirSync(`/sys/fs/cgroup/${controller}`, { recursive: true, encoding: 'utf8' }).filter(
        (name) => name.includes(`slipway-${process.pid}-`),
      ),
    )
    expect(left).toEqual([])
  })

  test('fill the disk', async () => {
    const end = await run('while :; do cat /dev/zero > file$((i=i+1)); done', {
      disk_bytes: 50 * mib,
    })
    expect(end.exceeded).toEqual({ code: 'build.limit-disk', params: { limit_mib: 50 } })
  })

  test('fill the disk with a file that has no name', async () => {
    const end = await run(
      'exec 4>gone 5>gone2; rm gone gone2; (cat /dev/zero >&4); cat /dev/zero >&5; sleep 20',
      {
        disk_bytes: 50 * mib,
      },
    )
    expect(end.exceeded?.code).toBe('build.limit-disk')
  })

  test('fill the memory through /tmp or /dev/shm', async () => {
    const end = await run(
      'cat /dev/zero > /tmp/a; cat /dev/zero > /dev/shm/a; du -sm /tmp /dev/shm | cut -f1',
      {
        disk_bytes: 2048 * mib,
      },
    )
    const sizes = end.output.match(/^\d+$/gm)?.map(Number) ?? []
    expect(sizes).toHaveLength(2)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(256)
  })

  test('write gigabytes of log', async () => {
    const end = await run('yes gigabytes', { log_bytes: 3 * mib })
    expect(end.exceeded).toEqual({ code: 'build.limit-log', params: { limit_mib: 3 } })
    expect(end.output.length).toBe(3 * mib)
  })

  test('outlive being called off at any moment of its start', async () => {
    for (let after_ms = 0; after_ms < 20; after_ms += 1) {
      const stop = new AbortController()
      const ended = run('sleep 86395.23', {}, stop.signal)
      setTimeout(() => stop.abort(), after_ms)
      expect(await ended).toMatchObject({ aborted: true })
    }
    expect(processesWith('86395.23')).toEqual([])
  })

  test('go on after the builder has called it off', async () => {
    const stop = new AbortController()
    const ended = run('echo begun; sleep 86396.19', {}, stop.signal)
    await expect.poll(() => processesWith('86396.19').length).toBeGreaterThan(0)
    stop.abort()
    expect(await ended).toMatchObject({ aborted: true })
    expect(processesWith('86396.19')).toEqual([])
  })
})

test('a folder is removed whatever a build left in it', async () => {
  const end = await run(`
    mkdir closed && touch closed/x && chmod 0 closed; ln -s /etc link
    perl -e 'for (1..3000) { mkdir "deep"; chdir "deep" }'; printf x > "$(printf 'a\\nb')"`)
  await scratch.remove(end.folder)
  expect(readdirSync(join(end.folder.path, '..'))).not.toContain(end.folder.path.split('/').pop())
  expect(readFileSync('/etc/passwd', 'utf8')).toContain('root:')
})
