/**
 * Every verb against itself: ten at the same moment, as on a release day or with a finger that presses twice. On
 * PostgreSQL their transactions run side by side. What comes of it is one thing or ten, never in between; and a
 * verb that is in neither list below fails the last test.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { and, count, eq, isNull } from 'drizzle-orm'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { group_member, group_request, people_group, person } from '../../db/schema/accounts.ts'
import { build, tag_build, tag_change } from '../../db/schema/builds.ts'
import { audit_entry, event } from '../../db/schema/kernel.ts'
import { mirror_host } from '../../db/schema/mirrors.ts'
import { package_binary, package_owner, package_request } from '../../db/schema/packages.ts'
import { blocker_vote, package_claim, release_decision } from '../../db/schema/releases.ts'
import { builder, task } from '../../db/schema/tasks.ts'
import { build_override, push, update, update_build, vote } from '../../db/schema/updates.ts'
import { upstream_package } from '../../db/schema/upstream.ts'
import { createGroup, syncGroups } from '../../src/accounts/groups.ts'
import { askToJoin, decideAsk } from '../../src/accounts/joins.ts'
import { addMember, leaveGroup } from '../../src/accounts/memberships.ts'
import { personByUsername } from '../../src/accounts/queries.ts'
import { releaseTags } from '../../src/builds/build.ts'
import { registerBuild } from '../../src/builds/builds.ts'
import { tagBuild, untagBuild } from '../../src/builds/tags.ts'
import type { Ctx } from '../../src/kernel/context.ts'
import { PortalError } from '../../src/kernel/errors.ts'
import { must } from '../../src/kernel/must.ts'
import { root } from '../../src/kernel/paths.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { signUpMirror } from '../../src/mirrors/hosts.ts'
import { askForPackage, decideAsk as decidePackage } from '../../src/packages/asks.ts'
import { handOverBinary } from '../../src/packages/binaries.ts'
import { givePackage, takePackage } from '../../src/packages/gifts.ts'
import { decideBlocker, proposeBlocker, voteBlocker } from '../../src/releases/blockers.ts'
import { claimPackage, releaseClaim } from '../../src/releases/claims.ts'
import { reachMilestone, syncMilestones } from '../../src/releases/milestones.ts'
import { addBuilder, removeBuilder } from '../../src/tasks/builders.ts'
import { claimTask } from '../../src/tasks/leases.ts'
import { cancelTask, createTask } from '../../src/tasks/tasks.ts'
import { updateInput } from '../../src/updates/input.ts'
import { approveUpdate } from '../../src/updates/newcomers.ts'
import { overrideBuild } from '../../src/updates/overrides.ts'
import { startPush } from '../../src/updates/pushes.ts'
import { requestUpdate } from '../../src/updates/requests.ts'
import { editUpdate } from '../../src/updates/revisions.ts'
import { createUpdate } from '../../src/updates/updates.ts'
import { castVote, withdrawVote } from '../../src/updates/votes.ts'
import { join as joinPortal } from '../accounts/support.ts'
import { makeBuild, prepareRelease, RELEASE } from '../support/builds.ts'
import { mirrorData, siteData } from '../support/mirror-world.ts'
import { ctxOf, personActor, type TestApp, testApp } from '../support/test-app.ts'

const TIMES = 10

let app: TestApp
let system: Ctx
let packager: Ctx
beforeEach(async () => {
  app = await testApp()
  await prepareRelease(app)
  system = ctxOf(app)
  packager = ctxOf(app, personActor(1, 'packer', ['member', 'packager']))
  await syncGroups(system)
})
afterEach(() => app.end())

const why = 'a race'
const person_ = (id: number) => ctxOf(app, personActor(id, `person${id}`))

/** How ten ended: codes of refusals, and how many were done. Any other failure fails the test. */
async function atOnce(one: (at: number) => Promise<unknown>) {
  const ends = await Promise.all(
    Array.from({ length: TIMES }, (_, at) =>
      one(at).then(
        () => 'done',
        (error) => {
          if (!(error instanceof PortalError) || error.status >= 500) throw error
          return error.details.reasons?.[0]?.code ?? error.code
        },
      ),
    ),
  )
  return {
    done: ends.filter((each) => each === 'done').length,
    refused: [...new Set(ends.filter((each) => each !== 'done'))].sort(),
  }
}

const ONE = (...refused: string[]) => ({ done: 1, refused })
const ALL = { done: TIMES, refused: [] }
/** How many rows of the audit log an action left. */
const records = (action: string) => app.db.$count(audit_entry, eq(audit_entry.action, action))

const make = (builds: string[]) =>
  createUpdate(packager, updateInput.parse({ builds, notes: 'n', type: 'bugfix' }))

/** A verified person who signed up, as themselves. */
async function signedUp(username: string, ...roles: 'packager'[]): Promise<Ctx> {
  await joinPortal(app, username)
  const { id } = must(await personByUsername(app.db, username))
  return ctxOf(app, personActor(id, username, ['member', ...roles]))
}

const races: Record<string, () => Promise<void>> = {
  async createUpdate() {
    const { id } = await makeBuild(app, 'hello-1-1')
    expect(await atOnce(() => make(['hello-1-1']))).toEqual(ONE('update.build-taken'))
    expect(await app.db.$count(update_build, eq(update_build.build_id, id))).toBe(1)
  },
  async editUpdate() {
    const { id } = await makeBuild(app, 'hello-1-1')
    const aliases: string[] = []
    for (let at = 0; at < TIMES; at++) {
      await makeBuild(app, `other${at}-1-1`)
      aliases.push((await make([`other${at}-1-1`])).alias)
    }
    const edit = (at: number) => editUpdate(packager, aliases[at] ?? '', { builds: ['hello-1-1'] })
    expect(await atOnce(edit)).toEqual(ONE('update.build-taken'))
    expect(await app.db.$count(update_build, eq(update_build.live_build_id, id))).toBe(1)
  },
  async requestUpdate() {
    const { id } = await makeBuild(app, 'hello-1-1')
    const aliases: string[] = []
    for (let at = 0; at < TIMES; at++) {
      const { alias } = await make(['hello-1-1'])
      await requestUpdate(packager, alias, 'unpush')
      aliases.push(alias)
    }
    const again = (at: number) => requestUpdate(packager, aliases[at] ?? '', 'testing')
    expect(await atOnce(again)).toEqual(ONE('update.build-taken'))
    expect(await app.db.$count(update_build, eq(update_build.live_build_id, id))).toBe(1)
  },
  async castVote() {
    await makeBuild(app, 'hello-1-1')
    const { alias } = await make(['hello-1-1'])
    expect(await atOnce(() => castVote(person_(7), alias, { karma: 1 }))).toEqual(ALL)
    expect(await app.db.$count(vote, isNull(vote.withdrawn_at))).toBe(1)
  },
  async withdrawVote() {
    await makeBuild(app, 'hello-1-1')
    const { alias } = await make(['hello-1-1'])
    await castVote(person_(7), alias, { karma: 1 })
    await atOnce(() => withdrawVote(person_(7), alias, 'update'))
    expect(await app.db.$count(vote, isNull(vote.withdrawn_at))).toBe(0)
    expect(await records('update.vote-withdrawn')).toBe(1)
  },
  async overrideBuild() {
    await makeBuild(app, 'hello-1-1')
    const input = { nvr: 'hello-1-1', notes: why, days: 3 }
    expect(await atOnce(() => overrideBuild(packager, input))).toEqual(ALL)
    expect(await app.db.$count(build_override)).toBe(1)
  },
  async startPush() {
    await makeBuild(app, 'hello-1-1')
    await make(['hello-1-1'])
    expect(await atOnce(() => startPush(system, RELEASE))).toEqual(ALL)
    expect(await app.db.$count(push)).toBe(1)
    expect(await app.db.$count(task, eq(task.method, 'push'))).toBe(1)
  },
  async registerBuild() {
    const source = { kind: 'git' as const, url: 'https://git.example/x', ref: 'main' }
    const about = {
      arches: null,
      exclude_arches: [],
      noarch: true,
      build_requires: [],
      outputs: [],
    }
    const one = (at: number) =>
      transaction(system, async (tx) => {
        const row = await createTask(tx, system, { method: 'build', label: `${at}`, payload: {} })
        const nvr = { name: 'hello', version: '1', release: '1', epoch: 0 }
        const payload = { target: RELEASE, source, bootstrap: false }
        return registerBuild(tx, system, row, payload, { ...nvr, ...about })
      })
    expect(await atOnce(one)).toEqual(ONE('build.nvr-exists'))
    expect(await app.db.$count(build)).toBe(1)
    expect(await app.db.$count(package_owner)).toBe(1)
  },
  async tagBuild() {
    const row = await makeBuild(app, 'hello-1-1')
    const tag = releaseTags(RELEASE).override
    const tagged = () => transaction(system, (tx) => tagBuild(tx, system, tag, row))
    expect(await atOnce(tagged)).toEqual(ALL)
    const [found] = await app.db
      .select({ n: count() })
      .from(tag_build)
      .where(and(eq(tag_build.build_id, row.id), isNull(tag_build.removed_by_change)))
    expect(found?.n).toBe(2)
  },
  async untagBuild() {
    const row = await makeBuild(app, 'hello-1-1')
    const tag = releaseTags(RELEASE).candidate
    const untagged = () => transaction(system, (tx) => untagBuild(tx, system, tag, row))
    expect(await atOnce(untagged)).toEqual(ALL)
    expect(await app.db.$count(tag_change, eq(tag_change.action, 'remove'))).toBe(1)
  },
  async claimTask() {
    await transaction(system, (tx) =>
      createTask(tx, system, {
        method: 'x',
        label: 'x',
        payload: {},
        channel: 'c',
        arch: 'noarch',
      }),
    )
    const claims = await Promise.all(
      Array.from({ length: TIMES }, (_, at) =>
        claimTask(app, { name: `worker:${at}`, channels: ['c'], arches: ['noarch'] }),
      ),
    )
    expect(claims.filter(Boolean)).toHaveLength(1)
  },
  async cancelTask() {
    const { id } = await transaction(system, (tx) =>
      createTask(tx, system, { method: 'x', label: 'x', payload: {} }),
    )
    await atOnce(() => cancelTask(system, id))
    expect(await app.db.$count(event, eq(event.type, 'task.ended'))).toBe(1)
  },
  async createGroup() {
    const group = { name: 'divers', title: 'Divers', description: 'They dive.' }
    expect(await atOnce(() => createGroup(system, group))).toEqual(ONE('group.name-taken'))
    expect(await app.db.$count(people_group, eq(people_group.name, 'divers'))).toBe(1)
  },
  async askToJoin() {
    const annika = await signedUp('annika')
    const ask = { group: 'testers', reason: why }
    expect(await atOnce(() => askToJoin(annika, ask))).toEqual(ONE('group.asked-already'))
    expect(await app.db.$count(group_request)).toBe(1)
  },
  async 'joins.decideAsk'() {
    const annika = await signedUp('annika')
    const { id } = await askToJoin(annika, { group: 'testers', reason: why })
    const answer = { group: 'testers', id, decision: 'accepted' as const, reason: why }
    expect(await atOnce(() => decideAsk(system, answer))).toEqual(ONE('group.decided-already'))
    expect(await app.db.$count(group_member, isNull(group_member.left_at))).toBe(1)
  },
  async addMember() {
    await signedUp('annika')
    const change = { group: 'testers', username: 'annika', reason: why }
    expect(await atOnce(() => addMember(system, change))).toEqual(ONE('group.member-already'))
    expect(await app.db.$count(group_member, isNull(group_member.left_at))).toBe(1)
  },
  async leaveGroup() {
    const annika = await signedUp('annika')
    await addMember(system, { group: 'testers', username: 'annika', reason: why })
    expect(await atOnce(() => leaveGroup(annika, 'testers'))).toEqual(ONE('group.not-member'))
    expect(await records('group.left')).toBe(1)
  },
  async signUp() {
    const first = () => joinPortal(app, 'annika').catch(() => undefined)
    await Promise.all(Array.from({ length: 3 }, first))
    expect(await app.db.$count(person, eq(person.username, 'annika'))).toBe(1)
  },
  async askForPackage() {
    const annika = await signedUp('annika', 'packager')
    await makeBuild(app, 'hello-1-1', 99)
    const ask = { name: 'hello', role: 'maintainer' as const, reason: why }
    expect(await atOnce(() => askForPackage(annika, ask))).toEqual(ONE('package.asked-already'))
    expect(await app.db.$count(package_request)).toBe(1)
  },
  async 'asks.decideAsk'() {
    const annika = await signedUp('annika', 'packager')
    await makeBuild(app, 'hello-1-1', 99)
    const ask = { name: 'hello', role: 'maintainer' as const, reason: why }
    const { id } = await askForPackage(annika, ask)
    const answer = { name: 'hello', id, decision: 'accepted' as const, reason: why }
    expect(await atOnce(() => decidePackage(system, answer))).toEqual(
      ONE('package.decided-already'),
    )
    expect(await app.db.$count(package_owner, eq(package_owner.role, 'maintainer'))).toBe(1)
  },
  async givePackage() {
    await signedUp('annika')
    const gift = { holder: { username: 'annika' }, role: 'owner' as const, reason: why }
    expect(await atOnce(() => givePackage(system, { ...gift, name: 'new' }))).toEqual(
      ONE('package.has-already'),
    )
  },
  async takePackage() {
    await signedUp('annika')
    const gift = { name: 'new', holder: { username: 'annika' }, reason: why }
    await givePackage(system, { ...gift, role: 'owner' })
    expect(await atOnce(() => takePackage(system, gift))).toEqual(ONE('package.has-not'))
    expect(await records('package.taken')).toBe(1)
  },
  async handOverBinary() {
    await makeBuild(app, 'hello-1-1')
    const targets = Array.from({ length: TIMES }, (_, at) => `other${at}`)
    for (const name of targets) await makeBuild(app, `${name}-1-1`)
    const over = (at: number) =>
      handOverBinary(system, { binary: 'hello', to: targets[at] ?? '', reason: why })
    await atOnce(over)
    expect(await app.db.$count(package_binary, eq(package_binary.name, 'hello'))).toBe(1)
  },
  async claimPackage() {
    await transaction(system, (tx) =>
      tx.insert(upstream_package).values({
        ...{ release: RELEASE, repository: 'appstream', name: 'hello', epoch: 0, version: '1' },
        ...{ requires: [], rpm_release: '1', first_seen_at: 0, changed_at: 0 },
      }),
    )
    const claim = (at: number) => claimPackage(person_(at + 1), RELEASE, 'hello')
    expect(await atOnce(claim)).toEqual(ONE('release.claimed'))
    expect(await app.db.$count(package_claim)).toBe(1)
  },
  async releaseClaim() {
    await races.claimPackage?.()
    const root_ = ctxOf(app, personActor(99, 'root', ['member', 'admin']))
    expect(await atOnce(() => releaseClaim(root_, RELEASE, 'hello'))).toEqual(ONE('not-found'))
  },
  async voteBlocker() {
    const { id } = await blockerOf()
    const said = { vote: 1, comment: '' }
    expect(await atOnce(() => voteBlocker(person_(5), RELEASE, id, said))).toEqual(ALL)
    expect(await app.db.$count(blocker_vote)).toBe(1)
  },
  async decideBlocker() {
    const { id } = await blockerOf()
    for (const voter of [1, 2, 3]) await voteBlocker(person_(voter), RELEASE, id, VOTE)
    const answer = { decision: 'accepted' as const, reason: why }
    expect(await atOnce(() => decideBlocker(system, RELEASE, id, answer))).toEqual(
      ONE('blocker.decided'),
    )
    expect(await records('blocker.accepted')).toBe(1)
  },
  async reachMilestone() {
    await syncMilestones(system)
    await atOnce(() => reachMilestone(system, RELEASE, 'beta'))
    expect(await records('release.reached')).toBe(1)
    expect(await app.db.$count(release_decision)).toBe(0)
  },
  async addBuilder() {
    const grant = { arches: ['x86_64'], channels: ['default'], drivers: ['host'], capacity: 1 }
    expect((await atOnce(() => addBuilder(system, 'bee', grant))).done).toBe(1)
    expect(await app.db.$count(builder, eq(builder.name, 'bee'))).toBe(1)
  },
  async approveUpdate() {
    await makeBuild(app, 'hello-1-1')
    const { alias } = await make(['hello-1-1'])
    await app.database.write((tx) =>
      tx.update(update).set({ held_at: 1 }).where(eq(update.alias, alias)),
    )
    expect(await atOnce(() => approveUpdate(system, alias))).toEqual(ONE('update.not-held'))
    expect(await records('update.approved')).toBe(1)
  },
  async removeBuilder() {
    const grant = { arches: ['x86_64'], channels: ['default'], drivers: ['host'], capacity: 1 }
    await addBuilder(system, 'bee', grant)
    expect(await atOnce(() => removeBuilder(system, 'bee'))).toEqual(ONE('not-found'))
  },
  async signUpMirror() {
    const mirror = mirrorData('mirror.example', 'https://mirror.example/keel/')
    const site = siteData()
    const ends = await atOnce((at) => signUpMirror(person_(at + 1), { site, mirror }))
    expect(ends.done).toBe(1)
    expect(await app.db.$count(mirror_host)).toBe(1)
  },
}

const VOTE = { vote: 1, comment: '' }
const blockerOf = () =>
  proposeBlocker(person_(4), RELEASE, {
    ...{ kind: 'blocker', title: 'It does not boot', criterion: 'installs' },
    justification: 'On none.',
    bug_url: '',
  })

describe('ten at once', () => {
  for (const [verb, race] of Object.entries(races)) it(verb, race)
})

/** Verbs that need no race here, by why. */
const EXCUSED: Record<string, string[]> = {
  'what each of them writes is a row of its own': [
    'createToken',
    'proposeBlocker',
    'postComment',
    'submitBuild',
    'startSession',
    'emit',
    'makeFirstAdminLink',
    'requestReset',
    'resendVerification',
    'addCounts',
  ],
  'the last one counts, as its author means it': [
    'editGroup',
    'changeProfile',
    'changePassword',
    'setSponsor',
    'changeMirror',
    'setMaintenance',
    'changeSite',
    'moveMilestone',
    'recordGate',
    'waiveGate',
    'heartbeat',
    'noteProgram',
    'noteWell',
    'changeMirrorState',
    'removeWithdrawn',
  ],
  'one row is ended, and ending it again changes nothing': [
    'logOut',
    'endSession',
    'revokeToken',
    'withdrawAsk',
    'removeSiteAdmin',
    'removeSource',
    'resolveBlocker',
    'dropAside',
    'giveAgain',
    'declineBinary',
  ],
  'a link is used up by its first use, in one statement': [
    'claimFirstAdmin',
    'resetPassword',
    'verify',
  ],
  'a unique index keeps it single, and who comes second finds it': [
    'createSite',
    'addSiteAdmin',
    'addSource',
    'startCompose',
    'importMirrors',
    'importUpstream',
    'acceptBinary',
  ],
  'the portal does it again and again by itself, and finds it done': [
    'syncGroups',
    'syncTags',
    'syncReleases',
    'syncMilestones',
    'syncRepositories',
    'askAllAgain',
    'purgeUnverified',
    'purgeArrivals',
    'purgeChecks',
    'purgeIncoming',
    'purgeSources',
    'forgetInSteps',
    'forgetPrograms',
    'refreshSources',
    'refreshRsyncd',
    'queueDueCrawls',
    'recordReadiness',
    'removeFaulty',
  ],
  'it is the holder of a lease who does it, and the lease is in the statement': [
    'renewLease',
    'freeTask',
    'suspendTask',
    'retryTask',
    'reapLease',
    'recordUpload',
    'importTask',
    'settleRepository',
    'deliver',
    'deliverAgain',
  ],
  'tests/updates/push-ends.test.ts ends pushes at each step': ['withdrawFromPush', 'giveUpPush'],
  'a request that was decided is decided no more: tests/mirrors/registry.test.ts': [
    'requestTier1',
    'reviewTier1',
    'proveMirror',
  ],
  'it names the state or report that its author saw': ['setReleaseState', 'decideRelease'],
  'the row of the person is held: tests/builds/uploads.test.ts': ['takeUpload'],
  'tries are counted in one statement: tests/accounts/limit.test.ts': ['takeTry'],
}

/** Every exported function of the rooms that opens a transaction. */
function verbs(): string[] {
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  return files
    .filter((file) => file.endsWith('.ts') && !/^(builder|commands|pages|site)\//.test(file))
    .flatMap((file) => {
      const parts = readFileSync(join(root, 'src', file), 'utf8').split(
        /\n(?=(?:export )?(?:async )?function |export const |const )/,
      )
      return parts.flatMap((part) => {
        const name = /^export (?:async )?(?:function|const) (\w+)/.exec(part)?.[1]
        return name && /\btransaction\(/.test(part) ? [`${file}:${name}`] : []
      })
    })
}

it('leaves no verb out without a reason', () => {
  const known = new Set([...Object.keys(races), ...Object.values(EXCUSED).flat()])
  const missing = verbs().filter((each) => {
    const [file = '', name = ''] = each.split(':')
    const room = /(\w+)\.ts$/.exec(file)?.[1]
    return !known.has(name) && !known.has(`${room}.${name}`)
  })
  expect(missing).toEqual([])
})
