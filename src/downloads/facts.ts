/**
 * What a compose says of an image: the one source of the download page, its JSON, its feed and the
 * downloads.json beside the image. Pure.
 */
import type { ReleaseDescription } from '../kernel/distribution.ts'
import type { Reason } from '../kernel/reason.ts'
import type { Firmware } from './iso.ts'
import type { MetalinkUrl } from './metalink4.ts'

/** A command that checks a download, filled in, and the line that it prints when all is well. */
export interface VerifyStep {
  tool: 'curl' | 'sha256sum' | 'gpg' | 'sq' | 'sq-old' | 'checkisomd5'
  command: string
  expect: string | null
}

export interface ImageFacts {
  /** What it is: Keel Linux 10. */
  name: string
  distribution: string
  release: string
  version: string
  codename: string
  arch: string
  kind: 'dvd'
  /** Of the compose: 20261124.0. */
  label: string
  filename: string
  volume_id: string
  size_bytes: number
  sha256: string
  packages: number
  /** What machines start from it; empty where no boot loader was supplied. */
  boots: Firmware[]
  /** Day of its newest metadata, RFC 3339. */
  date: string
  /** When it was made, RFC 3339. */
  made_at: string
  /** Days, where they are known. */
  released: string | null
  support_until: string | null
  maintenance_until: string | null
  /** Leads to the best mirror. */
  download_url: string
  /** On this portal. */
  url: string
  sha256sums_url: string
  signature_url: string
  torrent_url: string
  magnet: string
  metalink_url: string
  zsync_url: string | null
  /** Where the file was found whole, best first; the last is this portal. */
  sources: MetalinkUrl[]
  /** For network installation: `inst.repo=`, or the baseurl of dnf with a repository's name after it. */
  tree_url: string
  key_url: string
  key_fingerprint: string
  signer: string
  verify: VerifyStep[]
  /** What could not be done, and why. */
  notes: Reason[]
}

export const SUMS = 'SHA256SUMS'

export interface FactsInput {
  portal_url: string
  distribution: { name: string; id: string; signing: { name: string; email: string } }
  release: ReleaseDescription
  arch: string
  label: string
  names: { filename: string; volume_id: string; path: string; tree_path: string }
  size_bytes: number
  sha256: string
  packages: number
  boots: Firmware[]
  source_date_s: number
  made_at: number
  fingerprint: string
  magnet: string
  sources: MetalinkUrl[]
  has_zsync: boolean
  has_md5: boolean
  notes: Reason[]
}

export function imageFacts(input: FactsInput): ImageFacts {
  const { distribution, release, names, portal_url } = input
  const folder = `${portal_url}/pub/${names.path}`
  const url = `${folder}/${names.filename}`
  const facts = {
    name: `${distribution.name} ${release.version}`,
    ...{ distribution: distribution.id, release: release.name, version: release.version },
    ...{ codename: release.codename, arch: input.arch, kind: 'dvd' as const, label: input.label },
    ...{ filename: names.filename, volume_id: names.volume_id },
    ...{ size_bytes: input.size_bytes, sha256: input.sha256, packages: input.packages },
    boots: input.boots,
    date: new Date(input.source_date_s * 1000).toISOString(),
    made_at: new Date(input.made_at).toISOString(),
    released: release.released ?? null,
    support_until: release.support_until ?? null,
    maintenance_until: release.maintenance_until ?? null,
    download_url: `${portal_url}/download/${names.path}/${names.filename}`,
    url,
    sha256sums_url: `${folder}/${SUMS}`,
    signature_url: `${folder}/${SUMS}.asc`,
    torrent_url: `${url}.torrent`,
    magnet: input.magnet,
    metalink_url: `${url}.meta4`,
    zsync_url: input.has_zsync ? `${url}.zsync` : null,
    sources: input.sources,
    tree_url: `${portal_url}/pub/${names.tree_path}/`,
    key_url: `${portal_url}/pub/RPM-GPG-KEY-${distribution.id}`,
    key_fingerprint: input.fingerprint,
    signer: `${distribution.signing.name} <${distribution.signing.email}>`,
    notes: input.notes,
  }
  return { ...facts, verify: verifySteps(facts, input.has_md5) }
}

/** As gpg prints it: groups of four, a wider gap in the middle. */
export function spacedFingerprint(fingerprint: string): string {
  const groups = fingerprint.match(/.{1,4}/g) ?? []
  const half = Math.ceil(groups.length / 2)
  return `${groups.slice(0, half).join(' ')}  ${groups.slice(half).join(' ')}`
}

type Subject = Pick<
  ImageFacts,
  | 'filename'
  | 'download_url'
  | 'sha256sums_url'
  | 'signature_url'
  | 'key_url'
  | 'key_fingerprint'
  | 'signer'
>

/** In the order in which they are typed, all in one folder. */
function verifySteps(image: Subject, has_md5: boolean): VerifyStep[] {
  const key = image.key_url.split('/').at(-1)
  const steps: VerifyStep[] = [
    {
      tool: 'curl',
      // -C - goes on with what is there already.
      command: [
        `curl -fL -C - -O ${image.download_url}`,
        `curl -fL -O ${image.sha256sums_url} -O ${image.signature_url} -O ${image.key_url}`,
      ].join('\n'),
      expect: null,
    },
    {
      tool: 'sha256sum',
      command: `sha256sum --check ${SUMS}`,
      expect: `${image.filename}: OK`,
    },
    {
      tool: 'gpg',
      command: [`gpg --import ${key}`, `gpg --verify ${SUMS}.asc ${SUMS}`].join('\n'),
      expect: [
        `gpg: Good signature from "${image.signer}"`,
        `Primary key fingerprint: ${spacedFingerprint(image.key_fingerprint)}`,
      ].join('\n'),
    },
    {
      tool: 'sq',
      command: `sq verify --signer-file ${key} --signature-file ${SUMS}.asc ${SUMS}`,
      expect: '1 authenticated signature.',
    },
    {
      tool: 'sq-old',
      command: `sq verify --signer-cert ${key} --detached ${SUMS}.asc ${SUMS}`,
      expect: '1 good signature.',
    },
  ]
  if (has_md5)
    steps.push({
      tool: 'checkisomd5',
      command: `checkisomd5 --verbose ${image.filename}`,
      expect: 'The media check is complete, the result is: PASS.',
    })
  return steps
}
