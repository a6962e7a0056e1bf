/** A newcomer's first updates wait for a sponsor where the policy says so, and only those. */
import { eq } from 'drizzle-orm'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { group_member } from '../../db/schema/accounts.ts'
import { audit_entry, mail } from '../../db/schema/kernel.ts'
import { update } from '../../db/schema/updates.ts'
import { groupOfRole } from '../../src/accounts/group-queries.ts'
import { syncGroups } from '../../src/accounts/groups.ts'
import { addMember } from '../../src/accounts/memberships.ts'
import { personByUsername } from '../../src/accounts/queries.ts'
import { type Ctx, systemCtx } from '../../src/kernel/context.ts'
import { PortalError } from '../../src/kernel/errors.ts'
import { must } from '../../src/kernel/must.ts'
import { deliver } from '../../src/kernel/subscribers.ts'
import { updateInput } from '../../src/updates/input.ts'
import { updateLetters } from '../../src/updates/mails.ts'
import { approveUpdate, mayApprove } from '../../src/updates/newcomers.ts'
import { startPush } from '../../src/updates/pushes.ts'
import { requestUpdate } from '../../src/updates/requests.ts'
import { createUpdate, getUpdate, viewUpdate } from '../../src/updates/updates.ts'
import { castVote } from '../../src/updates/votes.ts'
import { join as signUp } from '../accounts/support.ts'
import { makeBuild, prepareRelease, RELEASE } from '../support/builds.ts'
import { ctxOf, personActor, type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
let system: Ctx
beforeEach(async () => {
  app = await testApp()
  const releases = app.distribution.releases.map((release) => ({
    ...release,
    policy: { ...release.policy, newcomer_updates: 2 },
  }))
  app.distribution = { ...app.distribution, releases }
  system = systemCtx(app, 'test')
  await prepareRelease(app)
  await syncGroups(system)
})
afterEach(() => app.end())

async function packager(username: string, sponsor = false): Promise<Ctx> {
  await signUp(app, username)
  const { id } = must(await personByUsername(app.db, username))
  const group = await groupOfRole(app.db, 'packager')
  await addMember(system, { group: group.name, username, reason: 'a test' })
  if (sponsor)
    await app.database.write((tx) =>
      tx.update(group_member).set({ sponsor_since: 1 }).where(eq(group_member.person_id, id)),
    )
  return ctxOf(app, personActor(id, username, ['member', 'packager']))
}

async function made(ctx: Ctx, name: string) {
  const person = ctx.actor.kind === 'person' ? ctx.actor.id : 0
  await makeBuild(app, `${name}-1-1`, person)
  const input = updateInput.parse({ builds: [`${name}-1-1`], notes: 'n', type: 'bugfix' })
  return createUpdate(ctx, input)
}

/** As a push leaves an update that it took. */
const wasInTesting = (id: number) =>
  app.database.write((tx) =>
    tx.update(update).set({ testing_at: app.clock.now() }).where(eq(update.id, id)),
  )

const code = (doing: Promise<unknown>) =>
  doing.then(
    () => 'done',
    (error) => {
      if (error instanceof PortalError) return error.code
      throw error
    },
  )

it('the first updates of a packager are held, and no push takes them', async () => {
  const nova = await packager('nova-newcomer')
  const { alias, held_at } = await made(nova, 'hello')
  expect(held_at).not.toBeNull()
  const { waits_for } = await viewUpdate(nova, alias)
  expect(waits_for).toEqual([{ code: 'update.held', params: { first: 2 } }])
  expect(await startPush(system, RELEASE)).toBeUndefined()
  await requestUpdate(nova, alias, 'revoke')
  expect(await code(requestUpdate(nova, alias, 'testing'))).toBe('update.refused')
})

it('a sponsor approves one, on record and by letter; nobody else does', async () => {
  const nova = await packager('nova-newcomer')
  const other = await packager('odile-other')
  const sponsor = await packager('sponsor-sam', true)
  const { alias } = await made(nova, 'hello')
  expect(await code(approveUpdate(other, alias))).toBe('group.not-sponsor')
  expect(await code(approveUpdate(nova, alias))).toBe('group.not-sponsor')
  expect(await mayApprove(sponsor, await getUpdate(sponsor, alias))).toBe(true)
  expect(await mayApprove(other, await getUpdate(other, alias))).toBe(false)
  expect(await code(approveUpdate(sponsor, alias))).toBe('done')
  expect(await code(approveUpdate(sponsor, alias))).toBe('update.not-held')
  expect((await viewUpdate(nova, alias)).waits_for).toEqual([])
  expect((await startPush(system, RELEASE))?.fresh).toBe(true)
  const [entry] = await app.db
    .select()
    .from(audit_entry)
    .where(eq(audit_entry.action, 'update.approved'))
  expect(entry).toMatchObject({ actor: 'person:sponsor-sam', subject: `update:${alias}` })
  while ((await deliver(app, updateLetters)) > 0) {
    // On, until all facts are told.
  }
  const letters = await app.db.select().from(mail).orderBy(mail.id)
  const about = letters.filter(({ body }) => body.includes(alias))
  expect(about.map(({ to }) => to.split('@')[0])).toEqual(['sponsor-sam', 'nova-newcomer'])
})

it('one that is held can be voted on', async () => {
  const nova = await packager('nova-newcomer')
  const other = await packager('odile-other')
  const { alias } = await made(nova, 'hello')
  expect(await castVote(other, alias, { karma: 1 })).toBe(1)
})

it('nobody approves their own, and who is trusted is not held', async () => {
  const sponsor = await packager('sponsor-sam', true)
  expect((await made(sponsor, 'hello')).held_at).toBeNull()
  const admin = ctxOf(app, personActor(77, 'boss', ['member', 'packager', 'admin']))
  expect((await made(admin, 'world')).held_at).toBeNull()
  const nova = await packager('nova-newcomer')
  const { alias } = await made(nova, 'other')
  const promoted = ctxOf(
    app,
    personActor(nova.actor.kind === 'person' ? nova.actor.id : 0, 'nova-newcomer', [
      'member',
      'admin',
    ]),
  )
  expect(await code(approveUpdate(promoted, alias))).toBe('update.own-approval')
})

it('after as many in testing as the policy says nothing is held any more', async () => {
  const nova = await packager('nova-newcomer')
  const first = await made(nova, 'first')
  const second = await made(nova, 'second')
  const third = await made(nova, 'third')
  expect([first, second, third].map(({ held_at }) => held_at === null)).toEqual([
    false,
    false,
    false,
  ])
  await wasInTesting(first.id)
  expect((await made(nova, 'fourth')).held_at).not.toBeNull()
  await wasInTesting(second.id)
  expect((await made(nova, 'fifth')).held_at).toBeNull()
  expect((await getUpdate(nova, third.alias)).held_at).not.toBeNull()
})
