/** HTTP client of the builder protocol. Tries again while the portal is away; never gives up a lease. */
import { createHash } from 'node:crypto'
import { createWriteStream, openAsBlob } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { BuildFailure, Dropped } from './failure.ts'
import {
  type ClaimedTask,
  claimAnswer,
  type Finish,
  type Heartbeat,
  heartbeatAnswer,
  logAnswer,
  type Output,
  problem,
  type Return,
} from './protocol.ts'

const firstPause_ms = 250
const longestPause_ms = 10_000
const call_ms = 30_000
const transfer_ms = 3_600_000
const damagedTries = 3

/** The portal answered, and the answer is no. */
export class Refused extends Error {
  readonly status: number
  /** The problem's code, '' where the answer is not problem JSON. */
  readonly code: string
  constructor(status: number, body: unknown) {
    const said = problem.safeParse(body).data
    super(`the portal answered ${status}: ${said?.detail ?? said?.code ?? 'no reason given'}`)
    this.status = status
    this.code = said?.code ?? ''
  }
}

interface Call {
  method?: string
  headers?: Record<string, string>
  body?: BodyInit
  timeout_ms?: number
}

export type TaskRef = Pick<ClaimedTask, 'id' | 'lease'>

/** Double the pause each time, up to ten seconds, with a quarter of jitter. */
export function pauseAfter(failures: number): number {
  const pause = Math.min(longestPause_ms, firstPause_ms * 2 ** Math.min(failures, 10))
  return pause * (0.75 + Math.random() / 4)
}

async function refusal(response: Response): Promise<Refused> {
  const body = await response.json().catch(() => undefined)
  return new Refused(response.status, body)
}

const mayPass = (error: unknown) =>
  !(error instanceof Refused) || error.status >= 500 || error.status === 429

export function createClient(url: string, token: string) {
  /** One call; an answer that is not 2xx is thrown. */
  async function once(path: string, call: Call, signal: AbortSignal): Promise<Response> {
    const response = await fetch(`${url}/api/builder${path}`, {
      method: call.method ?? 'POST',
      headers: { authorization: `Bearer ${token}`, accept: 'application/json', ...call.headers },
      body: call.body ?? null,
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(call.timeout_ms ?? call_ms)]),
    })
    if (!response.ok) throw await refusal(response)
    return response
  }

  /** Repeats `attempt` until the portal answers something definite or the signal ends it. */
  async function persist<T>(signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
    for (let failures = 0; ; failures += 1) {
      try {
        return await attempt()
      } catch (error) {
        if (signal.aborted) throw new Dropped('stopped', { cause: error })
        if (!mayPass(error)) throw error
        await sleep(pauseAfter(failures), undefined, { signal }).catch(() => {})
      }
    }
  }

  /** A refusal that says that the task is no longer ours: the work is dropped. */
  function dropWhenLost(error: unknown): never {
    const lost = error instanceof Refused && [401, 403, 409, 410].includes(error.status)
    throw lost ? new Dropped(error.message, { cause: error }) : error
  }

  const json = (body: unknown): Call => ({
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const taskPath = (task: TaskRef, rest: string) => `/tasks/${task.id}/${rest}`

  return {
    /** One try: the caller beats again anyway. */
    async heartbeat(body: Heartbeat, signal: AbortSignal) {
      const response = await once('/heartbeat', json(body), signal)
      return heartbeatAnswer.parse(await response.json())
    },

    /** One try. @returns undefined when there is nothing to do */
    async claim(wait_ms: number, signal: AbortSignal): Promise<ClaimedTask | undefined> {
      const response = await once(
        `/claim?wait_ms=${wait_ms}`,
        { ...json({}), timeout_ms: wait_ms + call_ms },
        signal,
      )
      return response.status === 204 ? undefined : claimAnswer.parse(await response.json()).task
    },

    /**
     * Sends a part of the log. Nothing at offset 0 asks how much there is.
     * @returns the size of the portal's log; less than was sent when it lacks an earlier part
     */
    async sendLog(
      task: TaskRef,
      offset: number,
      bytes: Uint8Array<ArrayBuffer>,
      signal: AbortSignal,
    ): Promise<number> {
      const headers = { 'x-slipway-lease': task.lease, 'content-type': 'application/octet-stream' }
      const post = async (from: number, body: Uint8Array<ArrayBuffer>) => {
        const response = await once(taskPath(task, `log?offset=${from}`), { headers, body }, signal)
        return logAnswer.parse(await response.json()).size_bytes
      }
      const attempt = () =>
        post(offset, bytes).catch((error: unknown) => {
          if (!(error instanceof Refused) || error.code !== 'task.log-gap') throw error
          return post(0, new Uint8Array())
        })
      return persist(signal, attempt).catch(dropWhenLost)
    },

    /** Fetches an input into a file. @throws BuildFailure when what comes is not what the digest says */
    async fetchInput(
      task: TaskRef,
      sha256: string,
      path: string,
      signal: AbortSignal,
    ): Promise<void> {
      const headers = { 'x-slipway-lease': task.lease }
      for (let attempt = 0; attempt < damagedTries; attempt += 1) {
        const digest = await persist(signal, async () => {
          const call = { method: 'GET', headers, timeout_ms: transfer_ms }
          const response = await once(taskPath(task, `inputs/${sha256}`), call, signal)
          const hash = createHash('sha256')
          const body = Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0])
          body.on('data', (chunk: Buffer) => hash.update(chunk))
          await pipeline(body, createWriteStream(path, { mode: 0o644 }), { signal })
          return hash.digest('hex')
        }).catch((error: unknown) => {
          if (error instanceof Refused && error.status === 404)
            throw new BuildFailure('build.input-missing', { sha256 })
          return dropWhenLost(error)
        })
        if (digest === sha256) return
      }
      throw new BuildFailure('build.input-damaged', { sha256 })
    },

    /** Sends a file; the portal checks length and digest. */
    async sendOutput(
      task: TaskRef,
      output: Output,
      path: string,
      signal: AbortSignal,
    ): Promise<void> {
      const body = await openAsBlob(path)
      const headers = { 'x-slipway-lease': task.lease, 'content-type': 'application/octet-stream' }
      const where = taskPath(
        task,
        `outputs/${encodeURIComponent(output.filename)}?sha256=${output.sha256}`,
      )
      const call = { method: 'PUT', headers, body, timeout_ms: transfer_ms }
      for (let attempt = 1; ; attempt += 1) {
        try {
          await persist(signal, () => once(where, call, signal))
          return
        } catch (error) {
          if (error instanceof Refused && error.status === 413)
            throw new BuildFailure('build.output-refused', {
              filename: output.filename,
              message: error.message,
            })
          const damaged = error instanceof Refused && error.status === 422
          if (!damaged || attempt === damagedTries) dropWhenLost(error)
        }
      }
    },

    /** Gives the task back. One try: a lease that runs out does the same, later. */
    async giveBack(task: TaskRef, body: Return, timeout_ms: number): Promise<void> {
      const call = { ...json({ lease: task.lease, ...body }), timeout_ms }
      await once(taskPath(task, 'return'), call, AbortSignal.timeout(timeout_ms))
    },

    async finish(task: TaskRef, body: Omit<Finish, 'lease'>, signal: AbortSignal): Promise<void> {
      const call = json({ lease: task.lease, ...body })
      await persist(signal, () => once(taskPath(task, 'finish'), call, signal)).catch(dropWhenLost)
    },
  }
}

export type Client = ReturnType<typeof createClient>
