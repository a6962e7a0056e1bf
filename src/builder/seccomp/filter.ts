/**
 * The sandbox's filter of system calls, as container engines have one: what calls.json lists is allowed,
 * all else answers ENOSYS, so that programs fall back; a call of another architecture kills. Assembles
 * classic BPF (seccomp(2), linux/filter.h). Pure, but for reading the table.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

interface Instruction {
  code: number
  /** How many instructions are skipped where a test holds, and where it does not. */
  jt: number
  jf: number
  k: number
}

export const LOAD = 0x20
export const JUMP_EQUAL = 0x15
export const JUMP_GREATER = 0x25
export const JUMP_ABOVE_OR_EQUAL = 0x35
export const JUMP_BITS = 0x45
export const RETURN = 0x06

export const ALLOW = 0x7fff0000
const ENOSYS = 38
export const NO_SUCH_CALL = 0x00050000 | ENOSYS
export const KILL = 0x80000000

/** Offsets in struct seccomp_data: the call's number, the architecture, the low half of its first argument. */
const AT_CALL = 0
const AT_ARCH = 4
const AT_FIRST_ARGUMENT = 16

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET, NEWTIME: sched.h. */
const NAMESPACES = 0x7e020080
/** Calls of x86_64's x32 begin here; they are another architecture's. */
const X32 = 0x40000000

const machines = {
  x86_64: { audit: 0xc000003e, clone: 56 },
  aarch64: { audit: 0xc00000b7, clone: 220 },
}
export type Machine = keyof typeof machines

export const isKnownMachine = (name: string): name is Machine => name in machines

export const auditArch = (machine: Machine): number => machines[machine].audit

/** Numbers of allowed calls by their names. */
export function allowedCalls(machine: Machine): Record<string, number> {
  const file = join(import.meta.dirname, 'calls.json')
  return (JSON.parse(readFileSync(file, 'utf8')) as Record<Machine, Record<string, number>>)[
    machine
  ]
}

/** [first, last] of each run of numbers. */
function ranges(numbers: number[]): [number, number][] {
  const found: [number, number][] = []
  for (const each of numbers.sort((a, b) => a - b)) {
    const last = found.at(-1)
    if (last && each === last[1] + 1) last[1] = each
    else found.push([each, each])
  }
  return found
}

const load = (k: number): Instruction => ({ code: LOAD, jt: 0, jf: 0, k })
const end = (k: number): Instruction => ({ code: RETURN, jt: 0, jf: 0, k })
const test = (code: number, k: number, jt: number, jf: number): Instruction => ({ code, jt, jf, k })

/** The filter for a machine. No jump is longer than three, so that no table is too large for one. */
export function filterProgram(machine: Machine): Instruction[] {
  const { audit, clone } = machines[machine]
  const numbers = Object.values(allowedCalls(machine))
  return [
    load(AT_ARCH),
    test(JUMP_EQUAL, audit, 1, 0),
    end(KILL),
    load(AT_CALL),
    ...(machine === 'x86_64' ? [test(JUMP_ABOVE_OR_EQUAL, X32, 0, 1), end(KILL)] : []),
    ...ranges(numbers).flatMap(([first, last]) => [
      test(JUMP_ABOVE_OR_EQUAL, first, 0, 2),
      test(JUMP_GREATER, last, 1, 0),
      end(ALLOW),
    ]),
    test(JUMP_EQUAL, clone, 0, 3),
    load(AT_FIRST_ARGUMENT),
    test(JUMP_BITS, NAMESPACES, 1, 0),
    end(ALLOW),
    end(NO_SUCH_CALL),
  ]
}

/** The program as the kernel takes it: eight bytes an instruction. */
export function assemble(program: Instruction[]): Buffer {
  const bytes = Buffer.alloc(8 * program.length)
  for (const [at, { code, jt, jf, k }] of program.entries()) {
    bytes.writeUInt16LE(code, 8 * at)
    bytes.writeUInt8(jt, 8 * at + 2)
    bytes.writeUInt8(jf, 8 * at + 3)
    bytes.writeUInt32LE(k >>> 0, 8 * at + 4)
  }
  return bytes
}
