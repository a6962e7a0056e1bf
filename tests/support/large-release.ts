/** A release of a real distribution's size, by rows and files, for benches and soaks. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { build, pkg, rpm, tag, tag_build, tag_change } from '../../db/schema/builds.ts'
import { advisory, advisory_reservation } from '../../db/schema/errata.ts'
import { update, update_build } from '../../db/schema/updates.ts'
import { buildState, releaseTags } from '../../src/builds/build.ts'
import { chunks } from '../../src/kernel/chunks.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { storedPath } from '../../src/repos/store.ts'
import { RELEASE } from './builds.ts'
import type { RpmTemplate } from './many-rpms.ts'
import type { TestApp } from './test-app.ts'

export interface Size {
  sources: number
  /** Packages of each source. */
  binaries: number
  /** How many of the sources went stable by an update with an advisory. */
  advisories: number
}

/** Fills the stable tag. @param first number of the first source; names follow from it */
export async function fillStable(
  app: TestApp,
  template: RpmTemplate,
  size: Size,
  first = 1,
): Promise<void> {
  const [stable] = (await app.db.select().from(tag)).filter(
    (each) => each.name === releaseTags(RELEASE).stable,
  )
  if (!stable) throw new Error('no stable tag')
  const numbers = Array.from({ length: size.sources }, (_, at) => first + at)
  for (const part of chunks(numbers, 100)) {
    const rows = part.map((number) => sourceOf(app, template, number, size.binaries))
    const at = app.clock.now()
    await transaction({ app }, async (tx) => {
      await tx.insert(pkg).values(rows.map(({ name }) => ({ name, created_at: at })))
      const packages = new Map((await tx.select().from(pkg)).map((each) => [each.name, each.id]))
      const builds = await tx
        .insert(build)
        .values(
          rows.map(({ name, nvr }) => ({
            ...{
              package_id: packages.get(name) ?? 0,
              name,
              nvr,
              epoch: 0,
              version: '1',
              release: '1',
            },
            ...{ state: buildState.COMPLETE, task_id: 0, target: RELEASE, source: 'bench' },
            ...{ created_at: at, completed_at: at },
          })),
        )
        .returning()
      const idOf = new Map(builds.map((each) => [each.nvr, each]))
      const files = rows.flatMap(({ nvr, rpms }) =>
        rpms.map((each) => ({ ...each, build_id: idOf.get(nvr)?.id ?? 0, created_at: at })),
      )
      for (const some of chunks(files)) await tx.insert(rpm).values(some)
      const changes = await tx
        .insert(tag_change)
        .values(
          builds.map(({ id }) => ({
            tag_id: stable.id,
            build_id: id,
            action: 'add' as const,
            actor: 'bench',
            at,
            push_id: 0,
          })),
        )
        .returning()
      await tx.insert(tag_build).values(
        builds.map(({ id, package_id }, n) => ({
          ...{ tag_id: stable.id, build_id: id, package_id, added_by_change: changes[n]?.id ?? 0 },
        })),
      )
      const advised = builds.filter((each) => Number(each.name.slice(1)) - first < size.advisories)
      await addUpdates(app, tx, advised)
    })
  }
}

function sourceOf(app: TestApp, template: RpmTemplate, number: number, binaries: number) {
  const name = `s${String(number).padStart(6, '0')}`
  const rpms = Array.from({ length: binaries }, (_, at) => {
    const file = template.one(number * binaries + at)
    const path = storedPath(app, { filename: file.filename, unsigned_sha256: file.sha256 })
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, file.bytes)
    return {
      ...{
        filename: file.filename,
        name: file.name,
        epoch: 0,
        version: '1',
        release: '1',
        arch: 'noarch',
      },
      ...{ sha256: file.sha256, unsigned_sha256: file.sha256, size_bytes: file.bytes.length },
    }
  })
  return { name, nvr: `${name}-1-1`, rpms }
}

type Tx = Parameters<Parameters<typeof transaction>[1]>[0]

let sequence = 0

/** Each of these builds went out by an update of its own. */
async function addUpdates(
  app: TestApp,
  tx: Tx,
  builds: (typeof build.$inferSelect)[],
): Promise<void> {
  if (builds.length === 0) return
  const at = app.clock.now()
  const common = {
    ...{
      release: RELEASE,
      notes: 'n',
      type: 'bugfix' as const,
      severity: 'low' as const,
      status: 'stable' as const,
    },
    ...{
      submitter_id: 1,
      submitter: 'packer',
      stable_karma: 3,
      unstable_karma: -3,
      autokarma: true,
      autotime: true,
    },
    ...{
      require_bugs: false,
      require_testcases: false,
      critical: false,
      created_at: at,
      modified_at: at,
      stable_at: at,
    },
  }
  const aliasOf = (name: string) => `KEEL-2026-${name.slice(1).padStart(10, '0')}`
  const updates = await tx
    .insert(update)
    .values(builds.map(({ name, nvr }) => ({ ...common, alias: aliasOf(name), title: nvr })))
    .returning()
  await tx.insert(update_build).values(
    builds.map(({ id, nvr, name }, n) => ({
      update_id: updates[n]?.id ?? 0,
      build_id: id,
      nvr,
      package: name,
    })),
  )
  const numbered = builds.map(({ id, name, nvr }) => ({ id, name, nvr, sequence: ++sequence }))
  await tx.insert(advisory_reservation).values(
    numbered.map(({ name, sequence: n }) => ({
      update_alias: aliasOf(name),
      year: 2026,
      sequence: n,
    })),
  )
  await tx.insert(advisory).values(
    numbered.map(({ id, name, nvr, sequence: n }) => ({
      ...{
        number: `KLBA-2026:${String(n).padStart(4, '0')}`,
        year: 2026,
        sequence: n,
        update_alias: aliasOf(name),
      },
      ...{
        release: RELEASE,
        type: 'bugfix' as const,
        severity: 'low',
        title: nvr,
        summary: nvr,
        description: 'n',
      },
      ...{ references: [], build_ids: [id], issued_at: at, updated_at: at },
    })),
  )
}
