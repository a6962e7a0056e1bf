/** Which generations of a repository clients may be told of. */
import { expect, it } from 'vitest'
import { generation } from '../../db/schema/repos.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { listRepositories, publishedGenerations } from '../../src/repos/repositories.ts'
import { prepareRelease } from '../support/builds.ts'
import { testApp } from '../support/test-app.ts'

it('finds what is published behind any number of drafts', async () => {
  const app = await testApp()
  try {
    await prepareRelease(app)
    const [row] = await listRepositories(app.db)
    const repository_id = row?.id ?? 0
    const hashes = { md5: 'a', sha1: 'b', sha256: 'c', sha512: 'd' }
    const common = { repository_id, timestamp_s: 1, size_bytes: 2, hashes, files: [] }
    await transaction({ app }, (tx) =>
      tx.insert(generation).values(
        [7, null, null].map((published_at, at) => ({
          ...{ ...common, push_id: at + 1, created_at: at, published_at },
        })),
      ),
    )
    const found = await publishedGenerations(app.db, repository_id, 1)
    expect(found.map(({ published_at }) => published_at)).toEqual([7])
  } finally {
    await app.end()
  }
})
