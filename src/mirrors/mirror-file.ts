/**
 * A mirror as a YAML file, so that a distribution can keep its mirrors in git: one file a mirror, strict,
 * and a fault names the file, the line and the field. Pure: text in, text out.
 */
import {
  type Document,
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  parseDocument,
  stringify,
  visit,
} from 'yaml'
import { z } from 'zod'
import { type MirrorInput, mirrorInput, readSource, siteInput } from './mirror.ts'
import type { MirrorView } from './views.ts'

const FILE_BYTES_MAX = 1024 * 1024

const source = (private_too: boolean) =>
  z.strictObject({
    cidr: z.string().transform((text, check) => {
      const read = readSource(text, private_too)
      if (read !== undefined) return read
      check.addIssue({ code: 'custom', message: 'must be a public address or a small network' })
      return z.NEVER
    }),
    expires: z.iso
      .datetime({ offset: true })
      .transform((text) => Date.parse(text))
      .nullable()
      .default(null),
  })

/** Keys of a file beside those of a mirror. */
function outerSchema(private_mirrors: readonly string[]) {
  return z.object({
    site: siteInput.extend({ admins: z.array(z.string().max(100)).max(50).default([]) }),
    state: z.enum(['active', 'paused', 'retired']).default('active'),
    tier: z.union([z.literal(1), z.literal(2)]).default(2),
    sources: z
      .array(source(private_mirrors.length > 0))
      .max(20)
      .default([]),
  })
}

export type MirrorFile = z.output<ReturnType<typeof outerSchema>> & { mirror: MirrorInput }

/**
 * @param file named in the sentence of a fault
 * @throws Error `<file>:<line>:<column>: <field>: <what is wrong>`, one line a fault
 */
export function readMirrorFile(
  file: string,
  text: string,
  private_mirrors: readonly string[] = [],
): MirrorFile {
  const lines = new LineCounter()
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${line}:${col}`
  }
  if (text.length > FILE_BYTES_MAX) throw new Error(`${file}: is larger than 1 MiB`)
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
  })
  if (document.errors.length > 0)
    throw new Error(document.errors.map((e) => `${at(e.pos[0])}: ${e.message}`).join('\n'))
  const aliases = aliasesOf(document)
  if (aliases.length > 0)
    throw new Error(
      aliases
        .map(({ field, offset }) => `${at(offset)}: ${field}: must be written out, not as an alias`)
        .join('\n'),
    )
  const data: unknown = document.toJS({ maxAliasCount: 0 })
  if (typeof data !== 'object' || data === null || Array.isArray(data))
    throw new Error(`${file}:1:1: must hold the fields of one mirror`)
  const place = (path: PropertyKey[]) => at(offsetOf(document.contents, path))
  const { site, state, tier, sources, ...own } = data as Record<string, unknown>
  const given = { site, state, tier, sources }
  const outer = outerSchema(private_mirrors).safeParse(given)
  const mirror = mirrorInput(private_mirrors).safeParse(own)
  if (outer.success && mirror.success) return { ...outer.data, mirror: mirror.data }
  const issues = [...(outer.error?.issues ?? []), ...(mirror.error?.issues ?? [])]
  throw new Error(issues.flatMap((issue) => sayIssue(issue, place)).join('\n'))
}

/** Fields that are written as `*name`: nothing here is long enough to be worth it. */
function aliasesOf(document: Document): { field: string; offset: number }[] {
  const found: { field: string; offset: number }[] = []
  visit(document, {
    Alias(_, node, path) {
      const keys = path.flatMap((each) =>
        isPair(each) && isScalar(each.key) ? [each.key.value] : [],
      )
      found.push({ field: keys.join('.'), offset: node.range?.[0] ?? 0 })
    },
  })
  return found
}

function sayIssue(issue: z.core.$ZodIssue, place: (path: PropertyKey[]) => string): string[] {
  const { path } = issue
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => {
      const field = [...path, key]
      return `${place(field)}: ${field.join('.')}: there is no such field`
    })
  return [`${place(path)}: ${path.join('.') || 'mirror'}: ${issue.message}`]
}

/** Where a field stands in the text: its key where it has one, else the nearest thing around it. */
function offsetOf(contents: unknown, path: PropertyKey[]): number {
  let node = contents
  let offset = 0
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find((each) => isScalar(each.key) && each.key.value === step)
      if (!pair) return offset
      if (isNode(pair.key) && pair.key.range) offset = pair.key.range[0]
      node = pair.value
    } else if (isNode(node) && 'get' in node && typeof node.get === 'function') {
      const item: unknown = node.get(step, true)
      if (!isNode(item)) return offset
      if (item.range) offset = item.range[0]
      node = item
    } else return offset
  }
  return offset
}

/** The file of a mirror, for readMirrorFile; all that an import needs to make the same mirror again. */
export function writeMirrorFile(view: MirrorView): string {
  const { host, site, managed } = view
  const { name, country, latitude, longitude, asn, bandwidth_mbps, ipv4, ipv6, visibility } = host
  const place = latitude === null || longitude === null ? {} : { latitude, longitude }
  const exclusions = view.exclusions.map((each) =>
    Object.fromEntries(Object.entries(each).filter(([, value]) => value !== null)),
  )
  return stringify({
    name,
    site: {
      ...{ name: site.name, url: site.url, contacts: site.contacts },
      admins: managed?.admins ?? [],
    },
    state: host.state === 'new' ? 'active' : host.state,
    tier: view.tier,
    urls: view.urls.map((each) => each.url),
    country,
    ...place,
    ...{ asn, bandwidth_mbps, ipv4, ipv6, visibility },
    ...{ netblocks: view.netblocks, peer_asns: view.peer_asns, exclusions },
    sources: (managed?.sources ?? []).map(({ cidr, expires_at }) => ({
      cidr,
      expires: expires_at === null ? null : new Date(expires_at).toISOString(),
    })),
  })
}
