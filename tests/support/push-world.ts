/**
 * A release with real packages and real pushes, without programs: tests hold the push's task themselves and can
 * end it anywhere. Packages are subpackages of one spec, each taken as a build of its own.
 */
import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { readFile, readlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { eq } from 'drizzle-orm'
import { event } from '../../db/schema/kernel.ts'
import { update } from '../../db/schema/updates.ts'
import { subscribers, taskHandlers } from '../../src/app.ts'
import { releaseTags } from '../../src/builds/build.ts'
import { completeBuild, registerBuild } from '../../src/builds/builds.ts'
import { tagBuild, taggedBuilds } from '../../src/builds/tags.ts'
import { advisoriesOf } from '../../src/errata/errata.ts'
import { dataPath } from '../../src/kernel/config.ts'
import type { Ctx } from '../../src/kernel/context.ts'
import { ensureSigningKey } from '../../src/kernel/signing.ts'
import { deliver } from '../../src/kernel/subscribers.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { metalink } from '../../src/mirrors/mirrors.ts'
import { listRepositories, type RepositoryRow } from '../../src/repos/repositories.ts'
import { packageHref } from '../../src/repos/repository.ts'
import { digestFile, storedPath } from '../../src/repos/store.ts'
import { claimTask } from '../../src/tasks/leases.ts'
import { runTask } from '../../src/tasks/runner.ts'
import { createTask, type TaskRow } from '../../src/tasks/tasks.ts'
import { updateInput } from '../../src/updates/input.ts'
import { buildsOfUpdates, createUpdate } from '../../src/updates/updates.ts'
import { ownPackage, prepareRelease, RELEASE } from './builds.ts'
import { ctxOf, personActor, type TestApp } from './test-app.ts'

const run = promisify(execFile)

/** Names of packages that rpmbuild has made: p001-1-1.noarch.rpm and on. @returns their folder */
export async function makeRpms(count: number): Promise<string> {
  const top = mkdtempSync(join(tmpdir(), 'slipway-world-'))
  const names = Array.from({ length: count }, (_, at) => `p${String(at + 1).padStart(3, '0')}`)
  const parts = names.map(
    (name) =>
      `%package -n ${name}\nSummary: ${name}\n%description -n ${name}\n${name}\n%files -n ${name}\n`,
  )
  const head =
    'Name: world\nVersion: 1\nRelease: 1\nSummary: w\nLicense: MIT\nBuildArch: noarch\n%description\nw\n'
  writeFileSync(join(top, 'world.spec'), `${head}${parts.join('')}`)
  await run('rpmbuild', ['-bb', '--nodeps', '--define', `_topdir ${top}`, join(top, 'world.spec')])
  return join(top, 'RPMS', 'noarch')
}

/** A package like those of makeRpms, with an escape character in its changelog; createrepo_c leaves such a one out. */
export function makePoison(folder: string, name: string): void {
  const top = mkdtempSync(join(tmpdir(), 'slipway-poison-'))
  // rpmbuild looks for control characters at the beginning of a spec only.
  const spec = `${'# padding\n'.repeat(1000)}Name: ${name}\nVersion: 1\nRelease: 1\nSummary: p\nLicense: MIT\nBuildArch: noarch\n%description\np\n%files\n%changelog\n* Mon Jan 05 2026 Case <case@keel.example> - 1-1\n- colour \u001b[31m\n`
  writeFileSync(join(top, 'poison.spec'), spec)
  execFileSync('rpmbuild', ['-bb', '--define', `_topdir ${top}`, join(top, 'poison.spec')], {
    stdio: 'ignore',
  })
  execFileSync('cp', [join(top, 'RPMS/noarch', `${name}-1-1.noarch.rpm`), folder])
  rmSync(top, { recursive: true })
}

export class PushWorld {
  readonly app: TestApp
  readonly packager: Ctx
  readonly admin: Ctx
  private readonly files: string[]
  private used = 0

  constructor(app: TestApp, folder: string) {
    this.app = app
    this.packager = ctxOf(app, personActor(1, 'packer', ['member', 'packager']))
    this.admin = ctxOf(app, personActor(2, 'boss', ['member', 'packager', 'admin']))
    this.files = readdirSync(folder)
      .filter((name) => /^p\d/.test(name))
      .sort()
      .map((name) => join(folder, name))
  }

  async prepare(): Promise<void> {
    await prepareRelease(this.app)
    await ensureSigningKey(this.app)
  }

  /** A complete build of the next package that nobody has taken, in candidate. */
  async build(): Promise<string> {
    const { app } = this
    const path = this.files[this.used++] ?? ''
    const filename = basename(path)
    const nvr = filename.replace(/\.noarch\.rpm$/, '')
    const [name = '', version = '', release = ''] = nvr.split('-')
    const digest = await digestFile(path)
    const stored = storedPath(app, { filename, unsigned_sha256: digest })
    mkdirSync(join(stored, '..'), { recursive: true })
    copyFileSync(path, stored)
    const ctx = ctxOf(app)
    await transaction(ctx, async (tx) => {
      const task = await createTask(tx, ctx, {
        method: 'build',
        label: nvr,
        payload: {},
        channel: 'none',
      })
      const parts = { name, version, release, epoch: 0 }
      const about = {
        arches: null,
        exclude_arches: [],
        noarch: true,
        build_requires: [],
        outputs: [],
      }
      const source = { kind: 'git' as const, url: 'https://git.example/x', ref: 'main' }
      const row = await registerBuild(
        tx,
        ctx,
        task,
        { target: RELEASE, source, bootstrap: false },
        { ...parts, ...about },
      )
      const size_bytes = readFileSync(path).length
      const rpms = [
        { ...parts, arch: 'noarch', filename, sha256: digest, unsigned_sha256: digest, size_bytes },
      ]
      const done = await completeBuild(tx, ctx, row, rpms, { summary: nvr, description: '' })
      await tagBuild(tx, ctx, releaseTags(RELEASE).candidate, done)
    })
    await ownPackage(app, name, 1)
    return nvr
  }

  /** An update of one new build. @returns its alias */
  async update(more: Record<string, unknown> = {}): Promise<string> {
    const input = updateInput.parse({
      builds: [await this.build()],
      notes: 'Look.',
      type: 'bugfix',
      ...more,
    })
    return (await createUpdate(this.packager, input)).alias
  }

  /** Hands every event to those who act on it, until nothing more happens. */
  async deliverAll(): Promise<void> {
    for (const subscriber of subscribers)
      while ((await deliver(this.app, subscriber)) > 0) {
        // On, until it has caught up.
      }
  }

  claim(): Promise<TaskRow | undefined> {
    return claimTask(this.app, { name: 'worker:test', channels: ['worker'], arches: ['noarch'] })
  }

  /** Does what waits for a worker, until nothing does. */
  async work(): Promise<void> {
    await this.deliverAll()
    for (let task = await this.claim(); task; task = await this.claim()) {
      if (['push', 'settlePush'].includes(task.method)) await runTask(this.app, taskHandlers, task)
      await this.deliverAll()
    }
  }

  async row(alias: string) {
    const [row] = await this.app.db.select().from(update).where(eq(update.alias, alias))
    if (!row) throw new Error(`${alias} is gone`)
    return row
  }

  async task(id: number): Promise<TaskRow> {
    const { task } = await import('../../db/schema/tasks.ts')
    const [row] = await this.app.db.select().from(task).where(eq(task.id, id))
    if (!row) throw new Error(`task ${id} is gone`)
    return row
  }

  /** File names and advisories that a repository's metadata names, as a client without a metalink reads it. */
  async read(
    row: RepositoryRow,
  ): Promise<{ repomd: string; packages: string[]; advisories: Map<string, string[]> }> {
    const top = dataPath(this.app.config, 'pub', row.path)
    const repomd = await readFile(join(top, 'repodata/repomd.xml'), 'utf8')
    const text = async (kind: string) => {
      const [, href] = new RegExp(`href="repodata/([^"]*${kind}[^"]*)"`).exec(repomd) ?? []
      return href ? gunzipSync(await readFile(join(top, 'repodata', href))).toString('utf8') : ''
    }
    const primary = await text('primary')
    const packages = Array.from(
      primary.matchAll(/<location href="Packages\/.\/([^"]+)"/g),
      ([, name = '']) => name,
    )
    for (const name of packages) await readFile(join(top, packageHref(name)))
    const advisories = new Map<string, string[]>()
    for (const [, body = ''] of (await text('updateinfo')).matchAll(
      /<update ([\s\S]*?)<\/update>/g,
    )) {
      const [, id = ''] = /<id>([^<]+)<\/id>/.exec(body) ?? []
      advisories.set(
        id,
        Array.from(body.matchAll(/<filename>([^<]+)</g), ([, name = '']) => name).sort(),
      )
    }
    return { repomd, packages: packages.sort(), advisories }
  }

  /**
   * What the database, the tree and what clients are told say of some updates, each in its own words.
   * @throws Error (by expect) where they do not say the same
   */
  async oneStory(
    aliases: string[],
    expect: (value: unknown, message?: string) => { toEqual(other: unknown): void },
  ): Promise<void> {
    const { app } = this
    const tags = releaseTags(RELEASE)
    const rows = await listRepositories(app.db, RELEASE)
    const binary = (stage: string) =>
      rows.filter(
        (each) => each.stage === stage && each.arch !== 'src' && each.path.includes('AppStream'),
      )
    for (const row of rows) {
      const [, sha256 = ''] = (
        await readlink(join(dataPath(app.config, 'pub', row.path), 'repodata'))
      ).split('/')
      const { repomd } = await this.read(row)
      expect(
        createHash('sha256').update(repomd).digest('hex'),
        `${row.path}: folder and file`,
      ).toEqual(sha256)
      const told = await metalink(ctxOf(app), row.name, row.arch)
      expect(
        told.slice(0, told.indexOf('alternates')).includes(sha256),
        `${row.path}: metalink and tree`,
      ).toEqual(true)
    }
    const tagged = new Map<string, Set<string>>()
    for (const tag of [tags.candidate, tags.testing, tags.stable])
      tagged.set(tag, new Set((await taggedBuilds(app.db, tag)).map((each) => each.nvr)))
    const issued = await advisoriesOf(app.db, aliases)
    const events = await app.db.select().from(event).where(eq(event.type, 'update.pushed'))
    for (const alias of aliases) {
      const row = await this.row(alias)
      const [build] = (await buildsOfUpdates(app.db, [row.id])).map((each) => each.build)
      const nvr = build?.nvr ?? ''
      const is = (tag: string) => tagged.get(tag)?.has(nvr) ?? false
      const where = { testing: is(tags.testing), stable: is(tags.stable) }
      expect(where, `${alias} ${row.status}: tags`).toEqual({
        testing: row.status === 'testing',
        stable: row.status === 'stable',
      })
      const advisory = issued.get(alias)
      expect(advisory !== undefined, `${alias} ${row.status}: advisory`).toEqual(
        row.status === 'stable',
      )
      const pushed = events.filter(
        (each) => each.subject === `update:${alias}` && each.payload.status === 'stable',
      )
      expect(pushed.length, `${alias} ${row.status}: letters`).toEqual(
        row.status === 'stable' ? 1 : 0,
      )
      for (const stage of ['stable', 'testing'] as const)
        for (const repository of binary(stage)) {
          const { packages, advisories } = await this.read(repository)
          const file = `${nvr}.noarch.rpm`
          // What was taken out of testing by its status leaves the tree with the next push.
          if (stage === 'testing' && ['obsolete', 'unpushed'].includes(row.status)) continue
          expect(packages.includes(file), `${alias} ${row.status}: ${repository.path}`).toEqual(
            row.status === stage,
          )
          const name = stage === 'stable' ? (advisory?.number ?? '') : alias
          expect(
            advisories.get(name) ?? [],
            `${alias} ${row.status}: updateinfo of ${repository.path}`,
          ).toEqual(row.status === stage ? [file] : [])
        }
    }
  }
}
