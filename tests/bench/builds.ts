/**
 * What a build costs through the portal beyond rpmbuild: the same package, the same commands in the same
 * sandbox by hand, against the time from the submission to the signed and tagged build.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig } from '../../src/builder/config.ts'
import { hostCommand } from '../../src/builder/drivers/host.ts'
import { openScratch, removeFolder } from '../../src/builder/scratch.ts'
import { runCommand, type Work } from '../../src/builder/work.ts'
import { type Portal, root, startPortal } from '../support/portal.ts'
import { until } from '../support/until.ts'
import { type Figure, median } from './report.ts'

const ROUNDS = 5
const PACKAGE = 'rpmvercmp'
const ALLOWED_MS = 1000
const ALLOWED_SHARE = 0.05

/** The work of a task without a portal: a log that goes nowhere, a client that nobody calls. */
async function byHand(): Promise<number[]> {
  const top = mkdtempSync(join(tmpdir(), 'slipway-bench-'))
  chmodSync(top, 0o711)
  const scratch = await openScratch(top, process.getuid?.() === 0)
  const config = readConfig({ ...process.env, BUILDER_TOKEN: 'none', BUILDER_SCRATCH: top })
  const root_user = process.getuid?.() === 0
  const identity = root_user ? { uid: config.first_uid, gid: config.first_uid } : undefined
  const took_ms: number[] = []
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const folder = await scratch.create(identity)
      const sources = join(root, 'content/packages', PACKAGE)
      cpSync(sources, join(folder.build, 'SOURCES'), { recursive: true })
      const log = { write() {}, say() {}, text: () => '', end: async () => {}, drop() {} }
      const work = {
        ...{ config, folder, identity, log, signal: new AbortController().signal },
        progress() {},
      } as unknown as Work
      const { limits } = config
      const dist = '.kl10'
      const started = performance.now()
      await runOrFail(work, [
        ...['rpmbuild', '-bs', '--nodeps', '--define', '_sourcedir /build/SOURCES'],
        ...['--define', '_srcrpmdir /build/SRPMS', `/build/SOURCES/${PACKAGE}.spec`],
      ])
      const [srpm = ''] = readdirSync(join(folder.build, 'SRPMS'))
      await runOrFail(
        work,
        hostCommand(`/build/SRPMS/${srpm}`, process.arch === 'arm64' ? 'aarch64' : 'x86_64'),
      )
      took_ms.push(performance.now() - started)
      await scratch.remove(folder)

      async function runOrFail(on: Work, argv: string[]): Promise<void> {
        const end = await runCommand(on, { argv, dist, limits })
        if (end.exit_code !== 0) throw new Error(`${argv[0]} failed:\n${end.output}`)
      }
    }
  } finally {
    await scratch.close()
    await removeFolder(top)
  }
  return took_ms
}

interface TaskTimes {
  state: string
  created_at: string
  ended_at: string | null
}

async function throughPortal(portal: Portal): Promise<number[]> {
  const spec = join(portal.content, 'packages', PACKAGE, `${PACKAGE}.spec`)
  const text = readFileSync(spec, 'utf8')
  const took_ms: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    writeFileSync(spec, text.replace(/^(Release:\s+)1/m, `$1${round + 2}`))
    const said = execFileSync(process.execPath, [join(root, 'src/cli.ts'), 'build', PACKAGE], {
      env: { ...process.env, ...portal.env } as Record<string, string>,
      encoding: 'utf8',
    })
    const id = said.trim().split('/').at(-1)
    const task = await until(`the build ${id}`, async () => {
      const now = (await (await fetch(`${portal.url}/api/tasks/${id}`)).json()) as TaskTimes
      return now.ended_at === null ? undefined : now
    })
    if (task.state !== 'CLOSED') throw new Error(`task ${id} ended ${task.state}`)
    took_ms.push(Date.parse(task.ended_at ?? '') - Date.parse(task.created_at))
  }
  return took_ms
}

/** Waits until nothing is queued or running: the seeds are built and pushed. */
async function idle(portal: Portal): Promise<void> {
  await until(
    'the end of the seed builds',
    async () => {
      for (const state of ['FREE', 'OPEN']) {
        const answer = await fetch(`${portal.url}/api/tasks?state=${state}`)
        const { items } = (await answer.json()) as { items: unknown[] }
        if (items.length > 0) return false
      }
      const { items } = (await (await fetch(`${portal.url}/api/builds`)).json()) as {
        items: unknown[]
      }
      return items.length >= 5
    },
    180_000,
  )
}

export async function benchBuilds(): Promise<Figure[]> {
  const portal = await startPortal()
  try {
    await idle(portal)
    const hand_ms = median(await byHand())
    const portal_ms = median(await throughPortal(portal))
    const over_ms = portal_ms - hand_ms
    const limit_ms = ALLOWED_MS + ALLOWED_SHARE * hand_ms
    return [
      {
        name: `${PACKAGE} by hand in the sandbox, median of ${ROUNDS}`,
        value: `${Math.round(hand_ms)} ms`,
      },
      {
        name: 'the same through the portal, signed and tagged',
        value: `${Math.round(portal_ms)} ms`,
      },
      {
        name: 'what the portal adds',
        value: `${Math.round(over_ms)} ms`,
        limit: `≤ ${Math.round(limit_ms)} ms (1.0 s + 5 %)`,
        holds: over_ms <= limit_ms,
      },
    ]
  } finally {
    await portal.stop()
  }
}
