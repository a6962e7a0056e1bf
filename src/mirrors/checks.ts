/**
 * Looks at one mirror: every address of it over each family, repository by repository. Network only;
 * nothing is written here.
 */
import { HostBudget } from './budget.ts'
import { bestLooks, type Family, type Look } from './crawl.ts'
import type { Crawler } from './crawler.ts'
import { lookOverFtp } from './ftp-checks.ts'
import type { Series, SeriesInput } from './looks.ts'
import type { MirrorProtocol } from './mirror.ts'
import { lookOverRsync } from './rsync-checks.ts'
import { lookOverWeb } from './web-checks.ts'

export interface Address {
  protocol: MirrorProtocol
  url: string
}

export interface LookInput extends Omit<SeriesInput, 'url' | 'family'> {
  /** Best first; the first one is asked conditionally. */
  addresses: Address[]
  families: Family[]
}

/** Looks through one address, by repository. */
export interface AddressLooks {
  address: Address
  looks: Map<number, Look[]>
}

const series: Record<MirrorProtocol, Series> = {
  https: lookOverWeb,
  http: lookOverWeb,
  ftp: lookOverFtp,
  rsync: lookOverRsync,
}

/** @returns what each address showed; all of them share the budget of the mirror */
export async function lookAtMirror(crawler: Crawler, input: LookInput): Promise<AddressLooks[]> {
  const budget = new HostBudget(crawler.gate, { ca: crawler.ca })
  try {
    const { addresses } = input
    return await Promise.all(
      addresses.map((address, at) => lookThrough(crawler, budget, input, address, at === 0)),
    )
  } finally {
    budget.close()
  }
}

async function lookThrough(
  crawler: Crawler,
  budget: HostBudget,
  input: LookInput,
  address: Address,
  first: boolean,
): Promise<AddressLooks> {
  const { families, repositories } = input
  const known = first ? input.known : new Map()
  const look = series[address.protocol]
  const results = await Promise.all(
    families.map((family) => look(crawler, budget, { ...input, url: address.url, family, known })),
  )
  const looks = repositories.map(
    ({ id }, at) => [id, results.flatMap((each) => each[at] ?? [])] as const,
  )
  return { address, looks: new Map(looks) }
}

/** What the mirror has by repository: its web addresses decide, the others only follow. */
export function looksOfMirror(seen: readonly AddressLooks[]): Map<number, Look[]> {
  const web = seen.filter(({ address }) => address.protocol.startsWith('http'))
  const ids = new Set(web.flatMap(({ looks }) => [...looks.keys()]))
  return new Map([...ids].map((id) => [id, bestLooks(web.map(({ looks }) => looks.get(id) ?? []))]))
}
