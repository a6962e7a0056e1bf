/** Who may build and update what: owners, maintainers, first comers, and names that only the team gives. */
import { eq } from 'drizzle-orm'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { build, pkg, rpm } from '../../db/schema/builds.ts'
import { upstream_package } from '../../db/schema/upstream.ts'
import { grantRole } from '../../src/accounts/admins.ts'
import { syncGroups } from '../../src/accounts/groups.ts'
import { addMember, removeMember } from '../../src/accounts/memberships.ts'
import { personByUsername } from '../../src/accounts/queries.ts'
import { buildState } from '../../src/builds/build.ts'
import { type BuildRow, completeBuild, registerBuild } from '../../src/builds/builds.ts'
import { requestBuild } from '../../src/builds/requests.ts'
import { auditOfSubject } from '../../src/kernel/audit.ts'
import type { Role } from '../../src/kernel/context.ts'
import { PortalError } from '../../src/kernel/errors.ts'
import { parseNvr } from '../../src/kernel/evr.ts'
import { must } from '../../src/kernel/must.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { askForPackage, decideAsk, withdrawAsk } from '../../src/packages/asks.ts'
import { acceptBinary, declineBinary, handOverBinary } from '../../src/packages/binaries.ts'
import { givePackage, takePackage } from '../../src/packages/gifts.ts'
import { asksAgainst, binaryAgainst, maintainsAgainst } from '../../src/packages/owner.ts'
import { findPackage } from '../../src/packages/owners.ts'
import { ownersView } from '../../src/packages/views.ts'
import { createTask } from '../../src/tasks/tasks.ts'
import { recordGate, waiveGate } from '../../src/updates/gates.ts'
import { updateInput } from '../../src/updates/input.ts'
import { overrideBuild } from '../../src/updates/overrides.ts'
import { requestUpdate } from '../../src/updates/requests.ts'
import { editUpdate } from '../../src/updates/revisions.ts'
import { createUpdate } from '../../src/updates/updates.ts'
import { type Browser, join, letters } from '../accounts/support.ts'
import { prepareRelease, RELEASE } from '../support/builds.ts'
import { ctxOf, personActor, type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
const people = new Map<string, Browser>()
beforeEach(async () => {
  app = await testApp()
  await prepareRelease(app)
  await syncGroups(ctxOf(app))
  for (const username of ['annika', 'bertil']) {
    people.set(username, await join(app, username))
    await grantRole(ctxOf(app), { username, role: 'packager', reason: 'test' })
  }
})
afterEach(() => app.end())

const system = () => ctxOf(app)
async function as(username: string, roles: Role[] = ['member', 'packager']) {
  const row = await personByUsername(app.db, username)
  return ctxOf(app, personActor(must(row).id, username, roles))
}
const why = 'a test'

/** Code of a refusal's first reason, or its own. */
const code = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error) => {
      if (!(error instanceof PortalError)) throw error
      return error.details.reasons?.[0]?.code ?? error.code
    },
  )

const source = { kind: 'git' as const, url: 'https://git.example/x', ref: 'main' }

/** What the build task does once the source has said its name. @param who null for the portal */
async function register(nvr: string, who: string | null): Promise<BuildRow> {
  const ctx = system()
  const owner = who === null ? undefined : must(await personByUsername(app.db, who)).id
  return transaction(ctx, async (tx) => {
    const asked = { method: 'build', label: nvr, payload: {} }
    const task = await createTask(tx, ctx, {
      ...asked,
      ...(owner !== undefined && { owner_id: owner }),
    })
    return registerBuild(
      tx,
      ctx,
      task,
      { target: RELEASE, source, bootstrap: false },
      {
        ...{ ...must(parseNvr(nvr)), epoch: 0, arches: null, exclude_arches: [], noarch: true },
        ...{ build_requires: [], outputs: [] },
      },
    )
  })
}

/** What the import does with the packages of a build. @param names of binaries, with a version where it is not the build's */
async function complete(row: BuildRow, ...names: string[]): Promise<BuildRow> {
  const rpms = names.map((each) => {
    const parts = parseNvr(each) ?? { name: each, version: row.version, release: row.release }
    const filename = `${parts.name}-${parts.version}-${parts.release}.noarch.rpm`
    const digest = row.id.toString(16).padStart(64, '0')
    return {
      ...{ ...parts, epoch: 0, arch: 'noarch', filename, size_bytes: 1 },
      ...{ sha256: digest, unsigned_sha256: digest },
    }
  })
  return transaction(system(), (tx) =>
    completeBuild(tx, system(), row, rpms, { summary: '', description: '' }),
  )
}

const built = async (nvr: string, who: string | null, ...names: string[]) =>
  complete(await register(nvr, who), ...(names.length > 0 ? names : [must(parseNvr(nvr)).name]))

async function view(name: string, ctx = system()) {
  return ownersView(ctx, must(await findPackage(app.db, name)))
}
const owners = async (name: string) =>
  (await view(name)).owners.map(({ kind, name: who, role }) => `${kind} ${who} ${role}`)

async function ships(name: string): Promise<void> {
  await transaction(system(), (tx) =>
    tx.insert(upstream_package).values({
      ...{ release: RELEASE, repository: 'baseos', name, epoch: 0, version: '1' },
      ...{ rpm_release: '1', requires: [], first_seen_at: 0, changed_at: 0 },
    }),
  )
}

describe('the rules', () => {
  const nobody = { admin: false, role: null }
  it('leave free what nobody ships, and give the rest', () => {
    const facts = { known: false, kept: false, shipped: false }
    const first = (more: object, who: { admin: boolean; role: null | 'maintainer' } = nobody) =>
      maintainsAgainst('x', { ...facts, ...more }, who)[0]?.code
    expect(first({})).toBeUndefined()
    expect(first({ shipped: true })).toBe('package.given-only')
    expect(first({ known: true })).toBe('package.given-only')
    expect(first({ known: true, kept: true })).toBe('package.kept')
    expect(first({ known: true, kept: true }, { admin: false, role: 'maintainer' })).toBeUndefined()
    expect(first({ shipped: true }, { admin: true, role: null })).toBeUndefined()
  })

  it('take no request for what is free, or theirs, or asked for', () => {
    const facts = { known: true, kept: true, shipped: false }
    const asks = (more: object) =>
      asksAgainst('x', { ...facts, role: null, wants: 'maintainer', asked: false, ...more })[0]
        ?.code
    expect(asks({})).toBeUndefined()
    expect(asks({ known: false })).toBe('package.free')
    expect(asks({ known: false, shipped: true })).toBeUndefined()
    expect(asks({ role: 'owner' })).toBe('package.has-already')
    expect(asks({ role: 'maintainer' })).toBe('package.has-already')
    expect(asks({ role: 'maintainer', wants: 'owner' })).toBeUndefined()
    expect(asks({ asked: true })).toBe('package.asked-already')
  })

  it('keep a binary with its source package, and names of other sources for the team', () => {
    const facts = { name: 'libx', holder: null, source_of_another: false }
    expect(binaryAgainst('x', facts, false)).toBeUndefined()
    expect(binaryAgainst('x', { ...facts, holder: 'x' }, false)).toBeUndefined()
    expect(binaryAgainst('x', { ...facts, holder: 'y' }, true)?.code).toBe('build.binary-taken')
    const other = { ...facts, source_of_another: true }
    expect(binaryAgainst('x', other, false)?.code).toBe('build.binary-reserved')
    expect(binaryAgainst('x', other, true)).toBeUndefined()
  })
})

describe('a name', () => {
  it('that nobody ships is for whoever builds it first, and nobody else', async () => {
    await register('novel-1-1', 'annika')
    expect(await owners('novel')).toEqual(['person annika owner'])
    expect(await code(register('novel-2-1', 'bertil'))).toBe('package.kept')
    expect(await code(register('novel-2-1', 'annika'))).toBeUndefined()
  })

  it('goes to one of two who come first at once', async () => {
    const both = await Promise.all(
      ['annika', 'bertil'].map((who, at) => code(register(`novel-${at}-1`, who))),
    )
    expect(both.filter((each) => each === undefined)).toHaveLength(1)
    expect(both).toContain('package.kept')
    expect(await owners('novel')).toHaveLength(1)
  })

  it('that upstream or the distribution ships is given by the team', async () => {
    await ships('bash')
    expect(await code(register('bash-1-1', 'annika'))).toBe('package.given-only')
    expect(await code(register('keel-release-99-1', 'annika'))).toBe('package.given-only')
    const asked = { name: 'bash', role: 'owner' as const, reason: 'I build shells.' }
    const { id } = await askForPackage(await as('annika'), asked)
    await decideAsk(system(), { name: 'bash', id, decision: 'accepted', reason: why })
    expect(await owners('bash')).toEqual(['person annika owner'])
    expect(await code(register('bash-1-1', 'annika'))).toBeUndefined()
  })

  it('that the portal builds itself is the administrators’', async () => {
    await register('keel-release-10-1', null)
    expect(await owners('keel-release')).toEqual(['group administrators owner'])
    await grantRole(system(), { username: 'bertil', role: 'admin', reason: why })
    expect(await code(register('keel-release-10-2', 'bertil'))).toBeUndefined()
  })

  it('is asked for at once where the request says it', async () => {
    await register('novel-1-1', 'annika')
    const bertil = await as('bertil')
    expect(await code(requestBuild(bertil, { package: 'novel' }))).toBe('package.kept')
    const srpm = { filename: 'novel-2-1.src.rpm', sha256: 'a'.repeat(64), size_bytes: 1 }
    expect(await code(requestBuild(bertil, { srpm }))).toBe('package.kept')
  })
})

describe('what is another’s', () => {
  const input = (builds: string[]) =>
    updateInput.parse({ builds, notes: 'n', type: 'bugfix', stable_karma: 2 })

  it('takes no update, edit, request, waiver or override of a stranger', async () => {
    await built('novel-1-1', 'annika')
    await built('other-1-1', 'bertil')
    const [annika, bertil] = [await as('annika'), await as('bertil')]
    expect(await code(createUpdate(bertil, input(['novel-1-1'])))).toBe('package.kept')
    expect(await code(createUpdate(bertil, input(['other-1-1', 'novel-1-1'])))).toBe('package.kept')
    const { alias, revision } = await createUpdate(annika, input(['novel-1-1']))
    expect(await code(editUpdate(bertil, alias, { title: 'mine' }))).toBe('package.kept')
    expect(await code(requestUpdate(bertil, alias, 'unpush'))).toBe('package.kept')
    const gate = { revision, check: 'boot', passed: false, required: true, message: '' }
    await recordGate(system(), alias, gate)
    const waiver = { revision, check: 'boot' }
    expect(await code(waiveGate(bertil, alias, waiver, why))).toBe('package.kept')
    const override = { nvr: 'novel-1-1', notes: why, days: 1 }
    expect(await code(overrideBuild(bertil, override))).toBe('package.kept')
    expect(await code(editUpdate(annika, alias, { builds: ['novel-1-1', 'other-1-1'] }))).toBe(
      'package.kept',
    )
    expect(await code(waiveGate(annika, alias, waiver, why))).toBeUndefined()
    expect(await code(overrideBuild(annika, override))).toBeUndefined()
  })

  it('is open to maintainers, and to members of a group that has it, while they are that', async () => {
    await built('novel-1-1', 'annika')
    const annika = await as('annika')
    const gift = { name: 'novel', role: 'maintainer' as const, reason: why }
    await givePackage(annika, { ...gift, holder: { group: 'testers' } })
    expect(await code(register('novel-2-1', 'bertil'))).toBe('package.kept')
    await addMember(system(), { group: 'testers', username: 'bertil', reason: why })
    expect(await code(register('novel-2-1', 'bertil'))).toBeUndefined()
    const { alias } = await createUpdate(annika, input(['novel-1-1']))
    expect(await code(editUpdate(await as('bertil'), alias, { title: 'ours' }))).toBeUndefined()
    // A maintainer lets in nobody.
    const more = { ...gift, holder: { username: 'bertil' } }
    expect(await code(givePackage(await as('bertil'), more))).toBe('package.owner-only')
    await removeMember(system(), { group: 'testers', username: 'bertil', reason: why })
    expect(await code(register('novel-3-1', 'bertil'))).toBe('package.kept')
  })
})

describe('asking', () => {
  it('is answered by an owner with a reason, told by letter and on record', async () => {
    await register('novel-1-1', 'annika')
    const bertil = must(people.get('bertil'))
    const asked = await bertil.post('/packages/novel/ask', {
      ...{ form: 'ask', role: 'maintainer', reason: 'I use it daily.' },
    })
    expect(asked).toMatchObject({ status: 303, to: '/packages/novel#owners' })
    expect(asked.flash?.kind).toBe('done')
    const again = { name: 'novel', role: 'owner' as const, reason: why }
    expect(await code(askForPackage(await as('bertil'), again))).toBe('package.asked-already')
    const [open] = (await view('novel', await as('annika'))).requests
    expect(open).toMatchObject({ username: 'bertil', request: { reason: 'I use it daily.' } })
    expect((await view('novel', await as('bertil'))).requests).toEqual([])
    const answer = { name: 'novel', id: must(open).request.id, reason: 'Welcome.' }
    expect(await code(decideAsk(await as('bertil'), { ...answer, decision: 'accepted' }))).toBe(
      'package.owner-only',
    )
    const path = `/packages/novel/requests/${open?.request.id}/accept`
    const decided = await must(people.get('annika')).post(path, { reason: 'Welcome.' })
    expect(decided.flash?.kind).toBe('done')
    expect(await owners('novel')).toEqual(['person annika owner', 'person bertil maintainer'])
    expect(await code(decideAsk(system(), { ...answer, decision: 'declined' }))).toBe(
      'package.decided-already',
    )
    const sent = (await letters(app)).slice(-2).map(({ to, subject }) => [to, subject])
    expect(sent).toEqual([
      ['annika@example.org', 'bertil asks for novel at Keel Linux'],
      ['bertil@example.org', 'You look after novel at Keel Linux'],
    ])
    const actions = (await auditOfSubject(app.db, 'package:novel')).map(({ action }) => action)
    expect(actions.slice(0, 2)).toEqual(['package.given', 'package.asked'])
  })

  it('can be declined, taken back, and asked again for more', async () => {
    await register('novel-1-1', 'annika')
    const bertil = await as('bertil')
    const ask = { name: 'novel', role: 'maintainer' as const, reason: why }
    await askForPackage(bertil, ask)
    await withdrawAsk(bertil, 'novel')
    expect(await code(withdrawAsk(bertil, 'novel'))).toBe('package.no-request')
    const { id } = await askForPackage(bertil, ask)
    const annika = await as('annika')
    await decideAsk(annika, { name: 'novel', id, decision: 'declined', reason: 'Not yet.' })
    const own = (await view('novel', bertil)).own.request
    expect(own).toMatchObject({ state: 'declined', decision_reason: 'Not yet.' })
    const second = await askForPackage(bertil, ask)
    await decideAsk(annika, { name: 'novel', id: second.id, decision: 'accepted', reason: why })
    const third = await askForPackage(bertil, { ...ask, role: 'owner' })
    await decideAsk(annika, { name: 'novel', id: third.id, decision: 'accepted', reason: why })
    expect(await owners('novel')).toEqual(['person annika owner', 'person bertil owner'])
  })

  it('for what nobody ships is refused: it is theirs with its first build', async () => {
    const ask = { name: 'brand-new', role: 'owner' as const, reason: why }
    expect(await code(askForPackage(await as('annika'), ask))).toBe('package.free')
    expect(await code(askForPackage(await as('annika'), { ...ask, name: '../x' }))).toBe(
      'package.name',
    )
  })
})

describe('giving and taking', () => {
  it('is for owners; what everybody has put down is the team’s again', async () => {
    await register('novel-1-1', 'annika')
    const annika = await as('annika')
    const holder = { username: 'annika' }
    await takePackage(annika, { name: 'novel', holder, reason: '' })
    expect(await owners('novel')).toEqual([])
    expect(await code(register('novel-2-1', 'annika'))).toBe('package.given-only')
    const gift = { name: 'novel', holder, role: 'owner' as const, reason: why }
    expect(await code(givePackage(annika, gift))).toBe('package.owner-only')
    await givePackage(system(), gift)
    expect(await code(givePackage(system(), gift))).toBe('package.has-already')
    expect(await code(takePackage(await as('bertil'), { ...gift, reason: why }))).toBe(
      'package.owner-only',
    )
    await takePackage(system(), gift)
    expect(await code(takePackage(system(), gift))).toBe('package.has-not')
  })

  it('gives each name once, whoever gives at the same time', async () => {
    const gift = { name: 'fresh', role: 'owner' as const, reason: why }
    const given = await Promise.all(
      ['annika', 'annika', 'bertil'].map((username) =>
        code(givePackage(system(), { ...gift, holder: { username } })),
      ),
    )
    expect(given.filter((each) => each === undefined)).toHaveLength(2)
    expect(await app.db.$count(pkg, eq(pkg.name, 'fresh'))).toBe(1)
  })
})

describe('the API', () => {
  it('asks, gives, takes and hands over, and shows who looks after a package', async () => {
    await built('novel-1-1', 'annika', 'novel', 'novel-tools')
    await built('other-1-1', 'bertil')
    const [annika, bertil] = [must(people.get('annika')), must(people.get('bertil'))]
    const send = async (browser: Browser, method: string, path: string, body?: unknown) => {
      const answer = await browser.json(method, `/api/packages/${path}`, body, {
        Origin: 'http://portal.test',
      })
      const text = await answer.text()
      return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) }
    }
    const asked = await send(bertil, 'POST', 'novel/requests', { reason: why })
    expect(asked).toMatchObject({ status: 201, body: { role: 'maintainer', state: 'open' } })
    const decision = { decision: 'declined', reason: why }
    const path = `novel/requests/${asked.body.id}/decision`
    expect((await send(bertil, 'POST', path, decision)).status).toBe(403)
    expect((await send(annika, 'POST', path, decision)).status).toBe(204)
    const gift = { role: 'owner', reason: why }
    expect((await send(annika, 'PUT', 'novel/people/bertil', gift)).status).toBe(204)
    expect((await send(annika, 'PUT', 'novel/groups/testers', gift)).status).toBe(204)
    expect((await send(annika, 'PUT', 'novel/groups/nobody', gift)).status).toBe(404)
    expect((await send(annika, 'DELETE', 'novel/groups/testers', { reason: why })).status).toBe(204)
    const over = { to: 'other', reason: why }
    const moved = await send(bertil, 'POST', 'novel/binaries/novel-tools/hand-over', over)
    expect(moved).toEqual({ status: 200, body: { state: 'moved' } })
    const shown = await send(annika, 'GET', 'novel')
    expect(shown.body).toMatchObject({
      owners: [
        { person: 'annika', role: 'owner', given_by: 'system:test' },
        { person: 'bertil', role: 'owner', given_by: 'person:annika' },
      ],
      binaries: [{ name: 'novel', offered_to: null }],
    })
  })
})

describe('a binary package', () => {
  it('of another source package fails the build with the reason, and nothing is kept of it', async () => {
    await built('real-1-1', 'annika', 'real', 'real-libs')
    const fake = await register('fake-1-1', 'bertil')
    const error = await complete(fake, 'fake', 'real-libs').catch((failure) => failure)
    expect(error).toMatchObject({
      code: 'build.refused',
      details: {
        reasons: [
          {
            code: 'build.binary-taken',
            params: { binary: 'real-libs', holder: 'real', own: 'fake' },
          },
        ],
      },
    })
    expect(await app.db.$count(rpm, eq(rpm.build_id, fake.id))).toBe(0)
    const [row] = await app.db.select().from(build).where(eq(build.id, fake.id))
    expect(row?.state).toBe(buildState.BUILDING)
    expect((await view('fake')).binaries).toEqual([])
  })

  it('that has the name of another source package needs the team', async () => {
    await ships('bash')
    await register('real-1-1', 'annika')
    for (const name of ['bash', 'real'])
      expect(await code(built(`fake${name}-1-1`, 'bertil', name))).toBe('build.binary-reserved')
    expect(await code(built('bash-compat-1-1', null, 'bash'))).toBeUndefined()
  })

  it('of a version of its own that was not raised fails, and names the build that has the file', async () => {
    await built('novel-1-1', 'annika', 'novel', 'novel-data-7-1')
    const next = await register('novel-1-2', 'annika')
    const error = await complete(next, 'novel', 'novel-data-7-1').catch((failure) => failure)
    expect(error).toMatchObject({
      details: { reasons: [{ code: 'build.file-taken', params: { nvr: 'novel-1-1' } }] },
    })
    expect(await code(complete(next, 'novel', 'novel-data-7-2'))).toBeUndefined()
  })

  it('is claimed by one of two builds that finish at once', async () => {
    const both = [await register('novel-1-1', 'annika'), await register('other-1-1', 'bertil')]
    const ends = await Promise.all(both.map((row) => code(complete(row, row.name, 'shared'))))
    expect(ends.filter((each) => each === undefined)).toHaveLength(1)
    expect(ends).toContain('build.binary-taken')
  })

  it('is handed over by the owners of both, or by the team, on record', async () => {
    await built('old-1-1', 'annika', 'old', 'tools')
    await built('new-1-1', 'bertil')
    const [annika, bertil] = [await as('annika'), await as('bertil')]
    const handed = { binary: 'tools', to: 'new', reason: 'It moved upstream.' }
    expect(await code(handOverBinary(bertil, handed))).toBe('package.owner-only')
    expect(await code(acceptBinary(bertil, handed))).toBe('package.no-offer')
    expect(await handOverBinary(annika, handed)).toBe('offered')
    expect((await letters(app)).at(-1)).toMatchObject({
      ...{ to: 'bertil@example.org', subject: 'tools is offered to new at Keel Linux' },
    })
    expect((await view('new')).offers).toMatchObject([{ holder: 'old', binary: { name: 'tools' } }])
    expect(await code(acceptBinary(annika, handed))).toBe('package.owner-only')
    await declineBinary(bertil, 'tools')
    expect(await code(acceptBinary(bertil, handed))).toBe('package.no-offer')
    await handOverBinary(annika, handed)
    await acceptBinary(bertil, handed)
    expect((await view('new')).binaries.map(({ binary }) => binary.name)).toEqual(['new', 'tools'])
    expect(await code(built('new-2-1', 'bertil', 'new', 'tools'))).toBeUndefined()
    expect(await code(built('old-2-1', 'annika', 'old', 'tools'))).toBe('build.binary-taken')
    expect(await handOverBinary(system(), { ...handed, to: 'old' })).toBe('moved')
    for (const name of ['old', 'new']) {
      const [last] = await auditOfSubject(app.db, `package:${name}`)
      expect(last).toMatchObject({ action: 'package.binary-moved', reason: 'It moved upstream.' })
    }
  })
})
