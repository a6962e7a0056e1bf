/** Uploads of people: how much one may keep here, and how long. */
import { utimes } from 'node:fs/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { person } from '../../db/schema/accounts.ts'
import { source_upload } from '../../db/schema/builds.ts'
import { takeUploadedSource } from '../../src/builds/sources.ts'
import { purgeSources, takeUpload } from '../../src/builds/uploads.ts'
import { blobPath, hasBlob } from '../../src/kernel/blobs.ts'
import { DAY_MS } from '../../src/kernel/clock.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { createTask } from '../../src/tasks/tasks.ts'
import { ctxOf, personActor, type TestApp, testApp } from '../support/test-app.ts'

const MIB = 1024 ** 2

let app: TestApp
beforeEach(async () => {
  app = await testApp({ env: { SLIPWAY_UPLOAD_QUOTA_MIB: '2' } })
  await transaction(ctxOf(app), (tx) =>
    tx.insert(person).values(
      [1, 2].map((id) => ({
        ...{ id, username: `packer${id}`, email: `${id}@example.org` },
        ...{ password_hash: '', created_at: 0 },
      })),
    ),
  )
})
afterEach(() => app.end())

const packager = (id: number) => ctxOf(app, personActor(id, `packer${id}`, ['member', 'packager']))

async function* bytesOf(size_bytes: number, mark: number) {
  for (let left = size_bytes; left > 0; left -= MIB / 4)
    yield Buffer.alloc(Math.min(left, MIB / 4), mark)
}
const upload = (id: number, size_bytes: number, mark = id, said = true) =>
  takeUpload(packager(id), bytesOf(size_bytes, mark), said ? { size_bytes } : {})
const refused = { code: 'upload.quota' }

it('are bounded by person, whether or not their size is announced', async () => {
  await upload(1, 1.5 * MIB)
  await expect(upload(1, MIB)).rejects.toMatchObject({
    ...refused,
    details: { params: { left_mib: 0 } },
  })
  await expect(upload(1, MIB, 1, false)).rejects.toMatchObject(refused)
  await upload(2, MIB)
  await upload(1, MIB / 2, 9)
  await expect(upload(1, 1, 8)).rejects.toMatchObject(refused)
  expect(await app.db.$count(source_upload)).toBe(3)
})

it('of which several come at once are bounded together', async () => {
  const ends = await Promise.allSettled([1, 2, 3, 4].map((mark) => upload(1, MIB, mark, false)))
  expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(2)
})

it('are for packagers', async () => {
  const member = ctxOf(app, personActor(3, 'ann'))
  await expect(takeUpload(member, bytesOf(1, 1), {})).rejects.toMatchObject({
    code: 'account.forbidden',
  })
})

it('are forgotten after a month, but for those that a build still needs', async () => {
  const [needed, idle] = [await upload(1, MIB, 1), await upload(1, MIB / 2, 2)]
  await transaction(ctxOf(app), (tx) =>
    createTask(tx, ctxOf(app), {
      ...{ method: 'build', label: 'x' },
      payload: { source: { kind: 'srpm', filename: 'x-1-1.src.rpm', ...needed } },
    }),
  )
  const age = async (days: number) => {
    const at = new Date(app.clock.now() - days * DAY_MS)
    for (const { sha256 } of [needed, idle])
      await utimes(blobPath(app.config, 'sources', sha256), at, at)
    await purgeSources(ctxOf(app))
    const there = [needed, idle].map(({ sha256 }) => hasBlob(app.config, 'sources', sha256))
    return Promise.all(there)
  }
  expect(await age(29)).toEqual([true, true])
  expect(await age(31)).toEqual([true, false])
  await upload(1, MIB, 7)
})

it('are as new from when a build names them again, for a purge that began before', async () => {
  const blob = await upload(1, 1000, 3)
  const path = blobPath(app.config, 'sources', blob.sha256)
  const long_ago = new Date(app.clock.now() - 31 * DAY_MS)
  await utimes(path, long_ago, long_ago)
  // These bytes are no package, which is found out when they are there.
  const named = takeUploadedSource(app, { filename: 'x-1-1.src.rpm', ...blob })
  await expect(named).rejects.toMatchObject({ details: { field: 'file' } })
  await purgeSources(ctxOf(app))
  expect(await hasBlob(app.config, 'sources', blob.sha256)).toBe(true)
})
