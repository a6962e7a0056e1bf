/**
 * Streams of facts to whoever listens. One look at the outbox feeds them all, so that a listener costs what is
 * written to it and no query; how many there are is bounded, by address and in all.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { App } from './context.ts'
import { PortalError } from './errors.ts'
import { eventJson, isPrivate } from './event-json.ts'
import { type Event, type EventFilter, isWanted, lastEventId, scanEvents } from './events.ts'

const POLL_MS = 250
/** Proxies cut connections that are silent for longer. */
const KEEP_ALIVE_MS = 15_000
/** A stream that had nothing to say for this long may make room for another. */
const IDLE_MS = 30_000
/** When a program that lost its stream comes back, and when one that made room does. */
const RETRY_MS = 3000
const RETRY_LATER_MS = 30_000
/** Seconds after which it is worth to ask for a stream again. */
const REFUSED_WAIT_S = 30
/** Whoever has not read so much is ended, and goes on from where it was when it comes back. */
const UNREAD_MAX_BYTES = 512 * 1024
/** Pages read at once for streams that catch up with what they missed. */
const READ_AT_ONCE = 2

interface Listener {
  address: string
  filter: EventFilter
  /** Everything up to here has been written to it or does not concern it. */
  cursor: number
  /** Whether the feed's own look serves it; before, it reads what it missed by itself. */
  live: boolean
  /** Whether it is being read for just now. */
  reading: boolean
  /** When it was last told something, or came; milliseconds of performance.now(). */
  told_at: number
  written_at: number
  controller: ReadableStreamDefaultController<Uint8Array>
}

/** Bytes that wait to be read by a listener's program. */
const unread = ({ controller }: Listener) => UNREAD_MAX_BYTES - (controller.desiredSize ?? 0)

export interface FeedLimits {
  per_address: number
  in_all: number
}

const encode = (text: string) => new TextEncoder().encode(text)
const KEEP_ALIVE = encode(': still here\n\n')

function frameOf(event: Event): Uint8Array {
  const data = JSON.stringify(eventJson(event))
  return encode(`event: ${event.type}\ndata: ${data}\nid: ${event.id}\n\n`)
}

export class EventFeed {
  private readonly app: App
  private readonly limits: FeedLimits
  private readonly listeners = new Set<Listener>()
  private cursor = 0
  private timer: NodeJS.Timeout | undefined
  /** Those that wait to catch up with what they missed. */
  private readonly behind = new Set<Listener>()
  private reading = 0

  constructor(app: App, limits: FeedLimits) {
    this.app = app
    this.limits = limits
  }

  get size(): number {
    return this.listeners.size
  }

  /**
   * Makes room for one more stream: where all places are taken, of the address or in all, the oldest idle one goes.
   * @throws PortalError events.too-many-here, events.full
   */
  private admit(address: string): void {
    const params = { wait_s: REFUSED_WAIT_S }
    const here = [...this.listeners].filter((each) => each.address === address)
    if (here.length >= this.limits.per_address && !this.endOldest(here))
      throw new PortalError('events.too-many-here', { params })
    if (this.listeners.size >= this.limits.in_all && !this.endOldest(this.listeners))
      throw new PortalError('events.full', { params })
  }

  /** @returns false when none of them is idle */
  private endOldest(listeners: Iterable<Listener>): boolean {
    let oldest: Listener | undefined
    for (const each of listeners) if (!oldest || each.told_at < oldest.told_at) oldest = each
    if (!oldest || performance.now() - oldest.told_at < IDLE_MS) return false
    this.end(oldest, RETRY_LATER_MS)
    return true
  }

  /**
   * A stream of server-sent events.
   * @param cursor number of the last fact that the listener has; undefined for what comes from now on
   * @param address what stands for the network that asks
   * @throws PortalError events.too-many-here, events.full
   */
  async open(
    address: string,
    filter: EventFilter,
    cursor: number | undefined,
    signal?: AbortSignal,
  ): Promise<ReadableStream<Uint8Array>> {
    const last = await lastEventId(this.app.db)
    const from = cursor ?? last
    this.admit(address)
    let leave = () => {}
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          const now = performance.now()
          const times = { told_at: now, written_at: now }
          const state = { cursor: from, live: false, reading: false }
          const listener = { address, filter, controller, ...state, ...times }
          leave = () => this.forget(listener)
          signal?.addEventListener('abort', leave, { once: true })
          this.listeners.add(listener)
          this.write(listener, encode(`retry: ${RETRY_MS}\n\n`))
          this.run(last)
        },
        cancel: () => leave(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: UNREAD_MAX_BYTES }),
    )
  }

  /** Ends every stream, for a program that stops. */
  close(): void {
    for (const each of this.listeners) this.end(each, RETRY_MS)
  }

  private run(last: number): void {
    if (this.timer) return
    this.cursor = last
    this.next(0)
  }

  private next(wait_ms: number): void {
    this.timer = setTimeout(async () => {
      try {
        await this.look()
      } catch (error) {
        this.app.log.warn({ err: error }, 'the feed could not look for events')
      }
      this.timer = undefined
      if (this.listeners.size > 0) this.next(POLL_MS)
    }, wait_ms)
    this.timer.unref()
  }

  private async look(): Promise<void> {
    for (let end = false; !end; ) {
      const page = await scanEvents(this.app.db, this.cursor)
      this.cursor = page.scanned
      end = page.end
      for (const event of page.events) this.tell(event)
      for (const each of this.listeners)
        if (each.live) each.cursor = Math.max(each.cursor, this.cursor)
    }
    const now = performance.now()
    for (const each of this.listeners) {
      if (!each.live && each.cursor >= this.cursor) each.live = true
      else if (!each.live && !each.reading) this.behind.add(each)
      if (now - each.written_at >= KEEP_ALIVE_MS) this.write(each, KEEP_ALIVE)
    }
    while (this.behind.size > 0 && this.reading < READ_AT_ONCE) void this.read()
  }

  private tell(event: Event): void {
    if (isPrivate(event)) return
    let frame: Uint8Array | undefined
    for (const each of this.listeners) {
      if (!each.live || event.id <= each.cursor || !isWanted(each.filter, event)) continue
      frame ??= frameOf(event)
      this.write(each, frame)
      each.told_at = performance.now()
    }
  }

  /**
   * Reads for those that missed something, a page of each in turn; from where the feed stands, the feed
   * serves them.
   */
  private async read(): Promise<void> {
    this.reading++
    let now: Listener | undefined
    try {
      for (const listener of this.behind) {
        now = listener
        this.behind.delete(listener)
        if (!this.listeners.has(listener) || unread(listener) > UNREAD_MAX_BYTES / 2) continue
        listener.reading = true
        const { events, scanned } = await scanEvents(this.app.db, listener.cursor, listener.filter)
        for (const event of events) if (!isPrivate(event)) this.write(listener, frameOf(event))
        listener.cursor = scanned
        listener.reading = false
        if (events.length > 0) listener.told_at = performance.now()
        if (scanned >= this.cursor) listener.live = true
        else this.behind.add(listener)
        await nextTurn()
      }
    } catch (error) {
      // The next look puts it back among those that wait.
      if (now) now.reading = false
      this.app.log.warn({ err: error }, 'streams could not catch up')
    } finally {
      this.reading--
    }
  }

  private write(listener: Listener, bytes: Uint8Array): void {
    if (!this.listeners.has(listener)) return
    try {
      listener.controller.enqueue(bytes)
      listener.written_at = performance.now()
    } catch {
      // Its reader is gone and said so in between.
      this.forget(listener)
      return
    }
    if (unread(listener) > UNREAD_MAX_BYTES) this.end(listener, RETRY_MS)
  }

  private end(listener: Listener, retry_ms: number): void {
    if (!this.forget(listener)) return
    try {
      listener.controller.enqueue(encode(`retry: ${retry_ms}\n\n`))
      listener.controller.close()
    } catch {
      // The same: nobody is there to be told.
    }
  }

  private forget(listener: Listener): boolean {
    return this.listeners.delete(listener)
  }
}

const feeds = new WeakMap<App['database'], EventFeed>()

/** The one feed of a process's database. */
export function feedOf(app: App): EventFeed {
  const { streams_per_address: per_address, streams: in_all } = app.config
  const feed = feeds.get(app.database) ?? new EventFeed(app, { per_address, in_all })
  feeds.set(app.database, feed)
  return feed
}
