/** Overrides end by themselves; submitters get one letter when something needs them. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { person } from '../../db/schema/accounts.ts'
import { taggedBuilds } from '../../src/builds/tags.ts'
import { DAY_MS } from '../../src/kernel/clock.ts'
import { createMailTransport, sendDueMail } from '../../src/kernel/mail.ts'
import { deliver } from '../../src/kernel/subscribers.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { updateInput } from '../../src/updates/input.ts'
import { updateLetters } from '../../src/updates/mails.ts'
import { endOverride, expireOverrides, overrideBuild } from '../../src/updates/overrides.ts'
import { createUpdate } from '../../src/updates/updates.ts'
import { castVote } from '../../src/updates/votes.ts'
import { asPushed, makeBuild, prepareRelease } from '../support/builds.ts'
import { ctxOf, personActor, type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
beforeEach(async () => {
  app = await testApp()
  await prepareRelease(app)
})
afterEach(() => app.end())

const packager = (id = 1) => ctxOf(app, personActor(id, 'packer', ['member', 'packager']))
const inBuildTag = async () =>
  (await taggedBuilds(app.db, 'keel10-build', { inherit: true })).map((row) => row.nvr)

describe('an override', () => {
  it('puts a build in the build tag until it expires or is ended', async () => {
    await makeBuild(app, 'lib-1-1')
    await overrideBuild(packager(), { nvr: 'lib-1-1', notes: 'for app', days: 3 })
    expect(await inBuildTag()).toEqual(['lib-1-1'])
    app.clock.advance(3 * DAY_MS - 1)
    expect(await expireOverrides(ctxOf(app))).toBe(0)
    app.clock.advance(1)
    expect(await expireOverrides(ctxOf(app))).toBe(1)
    expect(await inBuildTag()).toEqual([])
    await overrideBuild(packager(), { nvr: 'lib-1-1', notes: 'again', days: 31 })
    await endOverride(packager(), 'lib-1-1')
    expect(await inBuildTag()).toEqual([])
  })

  it('has notes, at most 31 days, and a packager behind it', async () => {
    await makeBuild(app, 'lib-1-1')
    const make = (days: number, notes: string, ctx = packager()) =>
      overrideBuild(ctx, { nvr: 'lib-1-1', notes, days })
    await expect(make(32, 'x')).rejects.toMatchObject({ details: { field: 'days' } })
    await expect(make(Number.NaN, 'x')).rejects.toMatchObject({ details: { field: 'days' } })
    await expect(make(1, ' ')).rejects.toMatchObject({ details: { field: 'notes' } })
    await expect(make(1, 'x', ctxOf(app, personActor(5, 'member')))).rejects.toMatchObject({
      code: 'account.forbidden',
    })
  })
})

describe('letters', () => {
  it('tell the submitter of a -1 once, and of the end by karma', async () => {
    const [row] = await transaction({ app }, (tx) =>
      tx
        .insert(person)
        .values({
          username: 'packer',
          email: 'packer@keel.example',
          password_hash: '',
          created_at: 0,
          verified_at: 1,
        })
        .returning(),
    )
    await makeBuild(app, 'hello-1-1')
    const input = updateInput.parse({ builds: ['hello-1-1'], notes: 'x', type: 'bugfix' })
    const { alias } = await createUpdate(packager(row?.id), input)
    await asPushed(app, alias, 'testing')
    for (const id of [91, 92, 93])
      await castVote(ctxOf(app, personActor(id, `tester${id}`)), alias, { karma: -1 })
    await deliver(app, updateLetters)
    await deliver(app, updateLetters)
    await sendDueMail(app, createMailTransport(app))
    const folder = join(app.config.data_dir, 'mail')
    const letters = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'))
    expect(letters).toHaveLength(2)
    expect(letters[0]).toContain('To: packer@keel.example')
    expect(letters[0]).toContain('autopush')
    expect(letters[1]).toContain('obsolete')
    const references = letters.map((letter) => /^References: (.*)$/m.exec(letter)?.[1])
    expect(references[0]).toBeTruthy()
    expect(new Set(references).size).toBe(1)
  })
})
