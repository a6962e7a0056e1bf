/** Comments: in pages, not too many of one person, and hidden by moderators with a reason that stays on record. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { limits } from '../../src/accounts/limit.ts'
import { auditOfSubject } from '../../src/kernel/audit.ts'
import { createPortal } from '../../src/portal.ts'
import { postComment } from '../../src/updates/comments.ts'
import { updateInput } from '../../src/updates/input.ts'
import { createUpdate } from '../../src/updates/updates.ts'
import { makeBuild, prepareRelease } from '../support/builds.ts'
import { allIdentities, type Identity } from '../support/identities.ts'
import { ctxOf, personActor, type TestApp, testApp } from '../support/test-app.ts'

interface Comment {
  id: number
  author: string
  text: string
  hidden: { by: string; reason: string } | null
}

let app: TestApp
let portal: ReturnType<typeof createPortal>
let who: Identity[]
let alias: string
beforeAll(async () => {
  app = await testApp()
  portal = createPortal(app)
  await prepareRelease(app)
  who = await allIdentities(app)
  const { nvr } = await makeBuild(app, 'sextant-1-1.kl10')
  const input = { builds: [nvr], notes: 'words', type: 'bugfix', title: 'x' }
  ;({ alias } = await createUpdate(
    ctxOf(app, personActor(9, 'root', ['member', 'packager', 'admin'])),
    updateInput.parse(input),
  ))
})
afterAll(() => app.end())

const as = (name: string) => who.find((each) => each.name === name)?.headers ?? {}
async function ask(name: string, method: string, path: string, body?: object) {
  const answer = await portal.request(`http://portal.test/api/updates/${alias}/comments${path}`, {
    method,
    headers: { Origin: 'http://portal.test', 'Content-Type': 'application/json', ...as(name) },
    ...(body && { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  return {
    status: answer.status,
    body: (text === '' ? {} : JSON.parse(text)) as {
      items: Comment[]
      next: string | null
      field?: string
    },
  }
}
const say = (id: number, text: string) =>
  postComment(ctxOf(app, personActor(id, `person${id}`)), alias, text)

describe('comments', () => {
  it('come in pages, the newest first asked for', async () => {
    for (let n = 0; n < 7; n++) await say(100, `remark ${n}`)
    const seen: string[] = []
    let cursor = ''
    for (let pages = 0; pages < 3; pages++) {
      const { body } = await ask('anonymous', 'GET', `?limit=3&cursor=${cursor}`)
      seen.unshift(...body.items.map((each) => each.text))
      cursor = body.next ?? ''
    }
    expect(cursor).toBe('')
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6].map((n) => `remark ${n}`))
  })

  it('are hidden by moderators only, with a reason', async () => {
    const [first] = (await ask('anonymous', 'GET', '')).body.items
    const path = `/${first?.id}/hidden`
    for (const name of ['member-mary', 'packer-paul', 'token:vote', 'token:package'])
      expect((await ask(name, 'PUT', path, { reason: 'spam' })).status).toBe(403)
    expect((await ask('anonymous', 'PUT', path, { reason: 'spam' })).status).toBe(401)
    expect((await ask('admin-anna', 'PUT', path, { reason: ' ' })).body.field).toBe('reason')
    expect((await ask('admin-anna', 'PUT', path, { reason: 'Spam.' })).status).toBe(204)
    const [hidden] = (await ask('anonymous', 'GET', '')).body.items
    expect(hidden).toMatchObject({ text: '', hidden: { by: 'person:admin-anna', reason: 'Spam.' } })
    const whole = await (await portal.request(`http://portal.test/api/updates/${alias}`)).text()
    expect(whole).not.toContain('remark 0')
    expect((await ask('admin-anna', 'PUT', path, { reason: 'Again.' })).status).toBe(404)
    expect((await ask('admin-anna', 'DELETE', path)).status).toBe(204)
    expect((await ask('anonymous', 'GET', '')).body.items[0]).toMatchObject({
      text: 'remark 0',
      hidden: null,
    })
    const record = await auditOfSubject(app.db, `update:${alias}`)
    expect(record.map((each) => each.action).slice(0, 2)).toEqual([
      'update.comment-shown',
      'update.comment-hidden',
    ])
    expect(record[1]?.reason).toBe('Spam.')
  })

  it('of another update are not reached', async () => {
    expect((await ask('admin-anna', 'PUT', '/4711/hidden', { reason: 'x' })).status).toBe(404)
  })

  it('end for a while when one person makes too many, and for no one else', async () => {
    for (let n = 0; n < limits['comment.account'].tries; n++) await say(200, `word ${n}`)
    await expect(say(200, 'one more')).rejects.toThrow('rate.limited')
    await say(201, 'mine')
    app.clock.advance(limits['comment.account'].window_ms + 1)
    await say(200, 'later')
  })
})
