/**
 * What strangers send: values that have broken programs, values that mean something here, and bodies made of a
 * route's own JSON schema with one or more of them bent.
 */
import type { Chance } from './chance.ts'

/** Text that has broken parsers, stores, headers and pages. */
const hostile = [
  ...['', ' ', '\0', 'a\0b', '\u0001', '\u001b[31m', '\ud800', 'a\udc00', '\ufeff', '\u202eabc'],
  ...['%', '%00', '%ff', '%2F', '../../etc/passwd', '..\\..\\x', '/', '//evil.example/', '\\'],
  ...["'", '"', "' OR 1=1 --", '<script>alert(1)</script>', ']]>', '&#0;', '{{x}}', '#{x}', '_%'],
  ...['a\r\nSet-Cookie: x=1', '\n', 'null', 'undefined', 'true', 'NaN', 'Infinity', '-0', '1e309'],
  ...['-1', '0', '1', '2147483648', '9007199254740993', '9'.repeat(400), '0x10', '1.5', '１'],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', '[]', '{}', '😀', 'é', 'ſ', 'İ'],
  ...[
    'libcase++',
    'a~b^c:1',
    '1:2.3~rc1^git',
    'a'.repeat(5000),
    '*'.repeat(3000),
    '['.repeat(3000),
  ],
  ...['2026-02-30', '0000-00-00', '9999-12-31', '+010000-01-01', '2026-01-01T25:00:00Z'],
  ...[
    'http://127.0.0.1:1/',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'http://[::1',
    'x@y.test',
  ],
]

/** Numbers that are none, none of a row, or none that a column holds. */
const hostileNumbers = [
  '0',
  '-1',
  '1.5',
  'NaN',
  '1e21',
  '1e309',
  '9007199254740993',
  '9'.repeat(30),
]

export function hostileText(chance: Chance, known: readonly string[]): string {
  if (chance.often(0.2)) return chance.one(hostileNumbers)
  return chance.often(0.5) && known.length > 0 ? chance.one(known) : chance.one(hostile)
}

/** Values of any JSON type. */
function anything(chance: Chance, known: readonly string[], depth = 0): unknown {
  const kinds: (() => unknown)[] = [
    () => hostileText(chance, known),
    () => chance.one([null, true, false, 0, -1, 1.5, 1e21, 2 ** 53, -(2 ** 53), 1e308]),
    () => [],
    () => ({}),
  ]
  if (depth < 3)
    kinds.push(
      () => [anything(chance, known, depth + 1)],
      () => ({ [hostileText(chance, known)]: anything(chance, known, depth + 1) }),
    )
  return chance.one(kinds)()
}

/** The part of JSON Schema that OpenAPI documents of ours use. */
export interface Schema {
  type?: string
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  format?: string
  pattern?: string
  minimum?: number
  maximum?: number
}

export interface Source {
  chance: Chance
  /** Names and numbers of what is there: to get past "there is no such thing". */
  known: readonly string[]
  /** How often a value is bent. */
  bend: number
}

/** A value by the schema, or something else in its place. */
export function sampleOf(schema: Schema, source: Source): unknown {
  const { chance, known, bend } = source
  if (chance.often(bend)) return anything(chance, known)
  const choices = schema.anyOf ?? schema.oneOf ?? schema.allOf
  if (choices && choices.length > 0) return sampleOf(chance.one(choices), source)
  if (schema.const !== undefined) return schema.const
  if (schema.enum && schema.enum.length > 0) return chance.one(schema.enum)
  switch (schema.type) {
    case 'object':
      return objectOf(schema, source)
    case 'array':
      return Array.from({ length: chance.below(3) }, () => sampleOf(schema.items ?? {}, source))
    case 'boolean':
      return chance.often(0.5)
    case 'integer':
    case 'number':
      return Math.max(schema.minimum ?? 0, Math.min(chance.below(5), schema.maximum ?? 5))
    case 'string':
      return textOf(schema, source)
    default:
      return anything(chance, known)
  }
}

function objectOf(schema: Schema, source: Source): Record<string, unknown> {
  const { chance } = source
  const needed = new Set(schema.required)
  return Object.fromEntries(
    Object.entries(schema.properties ?? {})
      .filter(([name]) => needed.has(name) || chance.often(0.5))
      .map(([name, each]) => [name, sampleOf(each, source)]),
  )
}

function textOf({ format, pattern }: Schema, { chance, known }: Source): string {
  if (format === 'date-time') return '2026-01-05T12:00:00Z'
  if (format === 'date') return '2026-03-01'
  if (format === 'uri') return 'http://127.0.0.1:1/x'
  if (pattern?.includes('CVE')) return 'CVE-2026-1234'
  if (pattern?.includes('{64}')) return 'a'.repeat(64)
  return chance.often(0.8) && known.length > 0 ? chance.one(known) : 'some words'
}
