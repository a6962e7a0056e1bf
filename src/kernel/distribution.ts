/** content/distribution.yaml as typed data: all that makes this Slipway one distribution's portal. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'

const name = z.string().regex(/^[a-z][a-z0-9]*$/, 'small letters and digits, a letter first')

const slug = z.string().regex(/^[a-z][a-z0-9-]*$/, 'small letters, digits and hyphens')

/** rpm's names of what Node calls x64 and arm64; others are the same in both. */
const machineArch: Record<string, string> = { x64: 'x86_64', arm64: 'aarch64', ppc64: 'ppc64le' }

/** `host` in the file stands for the architecture of this machine. */
function archName(written: string): string {
  return written === 'host' ? (machineArch[process.arch] ?? process.arch) : written
}

const repositorySchema = z.strictObject({
  id: name,
  name: z.string().regex(/^[A-Za-z][A-Za-z0-9]*$/),
})

const policySchema = z.strictObject({
  testing_days: z.number().nonnegative(),
  testing_days_critical: z.number().nonnegative(),
  testing_hours_minimum: z.number().nonnegative(),
  stable_karma: z.number().int().positive(),
  unstable_karma: z.number().int().negative(),
})

const day = z.iso.date('a date as 2026-11-30')

const milestoneSchema = z.strictObject({ id: slug, name: z.string().min(1), date: day })

const upstreamSchema = z.strictObject({
  /** What the vendor calls the release that ours rebuilds. */
  name: z.string(),
  dist: z.string().regex(/^\.[a-z0-9]+$/),
  /** What a changed rebuild appends to its release, with a number behind it. */
  rebuild_suffix: z.string().regex(/^\.[a-z0-9]+$/),
})

const colour = z.string().regex(/^#[0-9a-f]{6}$/i, 'a colour such as #b5351a')
/** Colours of src/site/style/tokens.css that a distribution may replace; keep their contrast. */
const coloursSchema = z.strictObject({
  ...{ paper: colour.optional(), surface: colour.optional(), ink: colour.optional() },
  ...{ lead: colour.optional(), link: colour.optional(), focus: colour.optional() },
})
const brandSchema = z.strictObject({
  /** Under the content folder: an SVG that is drawn in the text's colour, and the browser's icon. */
  mark: z.string().default('brand/mark.svg'),
  icon: z.string().default('brand/icon.svg'),
  /** PNG of 1200 by 630 for link previews. */
  card: z.string().optional(),
  light: coloursSchema.default({}),
  dark: coloursSchema.default({}),
})

/** Where people of the distribution are. */
const placeSchema = z.strictObject({
  kind: z.enum(['chat', 'list', 'forum', 'source', 'tracker', 'social']),
  name: z.string().min(1),
  url: z.url({ protocol: /^(https?|mailto|ircs?|matrix)$/ }),
  /** How to take part, in a sentence or two. */
  how: z.string().min(1),
})

const criterionSchema = z.strictObject({ id: slug, text: z.string().min(1) })

const releaseSchema = z.strictObject({
  name,
  version: z.string().regex(/^[0-9]+(\.[0-9]+)*$/),
  series: z.string(),
  codename: z.string(),
  state: z.enum(['pending', 'frozen', 'current', 'archived']),
  dist: z.string().regex(/^\.[a-z0-9_]+$/),
  arches: z
    .array(
      z
        .string()
        .regex(/^[a-z0-9_]+$/)
        .transform(archName),
    )
    .min(1),
  driver: z.enum(['host', 'mock']),
  repositories: z.array(repositorySchema).min(1),
  policy: policySchema,
  critical_packages: z.array(z.string()),
  upstream: upstreamSchema,
  /** What was planned first; what it became is in the database, each slip with its reason. */
  schedule: z.array(milestoneSchema).default([]),
})

const schema = z.strictObject({
  distribution: z.strictObject({
    name: z.string(),
    id: name,
    vendor: z.string(),
    advisory_prefix: z.string().regex(/^[A-Z]+$/),
    update_prefix: z.string().regex(/^[A-Z]+$/),
    mail_from: z.string(),
    tagline: z.string(),
  }),
  signing: z.strictObject({ name: z.string(), email: z.string() }),
  brand: brandSchema.prefault({}),
  releases: z.array(releaseSchema).min(1),
  criteria: z.array(criterionSchema).default([]),
  community: z.array(placeSchema).default([]),
  /** Where a page of the docs can be edited: an address that its path is appended to. */
  docs: z.strictObject({ edit_url: z.url().optional() }).default({}),
  pushes: z.strictObject({
    every_minutes: z.number().positive(),
    announce_seconds: z.number().nonnegative().default(0),
  }),
  placement: z.object({ default: name }).catchall(z.union([name, z.array(z.string())])),
})

export type ReleaseState = z.infer<typeof releaseSchema>['state']
export type ReleasePolicy = z.infer<typeof policySchema>
export type ReleaseDescription = z.infer<typeof releaseSchema>
export type CommunityPlace = z.infer<typeof placeSchema>
export type Criterion = z.infer<typeof criterionSchema>
export type RepositoryDescription = z.infer<typeof repositorySchema>

export interface Brand {
  /** SVG as it goes into a page; whoever writes the content folder writes pages, too. */
  mark: string
  icon: Buffer
  card: Buffer | undefined
  /** Custom properties that replace those of the palette, by colour scheme. */
  light: Record<string, string>
  dark: Record<string, string>
}

export interface Distribution {
  name: string
  id: string
  vendor: string
  advisory_prefix: string
  update_prefix: string
  mail_from: string
  tagline: string
  signing: { name: string; email: string }
  brand: Brand
  releases: ReleaseDescription[]
  /** What a release must satisfy; a blocker names the one that it violates. */
  criteria: Criterion[]
  community: CommunityPlace[]
  /** How often what is requested is pushed, and how long edges have to hear of it before the switch. */
  pushes: { every_minutes: number; announce_seconds: number }
  /** Repository id of a source package. */
  repositoryOf(package_name: string): string
}

function placementRule(placement: z.infer<typeof schema>['placement']) {
  const where = new Map<string, string>()
  for (const [repository, packages] of Object.entries(placement))
    if (Array.isArray(packages)) for (const each of packages) where.set(each, repository)
  return (package_name: string) => where.get(package_name) ?? placement.default
}

/** @throws Error that names the file and each field at fault */
export function readDistribution(content_dir: string): Distribution {
  const file = join(content_dir, 'distribution.yaml')
  const parsed = schema.safeParse(parse(readFileSync(file, 'utf8')))
  if (!parsed.success) {
    const faults = parsed.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`)
    throw new Error(`${file} is not right. ${faults.join('; ')}`)
  }
  const { distribution, brand, placement, ...data } = parsed.data
  return {
    ...distribution,
    ...data,
    brand: readBrand(content_dir, brand),
    repositoryOf: placementRule(placement),
  }
}

function readBrand(content_dir: string, brand: z.infer<typeof brandSchema>): Brand {
  const { mark, icon, card, light, dark } = brand
  const read = (path: string) => readFileSync(join(content_dir, path))
  return {
    mark: read(mark).toString('utf8'),
    icon: read(icon),
    card: card === undefined ? undefined : read(card),
    ...{ light: light as Record<string, string>, dark: dark as Record<string, string> },
  }
}
