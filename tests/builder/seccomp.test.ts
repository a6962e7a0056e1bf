/** The filter of system calls, run by a small interpreter for every call of every architecture. */
import { expect, test } from 'vitest'
import {
  ALLOW,
  allowedCalls,
  assemble,
  auditArch,
  filterProgram,
  JUMP_ABOVE_OR_EQUAL,
  JUMP_BITS,
  JUMP_EQUAL,
  JUMP_GREATER,
  KILL,
  LOAD,
  type Machine,
  NO_SUCH_CALL,
  RETURN,
} from '../../src/builder/seccomp/filter.ts'

/** What the kernel would do with the assembled bytes. */
function run(bytes: Buffer, call: number, arch: number, argument = 0): number {
  const data = new Map([
    [0, call >>> 0],
    [4, arch >>> 0],
    [16, argument >>> 0],
  ])
  let value = 0
  for (let at = 0; at < bytes.length / 8; at += 1) {
    const [code, jt, jf] = [
      bytes.readUInt16LE(8 * at),
      bytes[8 * at + 2] ?? 0,
      bytes[8 * at + 3] ?? 0,
    ]
    const k = bytes.readUInt32LE(8 * at + 4)
    if (code === LOAD) value = data.get(k) ?? Number.NaN
    else if (code === RETURN) return k
    else {
      const holds = {
        [JUMP_EQUAL]: value === k,
        [JUMP_GREATER]: value > k,
        [JUMP_ABOVE_OR_EQUAL]: value >= k,
        [JUMP_BITS]: (value & k) !== 0,
      }[code]
      if (holds === undefined) throw new Error(`unknown instruction ${code}`)
      at += holds ? jt : jf
    }
  }
  throw new Error('the program has no end')
}

test.each(['x86_64', 'aarch64'] as const)(
  '%s: what is listed is allowed, all else is not there',
  (machine) => {
    const bytes = assemble(filterProgram(machine))
    expect(bytes.length / 8).toBeLessThan(4096)
    const arch = auditArch(machine)
    const allowed = new Set(Object.values(allowedCalls(machine)))
    expect(allowed.size).toBeGreaterThan(200)
    const clone = machine === 'x86_64' ? 56 : 220
    for (let call = 0; call < 1024; call += 1)
      expect([call, run(bytes, call, arch)]).toEqual([
        call,
        allowed.has(call) || call === clone ? ALLOW : NO_SUCH_CALL,
      ])
  },
)

test.each(['x86_64', 'aarch64'] as const)(
  '%s: calls of other architectures kill',
  (machine: Machine) => {
    const bytes = assemble(filterProgram(machine))
    const others = [0x40000003, 0xc000003e, 0xc00000b7, 0x40000028, 0xc0000015, 0].filter(
      (each) => each !== auditArch(machine),
    )
    for (const arch of others)
      for (let call = 0; call < 512; call += 1) expect(run(bytes, call, arch)).toBe(KILL)
    if (machine === 'x86_64') expect(run(bytes, 0x40000000 + 1, auditArch(machine))).toBe(KILL)
  },
)

test('clone makes threads and processes, and no namespaces', () => {
  const bytes = assemble(filterProgram('x86_64'))
  const clone = (flags: number) => run(bytes, 56, auditArch('x86_64'), flags)
  expect(clone(0x3d0f00)).toBe(ALLOW)
  for (const flag of [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000])
    expect(clone(flag | 17)).toBe(NO_SUCH_CALL)
})

test('what container engines refuse is in no table', () => {
  const refused = [
    'mount',
    'bpf',
    'unshare',
    'setns',
    'keyctl',
    'kexec_load',
    'ptrace_x',
    'io_uring_setup',
    'userfaultfd',
  ]
  for (const machine of ['x86_64', 'aarch64'] as const)
    for (const name of refused)
      expect([name, allowedCalls(machine)[name]]).toEqual([name, undefined])
})
