/** What a crawl may take: requests at once in all and a host, bytes a host. */
import * as http from 'node:http'
import * as https from 'node:https'

/** Lets so many through at once; the others wait their turn. */
export class Gate {
  private free: number
  private readonly waiting: (() => void)[] = []
  constructor(places: number) {
    this.free = places
  }

  async through<T>(work: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free--
    else await new Promise<void>((resolve) => this.waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.waiting.shift()
      if (next) next()
      else this.free++
    }
  }
}

/** Requests at once of all crawls of one worker. */
export const REQUESTS_AT_ONCE = 64
/** Requests at once to one mirror. */
export const HOST_REQUESTS_AT_ONCE = 3
/** Bytes that one crawl of one mirror may cost it. */
export const HOST_BYTES = 32 * 1024 * 1024

/** The budget of one crawl of one mirror, with its kept connections. Close it when done. */
export class HostBudget {
  private readonly own: Gate
  private readonly all: Gate
  private left_bytes: number
  private readonly agents = new Map<string, http.Agent>()
  private readonly ca: string | undefined

  /** @param ca certificates trusted in place of the system's, PEM */
  constructor(
    all: Gate,
    options: { at_once?: number; bytes?: number; ca?: string | undefined } = {},
  ) {
    this.all = all
    this.own = new Gate(options.at_once ?? HOST_REQUESTS_AT_ONCE)
    this.left_bytes = options.bytes ?? HOST_BYTES
    this.ca = options.ca
  }

  /** The host's own turn first, so that one slow host never holds the places of all. */
  use<T>(work: () => Promise<T>): Promise<T> {
    return this.own.through(() => this.all.through(work))
  }

  /** @returns false when nothing is left */
  spend(bytes: number): boolean {
    this.left_bytes -= bytes
    return this.left_bytes >= 0
  }

  /** Kept connections go to one checked address only: a name never shares them with another. */
  agent(protocol: string, address: string): http.Agent {
    const key = `${protocol} ${address}`
    const kept = this.agents.get(key)
    if (kept) return kept
    const options = {
      keepAlive: true,
      maxSockets: HOST_REQUESTS_AT_ONCE,
      scheduling: 'lifo' as const,
    }
    const made =
      protocol === 'https:'
        ? new https.Agent({ ...options, ...(this.ca !== undefined && { ca: this.ca }) })
        : new http.Agent(options)
    this.agents.set(key, made)
    return made
  }

  close(): void {
    for (const agent of this.agents.values()) agent.destroy()
    this.agents.clear()
  }
}
