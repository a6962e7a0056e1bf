/** Groups: who may ask, who decides, what stays on record, and that a role is a membership. */
import { and, eq } from 'drizzle-orm'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { group_member, group_request, people_group } from '../../db/schema/accounts.ts'
import { grantRole } from '../../src/accounts/admins.ts'
import {
  asksAgainst,
  departureReasons,
  groupFaults,
  groupNameFaults,
} from '../../src/accounts/group.ts'
import { createGroup, editGroup, syncGroups, viewGroup } from '../../src/accounts/groups.ts'
import { askToJoin, decideAsk } from '../../src/accounts/joins.ts'
import { addMember, leaveGroup, removeMember, setSponsor } from '../../src/accounts/memberships.ts'
import { findProfile } from '../../src/accounts/people.ts'
import { personByUsername } from '../../src/accounts/queries.ts'
import { auditOfSubject } from '../../src/kernel/audit.ts'
import { DAY_MS } from '../../src/kernel/clock.ts'
import type { Role } from '../../src/kernel/context.ts'
import { PortalError } from '../../src/kernel/errors.ts'
import { ctxOf, personActor, type TestApp, testApp } from '../support/test-app.ts'
import { type Browser, join, letters } from './support.ts'

let app: TestApp
beforeEach(async () => {
  app = await testApp()
  await syncGroups(ctxOf(app))
})
afterEach(() => app.end())

const system = () => ctxOf(app)
const as = async (username: string, roles: Role[] = ['member']) => {
  const row = await personByUsername(app.db, username)
  if (!row) throw new Error(`nobody is called ${username}`)
  return ctxOf(app, personActor(row.id, username, roles))
}
const refusal = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error) => (error instanceof PortalError ? error : Promise.reject(error)),
  )
/** Error code, or the code of its first reason where a rule refused. */
const code = async (work: Promise<unknown>) => {
  const error = await refusal(work)
  return error?.details.reasons?.[0]?.code ?? error?.code
}
const namesIn = async (group: string) =>
  (await viewGroup(system(), group)).members.map(({ username }) => username)
const make = (name: string) =>
  createGroup(system(), { name, title: name, description: 'For a test.' })

/** A sponsor of the testers, by the operator. */
async function sponsor(username = 'spencer'): Promise<Browser> {
  const browser = await join(app, username)
  const change = { group: 'testers', username, reason: 'began it' }
  await addMember(system(), change)
  await setSponsor(system(), { ...change, sponsor: true })
  return browser
}

describe('the rules', () => {
  it('name the field and what to do', () => {
    for (const good of ['docs', 'qa-team', 'arch64']) expect(groupNameFaults(good)).toEqual([])
    for (const bad of ['', 'a', 'Docs', 'qa-', '-qa', '6502', 'a b', 'x'.repeat(41)])
      expect(groupNameFaults(bad)[0]?.code).toBe('group.name')
    const fields = (title: string, description: string) =>
      groupFaults({ title, description }).map(({ field }) => field)
    expect(fields('Docs', 'Write them.')).toEqual([])
    expect(fields(' ', 'x'.repeat(1001))).toEqual(['title', 'description'])
  })

  it('let nobody ask twice, and keep the last administrator', () => {
    expect(asksAgainst({ member: false, asked: false })).toEqual([])
    expect(asksAgainst({ member: true, asked: true })[0]?.code).toBe('group.member-already')
    expect(asksAgainst({ member: false, asked: true })[0]?.code).toBe('group.asked-already')
    expect(departureReasons({ role: 'admin', members: 1 })[0]?.code).toBe('role.last-admin')
    expect(departureReasons({ role: 'admin', members: 2 })).toEqual([])
    expect(departureReasons({ role: 'packager', members: 1 })).toEqual([])
  })
})

describe('joining', () => {
  it('is asked for with a reason, decided by a sponsor with one, and told by mail', async () => {
    const spencer = await sponsor()
    const marie = await join(app, 'marie')
    const before = (await letters(app)).length
    const asked = await marie.post('/groups/testers/ask', {
      form: 'ask',
      reason: 'I test kernels.',
    })
    expect(asked).toMatchObject({
      status: 303,
      to: '/groups/testers#join',
      flash: { kind: 'done' },
    })
    const [request] = (await viewGroup(await as('spencer'), 'testers')).requests
    const path = `/groups/testers/requests/${request?.request.id}/accept`
    const accepted = await spencer.post(path, { reason: 'Good reports.' })
    expect(accepted.flash?.kind).toBe('done')
    const [, , ...sent] = (await letters(app)).slice(before - 2)
    expect(sent.map(({ to, subject }) => [to, subject])).toEqual([
      ['spencer@example.org', 'marie asks to join Testers at Keel Linux'],
      ['marie@example.org', 'You are in Testers at Keel Linux'],
    ])
    expect(sent[0]?.body).toContain('I test kernels.')
    expect(sent[1]?.body).toContain('Good reports.')
    const { groups } = await findProfile(system(), 'marie')
    expect(groups).toEqual([
      {
        ...{ name: 'testers', title: 'Testers', sponsor: false },
        ...{ since: app.clock.now(), sponsored_by: 'person:spencer' },
      },
    ])
    const actions = (await auditOfSubject(app.db, 'group:testers')).map(({ action }) => action)
    expect(actions.slice(0, 2)).toEqual(['group.joined', 'group.asked'])
  })

  it('can be declined, taken back and asked for again', async () => {
    await sponsor()
    const marie = await join(app, 'marie')
    const ask = () => marie.json('POST', '/api/groups/testers/requests', { reason: 'please' })
    expect((await ask()).status).toBe(201)
    const twice = await ask()
    expect(twice.status).toBe(409)
    expect(await twice.json()).toMatchObject({ reasons: [{ code: 'group.asked-already' }] })
    expect((await marie.post('/groups/testers/withdraw')).flash?.kind).toBe('done')
    expect((await marie.post('/groups/testers/withdraw')).flash?.kind).toBe('error')
    const { id } = await (await ask()).json()
    const no = { group: 'testers', id, decision: 'declined' as const, reason: 'Say more.' }
    await decideAsk(await as('spencer'), no)
    const own = await (await marie.get('/api/groups/testers')).json()
    expect(own.own_request).toMatchObject({ state: 'declined', decision_reason: 'Say more.' })
    expect(own.requests).toEqual([])
    expect((await ask()).status).toBe(201)
    expect(await namesIn('testers')).toEqual(['spencer'])
  })

  it('is decided once, by whom it belongs to, and with a reason', async () => {
    await sponsor()
    await join(app, 'marie')
    await join(app, 'other')
    await addMember(system(), { group: 'testers', username: 'other', reason: 'a member only' })
    const { id } = await askToJoin(await as('marie'), { group: 'testers', reason: 'please' })
    const decide = async (who: string, change = {}, roles: Role[] = ['member']) => {
      const input = { group: 'testers', id, decision: 'accepted' as const, reason: 'yes' }
      return code(decideAsk(await as(who, roles), { ...input, ...change }))
    }
    expect(await decide('marie')).toBe('group.not-sponsor')
    expect(await decide('other')).toBe('group.not-sponsor')
    expect(
      await code(
        decideAsk(ctxOf(app, { kind: 'anonymous' }), {
          ...{ group: 'testers', id, decision: 'accepted', reason: 'yes' },
        }),
      ),
    ).toBe('account.log-in-needed')
    expect(await decide('spencer', { reason: ' ' })).toBe('group.reason')
    expect(await decide('spencer', { id: id + 1 })).toBe('not-found')
    // A sponsor of one group is none of another, whose request has another number.
    expect(await decide('spencer', { group: 'docs' })).toBe('group.not-sponsor')
    const narrow = { ...(await as('spencer')).actor, scopes: ['read' as const, 'vote' as const] }
    const token = ctxOf(app, narrow as ReturnType<typeof personActor>)
    const input = { group: 'testers', id, decision: 'accepted' as const, reason: 'yes' }
    expect(await code(decideAsk(token, input))).toBe('account.scope-missing')
    expect((await viewGroup(token, 'testers')).requests).toEqual([])
    expect((await viewGroup(await as('marie'), 'testers')).requests).toEqual([])
    expect((await viewGroup(await as('spencer'), 'testers')).requests).toHaveLength(1)
    const both = await Promise.all([decide('spencer'), decide('spencer', { decision: 'declined' })])
    expect(both.filter((each) => each === undefined)).toHaveLength(1)
    expect(both.filter((each) => each === 'group.decided-already')).toHaveLength(1)
    expect(await decide('other', {}, ['member', 'admin'])).toBe('group.decided-already')
  })

  it('wants an account and a reason, and is not asked for by those inside, nor without end', async () => {
    await sponsor()
    await join(app, 'marie')
    const anonymous = ctxOf(app, { kind: 'anonymous' })
    const input = { group: 'testers', reason: 'please' }
    expect(await code(askToJoin(anonymous, input))).toBe('account.log-in-needed')
    expect(
      (await refusal(askToJoin(await as('marie'), { ...input, reason: '' })))?.details.field,
    ).toBe('reason')
    const long = { ...input, reason: 'x'.repeat(1001) }
    expect(await code(askToJoin(await as('marie'), long))).toBe('group.reason')
    expect(await code(askToJoin(await as('marie'), { ...input, group: 'none' }))).toBe('not-found')
    expect(await code(askToJoin(await as('spencer'), input))).toBe('group.member-already')
    const [marie] = [await as('marie')]
    const tries = []
    for (let n = 0; n < 10; n++) tries.push(await code(askToJoin(marie, input)))
    expect(tries[0]).toBeUndefined()
    expect(tries[1]).toBe('group.asked-already')
    expect(tries.at(-1)).toBe('rate.limited')
  })

  it('makes one request of two that come at once', async () => {
    await sponsor()
    await join(app, 'marie')
    const marie = await as('marie')
    const ask = () => code(askToJoin(marie, { group: 'testers', reason: 'please' }))
    const answers = await Promise.all([ask(), ask(), ask()])
    expect(answers.filter((each) => each === undefined)).toHaveLength(1)
    const open = await app.db.select().from(group_request).where(eq(group_request.state, 'open'))
    expect(open).toHaveLength(1)
  })

  it('of a group without sponsors is for the administrators to hear of', async () => {
    await join(app, 'wharf')
    await grantRole(system(), { username: 'wharf', role: 'admin', reason: 'runs the host' })
    await join(app, 'marie')
    await askToJoin(await as('marie'), { group: 'docs', reason: 'I write.' })
    expect((await letters(app)).at(-1)).toMatchObject({ to: 'wharf@example.org' })
  })
})

describe('members', () => {
  it('are added and removed by sponsors, and stay on record when they are gone', async () => {
    await sponsor()
    await join(app, 'marie')
    const change = { group: 'testers', username: 'marie', reason: 'helps' }
    const { id } = await askToJoin(await as('marie'), { group: 'testers', reason: 'please' })
    await addMember(await as('spencer'), change)
    const [request] = await app.db.select().from(group_request).where(eq(group_request.id, id))
    expect(request?.state).toBe('accepted')
    expect(await code(addMember(await as('spencer'), change))).toBe('group.member-already')
    app.clock.advance(DAY_MS)
    await removeMember(await as('spencer'), { ...change, reason: 'asked for it' })
    expect(await code(removeMember(await as('spencer'), change))).toBe('group.not-member')
    expect((await letters(app)).at(-1)?.body).toContain('asked for it')
    app.clock.advance(DAY_MS)
    await addMember(await as('spencer'), { ...change, reason: 'came back' })
    const { members, earlier } = await viewGroup(system(), 'testers')
    expect(members.map(({ username }) => username)).toEqual(['marie', 'spencer'])
    expect(earlier).toHaveLength(1)
    expect(earlier[0]?.member).toMatchObject({
      ...{ sponsored_by: 'person:spencer', left_by: 'person:spencer' },
      left_at: app.clock.now() - DAY_MS,
    })
  })

  it('leave as they like, sponsors among them, but not from where they are not', async () => {
    const spencer = await sponsor()
    expect((await spencer.post('/groups/testers/leave', { reason: '' })).flash?.kind).toBe('done')
    const again = await spencer.post('/groups/testers/leave', { reason: '' })
    expect(again.flash).toMatchObject({ kind: 'error', field: 'username' })
    const own = eq(group_member.left_by, 'person:spencer')
    const [row] = await app.db.select().from(group_member).where(own)
    expect(row).toMatchObject({ sponsor_since: null, left_at: app.clock.now() })
    const add = { group: 'testers', username: 'spencer', reason: 'again' }
    expect(await code(addMember(await as('spencer'), add))).toBe('group.not-sponsor')
  })

  it('are made sponsors by administrators only, and only when they are inside', async () => {
    await sponsor()
    await join(app, 'marie')
    const change = { group: 'testers', username: 'marie', reason: 'trusted', sponsor: true }
    expect(await code(setSponsor(system(), change))).toBe('group.not-member')
    await addMember(system(), change)
    expect(await code(setSponsor(await as('spencer'), change))).toBe('account.forbidden')
    await setSponsor(system(), change)
    await removeMember(await as('marie'), { ...change, username: 'spencer', reason: 'inactive' })
    await setSponsor(system(), { ...change, sponsor: false })
    const add = { group: 'testers', username: 'spencer', reason: 'again' }
    expect(await code(addMember(await as('marie'), add))).toBe('group.not-sponsor')
  })

  it('name somebody who is here and verified', async () => {
    const change = { group: 'testers', username: 'nobody', reason: 'why not' }
    expect((await refusal(addMember(system(), change)))?.details.field).toBe('username')
  })
})

describe('a role', () => {
  it('is held as long as one is in its group, at the next request', async () => {
    const marie = await join(app, 'marie')
    const roles = async () => (await (await marie.get('/api/account/me')).json()).roles
    await addMember(system(), { group: 'packagers', username: 'marie', reason: 'builds' })
    expect(await roles()).toEqual(['packager', 'member'])
    await leaveGroup(await as('marie'), 'packagers')
    expect(await roles()).toEqual(['member'])
    await grantRole(system(), { username: 'marie', role: 'packager', reason: 'again' })
    await grantRole(system(), { username: 'marie', role: 'packager', reason: 'twice is once' })
    expect(await namesIn('packagers')).toEqual(['marie'])
    expect((await findProfile(system(), 'marie')).groups[0]?.sponsored_by).toBe('system:test')
  })

  it('is given by a sponsor of its group, too, who is no administrator', async () => {
    await join(app, 'spencer')
    await join(app, 'marie')
    const change = { group: 'packagers', username: 'spencer', reason: 'began it' }
    await addMember(system(), change)
    await setSponsor(system(), { ...change, sponsor: true })
    await addMember(await as('spencer'), { ...change, username: 'marie' })
    expect((await findProfile(system(), 'marie')).roles).toEqual(['packager', 'member'])
    const admin = { group: 'administrators', username: 'spencer', reason: 'why not' }
    expect(await code(addMember(await as('spencer'), admin))).toBe('group.not-sponsor')
  })

  it('of the last administrator stays, though two go at once', async () => {
    for (const username of ['wharf', 'quay1']) {
      await join(app, username)
      await grantRole(system(), { username, role: 'admin', reason: 'runs the host' })
    }
    const leave = async (who: string) =>
      code(leaveGroup(await as(who, ['member', 'admin']), 'administrators'))
    const answers = await Promise.all([leave('wharf'), leave('quay1')])
    expect(answers.toSorted()).toEqual(['role.last-admin', undefined])
    expect(await namesIn('administrators')).toHaveLength(1)
  })
})

describe('a group', () => {
  it('is made and changed by administrators, each fault with its field', async () => {
    await join(app, 'marie')
    const input = { name: 'lamps', title: 'Lamps', description: 'Keep the lamps lit.' }
    expect(await code(createGroup(await as('marie'), input))).toBe('account.forbidden')
    const admin = await as('marie', ['member', 'admin'])
    const field = async (change: object) =>
      (await refusal(createGroup(admin, { ...input, ...change })))?.details.field
    expect(await field({ name: 'Lamps!' })).toBe('name')
    expect(await field({ title: '' })).toBe('title')
    expect(await field({ description: '' })).toBe('description')
    const made = await Promise.all([field({}), field({})])
    expect(made.toSorted()).toEqual(['name', undefined])
    await editGroup(admin, 'lamps', { title: 'Lamp lighters', description: 'At dusk.' })
    expect((await viewGroup(system(), 'lamps')).group.title).toBe('Lamp lighters')
    expect(await code(editGroup(await as('marie'), 'lamps', input))).toBe('account.forbidden')
    expect(await code(editGroup(admin, 'none', input))).toBe('not-found')
  })

  it('of the distribution’s data is made once, and what administrators said of it stays', async () => {
    const titles = async () => {
      const rows = await app.db.select().from(people_group)
      return new Map(rows.map(({ name, title }) => [name, title]))
    }
    const first = await titles()
    expect(first.size).toBe(app.distribution.groups.length)
    const packagers = app.distribution.groups.find(({ name }) => name === 'packagers')
    const [row] = await app.db
      .select()
      .from(people_group)
      .where(and(eq(people_group.name, 'packagers'), eq(people_group.role, 'packager')))
    expect(row?.description).toBe(packagers?.description)
    await editGroup(system(), 'packagers', { title: 'Builders', description: 'Build.' })
    await make('lamps')
    await syncGroups(system())
    expect((await titles()).get('packagers')).toBe('Builders')
    expect((await titles()).size).toBe(first.size + 1)
  })
})
