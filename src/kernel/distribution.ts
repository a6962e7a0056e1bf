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
  /** The least that a submitter may ask for; critical packages are never below `stable_karma`. */
  stable_karma_floor: z.number().int().positive().default(2),
  unstable_karma: z.number().int().negative(),
  /** Updates of a packager that a sponsor approves one by one, before others go by themselves; 0 holds none. */
  newcomer_updates: z.number().int().nonnegative().default(0),
})

const arch = z
  .string()
  .regex(/^[a-z0-9_]+$/)
  .transform(archName)

/** A file or folder of the content folder. */
const contentPath = z
  .string()
  .regex(/^[\w.+-]+(\/[\w.+-]+)*$/, 'a path inside the content folder')
  .refine((path) => !path.split('/').includes('..'), 'a path inside the content folder')

/** What makes an arch's images boot. Without it they are trees to install from, and say so. */
const bootSchema = z
  .strictObject({
    arch,
    kernel: contentPath,
    initrd: contentPath,
    /** A FAT image with EFI/BOOT/… in it. */
    efi: contentPath.optional(),
    /** For machines with a BIOS. */
    bios: z
      .strictObject({
        loader: z.enum(['isolinux', 'grub2']),
        /** isolinux.bin or GRUB's eltorito.img. */
        image: contentPath,
        /** isohdpfx.bin or GRUB's boot_hybrid.img: with it the image starts from a USB stick, too. */
        mbr: contentPath.optional(),
      })
      .optional(),
    /** A folder whose contents come to the root of the disc: configuration and modules of the loader. */
    files: contentPath.optional(),
  })
  .refine((boot) => boot.efi !== undefined || boot.bios !== undefined, 'needs efi or bios')

/** A day, UTC. */
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
  /** Of a tracker: address of the form for a new bug; `{package}` becomes the package's name. */
  new_bug_url: z.url({ protocol: /^https?$/ }).optional(),
})

/** A group that people can ask to join; one with a role gives it to whoever is in it. */
const groupSchema = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{1,38}[a-z0-9]$/, 'small letters, digits and hyphens'),
  title: z.string().min(1).max(80),
  description: z.string().min(1).max(1000),
  role: z.enum(['admin', 'packager']).optional(),
})

const criterionSchema = z.strictObject({ id: slug, text: z.string().min(1) })

const releaseSchema = z.strictObject({
  name,
  version: z.string().regex(/^[0-9]+(\.[0-9]+)*$/),
  series: z.string(),
  codename: z.string(),
  state: z.enum(['pending', 'frozen', 'current', 'archived']),
  dist: z.string().regex(/^\.[a-z0-9_]+$/),
  arches: z.array(arch).min(1),
  driver: z.enum(['host', 'mock']),
  repositories: z.array(repositorySchema).min(1),
  policy: policySchema,
  critical_packages: z.array(z.string()),
  /** Day of the release. */
  released: day.optional(),
  /** Until then it gets new features and all fixes; afterwards security fixes and urgent ones. */
  support_until: day.optional(),
  /** Until then it gets fixes at all. */
  maintenance_until: day.optional(),
  boot: z.array(bootSchema).default([]),
  upstream: upstreamSchema,
  /** What was planned first; what it became is in the database, each slip with its reason. */
  schedule: z.array(milestoneSchema).default([]),
})

const imagesSchema = z.strictObject({
  /** After a change of stable, images are made again this long after the ones before. */
  every_hours: z.number().positive().default(24),
  /** Composes of a release whose images are offered. */
  keep: z.number().int().positive().default(2),
  /** Files of older ones stay for those who are in mid-download. */
  grace_hours: z.number().nonnegative().default(24),
  /** Announce addresses of BitTorrent trackers. Without one, clients find each other by DHT. */
  trackers: z.array(z.url()).default([]),
})

const schema = z.strictObject({
  distribution: z.strictObject({
    name: z.string(),
    id: name,
    vendor: z.string(),
    /** Packager and build host that packages name; the vendor's and builders' where they are left out. */
    packager: z.string().max(200).optional(),
    build_host: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9.-]*$/)
      .optional(),
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
  groups: z.array(groupSchema).default([]),
  /** Where a page of the docs can be edited: an address that its path is appended to. */
  docs: z.strictObject({ edit_url: z.url().optional() }).default({}),
  pushes: z.strictObject({
    every_minutes: z.number().positive(),
    announce_seconds: z.number().nonnegative().default(0),
  }),
  images: imagesSchema.default(() => imagesSchema.parse({})),
  placement: z.object({ default: name }).catchall(z.union([name, z.array(z.string())])),
})

export type ReleaseState = z.infer<typeof releaseSchema>['state']
export type ReleasePolicy = z.infer<typeof policySchema>
export type ReleaseDescription = z.infer<typeof releaseSchema>
export type CommunityPlace = z.infer<typeof placeSchema>
export type Criterion = z.infer<typeof criterionSchema>
export type RepositoryDescription = z.infer<typeof repositorySchema>
export type BootDescription = z.infer<typeof bootSchema>

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
  packager?: string | undefined
  build_host?: string | undefined
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
  /** Made at first start; administrators change them and make others. */
  groups: z.infer<typeof groupSchema>[]
  /** How often what is requested is pushed, and how long edges have to hear of it before the switch. */
  pushes: { every_minutes: number; announce_seconds: number }
  images: z.infer<typeof imagesSchema>
  /** Repository id of a source package. */
  repositoryOf(package_name: string): string
  /** The data behind that rule, to tell whether it has become another. */
  placement: z.infer<typeof schema>['placement']
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
    placement,
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
