/** All that the portal knows of a package, on a migrated database; its page and its JSON show the same. */
import { eq } from 'drizzle-orm'
import { beforeEach, describe, expect, it } from 'vitest'
import { rpm } from '../../db/schema/builds.ts'
import { generation, repository, repository_rpm } from '../../db/schema/repos.ts'
import { issueAdvisories } from '../../src/errata/errata.ts'
import { ensureSigningKey } from '../../src/kernel/signing.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { createPortal } from '../../src/portal.ts'
import { updateInput } from '../../src/updates/input.ts'
import { knownBugs, type NamedBug, newBugUrl } from '../../src/updates/package.ts'
import { packageOverview } from '../../src/updates/packages.ts'
import type { UpdateStatus } from '../../src/updates/update.ts'
import { createUpdate } from '../../src/updates/updates.ts'
import { asPushed, makeBuild, prepareRelease, RELEASE } from '../support/builds.ts'
import { ctxOf, personActor, type TestApp, testApp } from '../support/test-app.ts'

describe('a bug', () => {
  const named = (url: string, alias: string, status: UpdateStatus, title = ''): NamedBug => ({
    bug: { url, number: url.slice(-1), title },
    update: { alias, status },
  })

  it('is as far as the update that goes farthest, whichever is newer', () => {
    const bugs = knownBugs([
      named('bug/1', 'C', 'pending'),
      named('bug/1', 'B', 'stable', 'It sinks'),
      named('bug/1', 'A', 'obsolete'),
      named('bug/2', 'A', 'obsolete'),
    ])
    expect(bugs).toEqual([
      { url: 'bug/1', number: '1', title: 'It sinks', state: 'fixed', update: 'B' },
      { url: 'bug/2', number: '2', title: '', state: 'open', update: 'A' },
    ])
  })

  it('is reported in the tracker, at its form where the distribution names one', () => {
    const tracker = { kind: 'tracker', url: 'https://bugs.example' }
    const form = { ...tracker, new_bug_url: 'https://bugs.example/new?c={package}' }
    expect(newBugUrl([form], 'gtk+')).toBe('https://bugs.example/new?c=gtk%2B')
    expect(newBugUrl([{ kind: 'chat', url: 'https://chat.example' }, tracker], 'a')).toBe(
      'https://bugs.example',
    )
    expect(newBugUrl([], 'a')).toBeUndefined()
  })
})

describe('a package', () => {
  let app: TestApp
  beforeEach(async () => {
    app = await testApp()
    await prepareRelease(app)
    return () => app.end()
  })

  const packager = () => ctxOf(app, personActor(5, 'packer', ['member', 'packager']))
  const propose = async (nvr: string, bug: string) => {
    const input = { builds: [nvr], notes: 'x', type: 'bugfix', bugs: [{ url: bug }] }
    return (await createUpdate(packager(), updateInput.parse(input))).alias
  }
  const stands = async () => {
    const { places } = await packageOverview(ctxOf(app), 'hello')
    return places.map(({ repository: { name, arch }, nvr, reasons }) => [
      ...[name, arch === 'src' ? 'src' : 'binary', nvr, reasons[0]?.code],
    ])
  }

  /** What a push would have switched clients to: the packages of a build in one repository. */
  async function publish(name: string, build_id: number): Promise<void> {
    const rows = await app.db.select().from(repository).where(eq(repository.name, name))
    const rpms = await app.db.select().from(rpm).where(eq(rpm.build_id, build_id))
    await transaction({ app }, async (tx) => {
      for (const row of rows) {
        const [made] = await tx
          .insert(generation)
          .values({
            ...{ repository_id: row.id, timestamp_s: 1, size_bytes: 1, files: [], push_id: 1 },
            hashes: { md5: '', sha1: '', sha256: '', sha512: '' },
            packages: rpms.length,
            ...{ created_at: app.clock.now(), published_at: app.clock.now() },
          })
          .returning()
        const from_generation = made?.id ?? 0
        await tx
          .insert(repository_rpm)
          .values(rpms.map(({ id }) => ({ repository_id: row.id, rpm_id: id, from_generation })))
        await tx
          .update(repository)
          .set({ generation_id: from_generation })
          .where(eq(repository.id, row.id))
      }
    })
  }

  it('is where its builds are published, and elsewhere the reason says why not', async () => {
    const build = await makeBuild(app, 'hello-1-1.kl10', 5)
    const alias = await propose('hello-1-1.kl10', 'https://bugs.example/7')
    await asPushed(app, alias, 'testing')
    const absent = ['appstream-source-10', 'src', undefined, 'place.none-stable']
    expect(await stands()).toEqual([
      ['appstream-10', 'binary', undefined, 'place.none-stable'],
      absent,
      ['appstream-testing-10', 'binary', undefined, 'place.next-push'],
      ['appstream-testing-source-10', 'src', undefined, 'place.no-arch'],
    ])
    await publish('appstream-testing-10', build.id)
    expect((await stands())[2]).toEqual([
      ...['appstream-testing-10', 'binary', 'hello-1-1.kl10', undefined],
    ])
  })

  it('has the advisories of its updates and the bugs that they name', async () => {
    const build = await makeBuild(app, 'hello-1-1.kl10', 5)
    await makeBuild(app, 'other-1-1.kl10', 5)
    const alias = await propose('hello-1-1.kl10', 'https://bugs.example/7')
    const foreign = await propose('other-1-1.kl10', 'https://bugs.example/8')
    await asPushed(app, alias, 'stable')
    await transaction({ app }, async (tx) => {
      const inputs = [alias, foreign].map((update_alias) => ({
        ...{ update_alias, release: RELEASE, type: 'bugfix' as const, severity: 'unspecified' },
        ...{ title: 'x', description: '', references: [], build_ids: [build.id] },
        reboot_suggested: 0,
      }))
      await issueAdvisories(tx, ctxOf(app), inputs, app.clock.now())
    })
    const view = await packageOverview(ctxOf(app), 'hello')
    expect(view.errata.map(({ update_alias }) => update_alias)).toEqual([alias])
    expect(view.bugs).toMatchObject([
      { url: 'https://bugs.example/7', state: 'fixed', update: alias },
    ])
    expect(view.updates.map(({ update }) => update.alias)).toEqual([alias])
  })

  it('is the same as JSON, with its sources and the way to report a bug', async () => {
    await makeBuild(app, 'hello-1-1.kl10', 5)
    const portal = createPortal(app)
    const get = (path: string) => portal.request(`http://portal.test${path}`)
    const said = await (await get('/api/packages/hello')).json()
    expect(said).toMatchObject({
      ...{ name: 'hello', repository: 'appstream', files: [], errata: [], bugs: [] },
      source: { kind: 'git', url: 'https://git.example/x', ref: 'main' },
      new_bug_url: 'https://bugs.keel.example/new?component=hello',
      builds: [{ nvr: 'hello-1-1.kl10' }],
    })
    expect(said.places).toHaveLength(4)
    expect(said.places[0].reasons).toEqual([
      { code: 'place.none-stable', sentence: 'Not here: no build of it is stable.' },
    ])
    expect((await get('/api/packages/none')).status).toBe(404)
  })

  it('of the distribution’s own has its files, templates filled in, and no others', async () => {
    await ensureSigningKey(app)
    const portal = createPortal(app)
    const get = (path: string) => portal.request(`http://portal.test/api/packages${path}`)
    const release = await get('/keel-release/sources/os-release')
    expect(release.headers.get('Content-Type')).toBe('text/plain; charset=utf-8')
    expect(await release.text()).toContain('NAME="Keel Linux"')
    for (const path of [
      '/keel-release/sources/os-release.in',
      '/keel-setup/sources/..%2Fx',
      '/..%2Fbrand/sources/mark.svg',
    ])
      expect((await get(path)).status).toBe(404)
  })
})
