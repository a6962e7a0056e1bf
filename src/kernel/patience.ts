/**
 * How long the server waits for a request's body: whoever sends nothing for a while, or next to nothing for long,
 * is cut off, so that a connection costs its sender as much as it costs us.
 */
import type { IncomingMessage } from 'node:http'

export interface Patience {
  /** Without a byte of the body. */
  idle_ms: number
  /** From when on the rate counts. */
  grace_ms: number
  /** Over the whole body, which may be gigabytes from a builder behind a thin line. */
  bytes_per_s: number
}

export const PATIENCE: Patience = { idle_ms: 30_000, grace_ms: 60_000, bytes_per_s: 1024 }

/** What is known of a body on its way. */
export interface Arrival {
  began_ms: number
  /** When bytes came last, or when we were last the one who did not take them. */
  moved_ms: number
  bytes: number
  /** Time in which bytes waited for us, which is not the sender's. */
  ours_ms: number
}

export const arrivalAt = (now_ms: number): Arrival => ({
  ...{ began_ms: now_ms, moved_ms: now_ms, bytes: 0, ours_ms: 0 },
})

/** What is known after another look. @param full whether what came already waits for us to take it */
export function looked(arrival: Arrival, now_ms: number, bytes: number, full: boolean): Arrival {
  const since_ms = now_ms - arrival.moved_ms
  if (full) return { ...arrival, moved_ms: now_ms, bytes, ours_ms: arrival.ours_ms + since_ms }
  return bytes > arrival.bytes ? { ...arrival, moved_ms: now_ms, bytes } : arrival
}

/** Whether the sender has had its time. */
export function isOver(arrival: Arrival, now_ms: number, patience: Patience): boolean {
  if (now_ms - arrival.moved_ms > patience.idle_ms) return true
  const took_ms = now_ms - arrival.began_ms - arrival.ours_ms
  return took_ms > patience.grace_ms && arrival.bytes < (took_ms / 1000) * patience.bytes_per_s
}

/** Whether bytes wait in the request's buffer for a reader of ours. */
const isFull = (request: IncomingMessage) =>
  request.readableLength >= request.readableHighWaterMark || request.isPaused()

/**
 * Watches bodies on their way.
 * @param cut ends a request whose sender had its time
 * @returns a function that begins to watch a request
 */
export function watchBodies(
  patience: Patience,
  cut: (request: IncomingMessage) => void,
): (request: IncomingMessage) => void {
  const open = new Map<IncomingMessage, { arrival: Arrival; before: number }>()
  const look = () => {
    const now_ms = performance.now()
    for (const [request, known] of open) {
      if (request.complete || request.destroyed) {
        open.delete(request)
        continue
      }
      const bytes = request.socket.bytesRead - known.before
      known.arrival = looked(known.arrival, now_ms, bytes, isFull(request))
      if (!isOver(known.arrival, now_ms, patience)) continue
      open.delete(request)
      cut(request)
    }
  }
  setInterval(look, Math.min(5000, patience.idle_ms / 4)).unref()
  return (request) => {
    if (request.complete) return
    const before = request.socket.bytesRead
    open.set(request, { arrival: arrivalAt(performance.now()), before })
    request.once('close', () => open.delete(request))
  }
}
