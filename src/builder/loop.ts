/** Heartbeats and claims: keeps as many tasks running as the builder has slots. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, pauseAfter } from './client.ts'
import type { BuilderConfig } from './config.ts'
import { runJob } from './job.ts'
import type { ClaimedTask, Heartbeat } from './protocol.ts'
import type { Identity } from './sandbox.ts'
import type { Say } from './say.ts'
import type { Scratch } from './scratch.ts'
import type { Tools } from './tools.ts'

const claimWait_ms = 10_000
const firstBeat_ms = 10_000
const shortestBeat_ms = 200

export interface Loop {
  config: BuilderConfig
  client: Client
  scratch: Scratch
  version: string
  findTools: () => Promise<Tools>
  /** What of a sandbox the kernel bounds. */
  bounds: string[]
  /** Who the sandboxes of a slot run as. */
  identityOf: (slot: number) => Identity | undefined
  say: Say
  signal: AbortSignal
}

interface Slot {
  task: ClaimedTask
  stop: AbortController
  progress: string | undefined
  done: Promise<void>
}

/** Runs until the signal is aborted, then waits for what it stopped. */
export async function runLoop(loop: Loop): Promise<void> {
  const slots = new Map<number, Slot>()
  const freed = { wake: () => {} }
  // The portal hands out tasks by what it knows of a builder, so nothing is claimed before it knows.
  const introduced = Promise.withResolvers<void>()
  loop.signal.addEventListener('abort', () => introduced.resolve(), { once: true })
  let tools = await loop.findTools()
  if (tools.missing.length > 0) loop.say('missing tools', { missing: tools.missing.join(' ') })

  const pause = (ms: number) => sleep(ms, undefined, { signal: loop.signal }).catch(() => {})

  async function beat(): Promise<number> {
    const tasks = [...slots.values()].map(({ task, progress }) => ({
      id: task.id,
      lease: task.lease,
      progress,
    }))
    const { arches, channels, capacity } = loop.config
    const { version: own, bounds } = loop
    const body: Heartbeat = { version: own, arches, channels, capacity, ...tools, bounds, tasks }
    const answer = await loop.client.heartbeat(body, loop.signal)
    for (const id of answer.cancel) {
      for (const slot of slots.values()) if (String(slot.task.id) === String(id)) slot.stop.abort()
    }
    return Math.max(shortestBeat_ms, answer.lease_ms / 3)
  }

  async function keepBeating(): Promise<void> {
    let interval_ms = firstBeat_ms
    for (let failures = 0; !loop.signal.aborted; ) {
      try {
        interval_ms = await beat()
        introduced.resolve()
        if (failures > 0) loop.say('the portal is back')
        failures = 0
        await pause(interval_ms)
      } catch (error) {
        if (loop.signal.aborted) return
        if (failures === 0) loop.say('no heartbeat', { error: (error as Error).message })
        await pause(Math.min(interval_ms, pauseAfter(failures)))
        failures += 1
      }
      if (tools.drivers.length === 0) tools = await loop.findTools()
    }
  }

  function start(task: ClaimedTask): void {
    const slot =
      Array.from({ length: loop.config.capacity }, (_, n) => n).find((n) => !slots.has(n)) ?? 0
    const stop = new AbortController()
    const ended = () => {
      slots.delete(slot)
      freed.wake()
    }
    const { config, client, scratch } = loop
    const progress = (now: string) => {
      running.progress = now
    }
    loop.say('task', { id: task.id, method: task.method })
    const job = runJob({
      config,
      client,
      scratch,
      identity: loop.identityOf(slot),
      task,
      stop,
      progress,
      stopping: loop.signal,
      say: loop.say,
    })
    const done = job
      .then((end) => loop.say(end, { id: task.id }))
      .catch((error: Error) => loop.say('not reported', { id: task.id, error: error.message }))
      .finally(ended)
    const running: Slot = { task, stop, progress: undefined, done }
    slots.set(slot, running)
  }

  /** Waits until a slot is free (or the builder stops). */
  function oneFree(): Promise<void> {
    if (slots.size < loop.config.capacity) return Promise.resolve()
    return new Promise((resolve) => {
      freed.wake = resolve
      loop.signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  async function keepClaiming(): Promise<void> {
    await introduced.promise
    for (let failures = 0; !loop.signal.aborted; ) {
      await oneFree()
      if (loop.signal.aborted) return
      try {
        if (tools.drivers.length === 0) await pause(shortestBeat_ms * 5)
        else {
          const task = await loop.client.claim(claimWait_ms, loop.signal)
          if (task) start(task)
        }
        failures = 0
      } catch {
        await pause(pauseAfter(failures))
        failures += 1
      }
    }
  }

  await Promise.all([keepBeating(), keepClaiming()])
  for (const slot of slots.values()) slot.stop.abort()
  await Promise.all([...slots.values()].map((slot) => slot.done))
}
