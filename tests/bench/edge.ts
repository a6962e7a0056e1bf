/** The edge on one core under 32 connections that ask for random clients, and how its cost grows. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../../src/kernel/paths.ts'
import { Edge } from '../../src/mirrors/edge/answer.ts'
import { openGeo } from '../../src/mirrors/edge/geo.ts'
import { decodeSnapshot, encodeSnapshot } from '../../src/mirrors/edge/snapshot.ts'
import { makeSnapshot, numbers, type Sizes } from '../support/mirrors.ts'
import type { Figure } from './report.ts'

const FULL: Sizes = { mirrors: 500, countries: 75, repositories: 350, netblocks: 900_000 }
/** An edge runs for weeks: its rate is read once code is compiled and pools are made, its first seconds apart. */
const COLD_S = 4
const SECONDS = 8
/** As the docs start an edge: an answer lives for microseconds, so a large nursery only holds dead ones. */
const EDGE_FLAGS = ['--max-semi-space-size=4']
const CONNECTIONS = 32

/** wrk's program: a random client and repository in every request. */
const script = (path: string) => `
math.randomseed(7)
request = function()
  local ip = math.random(1,223) .. "." .. math.random(0,255) .. "." .. math.random(0,255) .. "." .. math.random(1,254)
  return wrk.format("GET", "${path}?repo=repo" .. math.random(0, ${FULL.repositories - 1}) .. "-10&arch=x86_64&ip=" .. ip)
end
`

interface RunningEdge {
  url: string
  memory_mib(): number
  stop(): void
}

/** @param settings where it gets its snapshot */
export async function startEdge(settings: Record<string, string>): Promise<RunningEdge> {
  const pinned = spawnSync('taskset', ['-c', '0', 'true']).status === 0
  const words = [...(pinned ? ['taskset', '-c', '0'] : []), process.execPath, ...EDGE_FLAGS]
  const [command = '', ...args] = [...words, join(root, 'src/mirrors/edge/main.ts')]
  const env = { ...process.env, EDGE_PORT: '0', ...settings }
  const child: ChildProcess = spawn(command, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  const port = await new Promise<number>((resolve, reject) => {
    let said = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      const found = /"msg":"listening","port":(\d+)/.exec(said)?.[1]
      if (found) resolve(Number(found))
    })
    child.once('exit', () => reject(new Error(`the edge ended: ${said}`)))
  })
  return {
    url: `http://127.0.0.1:${port}`,
    memory_mib() {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024
    },
    stop: () => child.kill('SIGKILL'),
  }
}

/** @returns answers a second, as wrk counts them; an answer that is not 200 is a failure */
function load(edge: RunningEdge, path: string, folder: string, seconds = SECONDS): number {
  const lua = join(folder, 'client.lua')
  writeFileSync(lua, script(path))
  const wrk = ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '-s', lua, edge.url]
  const { stdout, status } = spawnSync('taskset', ['-c', '1', 'wrk', ...wrk], { encoding: 'utf8' })
  if (status !== 0 || /Non-2xx|Socket errors/.test(stdout)) throw new Error(`wrk: ${stdout}`)
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1] ?? 0)
}

interface Cost {
  /** Microseconds of one answer, without HTTP: the best of several rounds, since others disturb only upwards. */
  answer_us: number
  /** Mirrors' addresses in one, on average. */
  addresses: number
}

const ROUNDS = 5
const ROUND_ANSWERS = 30_000
/** So many that nearly every pair of repository and country has been asked for: what is made once is made. */
const WARM_UP_ANSWERS = 150_000

/** What an answer costs inside for sizes that differ in one thing. */
async function costOf(sizes: Sizes): Promise<Cost> {
  const geo = await openGeo()
  const random = numbers(3)
  const edge = new Edge(decodeSnapshot(encodeSnapshot(makeSnapshot(sizes))), geo, random)
  const ask = () => {
    const part = () => 1 + Math.floor(random() * 222)
    const repo = `repo${Math.floor(random() * sizes.repositories)}-10`
    const address = `${part()}.${part()}.${part()}.${part()}`
    return edge.metalink({ repo, arch: 'x86_64', address })
  }
  for (let n = 0; n < WARM_UP_ANSWERS; n++) ask()
  let answer_us = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now()
    for (let n = 0; n < ROUND_ANSWERS; n++) ask()
    answer_us = Math.min(answer_us, ((performance.now() - started) * 1000) / ROUND_ANSWERS)
  }
  const bodies = Array.from({ length: 500 }, () => ask().body)
  const addresses = bodies.reduce((sum, body) => sum + body.split('<url ').length - 1, 0) / 500
  return { answer_us, addresses }
}

export async function benchEdge(): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-edge-'))
  const file = join(folder, 'snapshot')
  try {
    const made = performance.now()
    const bytes = encodeSnapshot(makeSnapshot(FULL))
    const made_ms = performance.now() - made
    writeFileSync(file, bytes)
    const edge = await startEdge({ EDGE_FILE: file, SLIPWAY_URL: 'http://127.0.0.1:9' })
    const cold = load(edge, '/metalink', folder, COLD_S)
    const metalinks = load(edge, '/metalink', folder)
    const lists = load(edge, '/mirrorlist', folder)
    const memory_mib = edge.memory_mib()
    edge.stop()
    return [
      {
        name: `metalink answers in the ${COLD_S} s after its start`,
        value: `${Math.round(cold)}/s`,
      },
      limit('metalink answers', metalinks, 17_000),
      limit('mirrorlist answers', lists, 20_000),
      {
        name: 'memory of the edge after that',
        value: `${memory_mib.toFixed(0)} MiB`,
        limit: '≤ 200 MB',
        holds: memory_mib * 1.048576 <= 200,
      },
      { name: 'snapshot made from nothing', value: `${made_ms.toFixed(0)} ms` },
      { name: 'snapshot', value: `${(bytes.length / 1e6).toFixed(1)} MB` },
      ...(await growth()),
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const limit = (name: string, rate: number, least: number): Figure => ({
  name: `${name}, one core, ${CONNECTIONS} connections`,
  value: `${Math.round(rate)}/s`,
  limit: `≥ ${least}/s`,
  holds: rate >= least,
})

/**
 * Ten times of one thing: cost may grow by no more than the logarithm does. More mirrors make longer lists, up
 * to 25 mirrors, so theirs is compared by the address; what each list holds stands beside it.
 */
async function growth(): Promise<Figure[]> {
  const small = { ...FULL, netblocks: 90_000 }
  const base = await costOf(small)
  const full = await costOf(FULL)
  const mirrors = await costOf({ ...small, mirrors: FULL.mirrors * 10 })
  const repositories = await costOf({ ...small, repositories: FULL.repositories * 10 })
  const each = ({ answer_us, addresses }: Cost) => answer_us / addresses
  const lengths = `${base.addresses.toFixed(0)} and ${mirrors.addresses.toFixed(0)} addresses`
  return [
    { name: 'a metalink without HTTP, full sizes', value: `${full.answer_us.toFixed(1)} µs` },
    grown('netblocks', small.netblocks, full.answer_us / base.answer_us),
    grown('mirrors', FULL.mirrors, each(mirrors) / each(base), `, per address (${lengths})`),
    grown('repositories', FULL.repositories, repositories.answer_us / base.answer_us),
  ]
}

/** @param few how many there were before there were ten times as many */
function grown(thing: string, few: number, ratio: number, how = ''): Figure {
  const allowed = (Math.log(few * 10) / Math.log(few)) * 1.15
  return {
    name: `ten times the ${thing}${how}`,
    value: `${ratio.toFixed(2)} × the cost`,
    limit: `≤ ${allowed.toFixed(2)} × (logarithm, and 15 % for noise)`,
    holds: ratio <= allowed,
  }
}
