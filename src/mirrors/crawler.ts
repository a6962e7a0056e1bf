/** The crawler's means: its name, limits, budget of all crawls, and the file that proves control. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MINUTE_MS } from '../kernel/clock.ts'
import type { App } from '../kernel/context.ts'
import { root } from '../kernel/paths.ts'
import { type Reason, reason } from '../kernel/reason.ts'
import { Gate, HostBudget, REQUESTS_AT_ONCE } from './budget.ts'
import {
  defaultLimits,
  FetchFault,
  type FetchLimits,
  type FetchOptions,
  fetchBounded,
} from './fetcher.ts'
import { proofPath } from './mirror.ts'

export interface Crawler {
  fetch: FetchOptions
  gate: Gate
  /** Certificates trusted in place of the system's, PEM; for networks with an authority of their own. */
  ca: string | undefined
  /** One crawl of one mirror takes no longer than this a family. */
  host_ms: number
}

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string
}

/** One for all crawls of a process, so that they share one budget. */
export function createCrawler(
  app: App,
  options: { limits?: Partial<FetchLimits>; ca?: string } = {},
): Crawler {
  const { config } = app
  return {
    fetch: {
      user_agent: `slipway-crawler/${version} (+${config.url}/mirrors)`,
      private_mirrors: config.private_mirrors,
      limits: { ...defaultLimits, ...options.limits },
    },
    gate: new Gate(REQUESTS_AT_ONCE),
    ca: options.ca,
    host_ms: 2 * MINUTE_MS,
  }
}

/** Longest file that can be a proof: the token and some white space. */
const PROOF_BYTES = 1000

/**
 * Looks for the file that only who controls the mirror can have put there, under each web address.
 * @returns why control is not proved; empty when it is
 */
export async function lookForProof(
  crawler: Crawler,
  mirror: { name: string; proof_token: string; urls: { protocol: string; url: string }[] },
): Promise<Reason[]> {
  const limits = { ...crawler.fetch.limits, body_bytes: PROOF_BYTES }
  const budget = new HostBudget(crawler.gate, { ca: crawler.ca })
  const web = mirror.urls.filter((each) => each.protocol.startsWith('http'))
  try {
    const faults = await Promise.all(
      web.map(async ({ url }) => {
        const address = `${url}${proofPath(mirror.name)}`
        const request = { method: 'GET' as const, url: address, family: undefined }
        try {
          const answer = await fetchBounded({ ...crawler.fetch, limits }, budget, request)
          if (answer.status !== 200)
            return [reason('mirror.proof-status', { url: address, status: answer.status })]
          const holds = answer.body.toString('utf8').trim() === mirror.proof_token
          return holds ? [] : [reason('mirror.proof-differs', { url: address })]
        } catch (error) {
          if (!(error instanceof FetchFault)) throw error
          return [reason(`mirror.fault.${error.fault}`, { detail: error.detail || address })]
        }
      }),
    )
    return faults.flat()
  } finally {
    budget.close()
  }
}
