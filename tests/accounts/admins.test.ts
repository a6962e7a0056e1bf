import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { grantRole, makeFirstAdminLink, revokeRole } from '../../src/accounts/admins.ts'
import { auditOfSubject } from '../../src/kernel/audit.ts'
import { DAY_MS } from '../../src/kernel/clock.ts'
import { ctxOf, type TestApp, testApp } from '../support/test-app.ts'
import { Browser, join, letters, password } from './support.ts'

let app: TestApp
beforeEach(async () => {
  app = await testApp()
})
afterEach(() => app.end())

const system = () => ctxOf(app)
const tokenOf = (url: string | null) => url?.split('?token=')[1] ?? ''
const claim = (token: string, username: string) =>
  new Browser(app).post('/account/first-admin', {
    token,
    username,
    email: `${username}@example.org`,
    password,
  })

describe('the first administrator', () => {
  it('is made by the link, once, without mail', async () => {
    const url = await makeFirstAdminLink(system())
    expect(url).toMatch(/^http:\/\/portal\.test\/account\/first-admin\?token=[\w-]{43}$/)
    const browser = new Browser(app)
    const form = { token: tokenOf(url), username: 'wharf', email: 'w@example.org', password }
    expect((await browser.post('/account/first-admin', form)).to).toBe('/account')
    const me = await (await browser.get('/api/account/me')).json()
    expect(me.roles).toEqual(['admin', 'packager', 'member'])
    expect(await letters(app)).toHaveLength(0)
    expect((await claim(tokenOf(url), 'second')).flash?.kind).toBe('error')
    expect(await makeFirstAdminLink(system())).toBeNull()
  })

  it('is one, though two claim at once', async () => {
    const token = tokenOf(await makeFirstAdminLink(system()))
    const claims = await Promise.all(['first', 'second', 'third'].map((name) => claim(token, name)))
    expect(claims.filter(({ flash }) => flash?.kind === 'done')).toHaveLength(1)
  })

  it('may try again after a refusal, with the same link', async () => {
    await join(app, 'marie')
    const token = tokenOf(await makeFirstAdminLink(system()))
    expect((await claim(token, 'marie')).flash).toMatchObject({ kind: 'error', field: 'username' })
    expect((await claim(token, 'wharf')).flash?.kind).toBe('done')
  })

  it('is not made by an older link, a late one, or someone who is not the operator', async () => {
    const older = tokenOf(await makeFirstAdminLink(system()))
    const newer = tokenOf(await makeFirstAdminLink(system()))
    expect((await claim(older, 'wharf')).flash?.kind).toBe('error')
    app.clock.advance(DAY_MS)
    expect((await claim(newer, 'wharf')).flash?.kind).toBe('error')
    const anonymous = ctxOf(app, { kind: 'anonymous' })
    await expect(makeFirstAdminLink(anonymous)).rejects.toThrow('account.forbidden')
  })
})

describe('roles', () => {
  it('are given and taken by administrators, with the reason on record', async () => {
    const marie = await join(app, 'marie')
    const path = '/groups/packagers/members/add'
    const forbidden = await marie.post(path, { username: 'marie', reason: 'please' })
    expect(forbidden.flash?.kind).toBe('error')
    const wharf = await join(app, 'wharf')
    await grantRole(system(), { username: 'wharf', role: 'admin', reason: 'runs the host' })
    const granted = await wharf.post(path, { username: 'marie', reason: 'maintains keel-logos' })
    expect(granted.flash?.kind).toBe('done')
    const me = await (await marie.get('/api/account/me')).json()
    expect(me.roles).toEqual(['packager', 'member'])
    const [entry] = await auditOfSubject(app.db, 'group:packagers')
    expect(entry).toMatchObject({
      action: 'group.joined',
      actor: 'person:wharf',
      reason: 'maintains keel-logos',
    })
    const url = '/api/people/marie/roles/packager'
    expect((await wharf.json('DELETE', url, { reason: 'asked for it' })).status).toBe(204)
    const after = await (await marie.get('/api/account/me')).json()
    expect(after.roles).toEqual(['member'])
  })

  it('never leave the portal without an administrator', async () => {
    await join(app, 'wharf')
    const change = { username: 'wharf', role: 'admin', reason: 'test' } as const
    await grantRole(system(), change)
    await expect(revokeRole(system(), change)).rejects.toMatchObject({
      details: { reasons: [{ code: 'role.last-admin' }] },
    })
  })

  it('want a reason and a person who exists', async () => {
    await join(app, 'wharf')
    const change = { username: 'wharf', role: 'packager' } as const
    await expect(grantRole(system(), { ...change, reason: ' ' })).rejects.toThrow('input.invalid')
    const none = { ...change, username: 'nobody', reason: 'why not' }
    await expect(grantRole(system(), none)).rejects.toThrow('not-found')
  })

  it('of a token count only within its scopes', async () => {
    const wharf = await join(app, 'wharf')
    await join(app, 'marie')
    await grantRole(system(), { username: 'wharf', role: 'admin', reason: 'runs the host' })
    const made = await wharf.json('POST', '/api/account/tokens', {
      name: 'ci',
      scopes: ['package'],
    })
    const { token } = (await made.json()) as { token: string }
    const answer = await new Browser(app).json(
      'PUT',
      '/api/people/marie/roles/packager',
      { reason: 'by token' },
      { Authorization: `Bearer ${token}` },
    )
    expect(await answer.json()).toMatchObject({ code: 'account.scope-missing' })
  })
})
