/** What the pages of groups post: one verb each, then 303 back to the page. Works without scripts. */
import { type Context, Hono } from 'hono'
import { formRoute } from '../kernel/forms.ts'
import type { HttpEnv } from '../kernel/http.ts'
import { rowNumber } from '../kernel/row-number.ts'
import { createGroup, editGroup } from './groups.ts'
import { askToJoin, decideAsk, withdrawAsk } from './joins.ts'
import { addMember, leaveGroup, removeMember, setSponsor } from './memberships.ts'

type Page = Context<HttpEnv>

const nameOf = (c: Page) => c.req.param('name') ?? ''
const pageOf = (c: Page) => `/groups/${encodeURIComponent(nameOf(c))}`
const part = (id: string) => (c: Page) => `${pageOf(c)}#${id}`

export function createGroupForms(): Hono<HttpEnv> {
  const forms = new Hono<HttpEnv>()
  forms.post(
    '/groups',
    formRoute('/groups#new', async (c, { name = '', title = '', description = '' }) => {
      await createGroup(c.get('ctx'), { name, title, description })
      return { to: `/groups/${encodeURIComponent(name)}`, done: 'group.made' }
    }),
  )
  forms.post(
    '/groups/:name/edit',
    formRoute(part('about'), async (c, { title = '', description = '' }) => {
      await editGroup(c.get('ctx'), nameOf(c), { title, description })
      return { to: pageOf(c), done: 'group.changed' }
    }),
  )
  addAsking(forms)
  addMembers(forms)
  return forms
}

function addAsking(forms: Hono<HttpEnv>): void {
  forms.post(
    '/groups/:name/ask',
    formRoute(part('join'), async (c, { reason: why = '' }) => {
      await askToJoin(c.get('ctx'), { group: nameOf(c), reason: why })
      return { to: part('join')(c), done: 'group.asked' }
    }),
  )
  forms.post(
    '/groups/:name/withdraw',
    formRoute(part('join'), async (c) => {
      await withdrawAsk(c.get('ctx'), nameOf(c))
      return { to: part('join')(c), done: 'group.withdrawn' }
    }),
  )
  for (const [path, decision] of [
    ['accept', 'accepted'],
    ['decline', 'declined'],
  ] as const)
    forms.post(
      `/groups/:name/requests/:id/${path}`,
      formRoute(part('requests'), async (c, { reason: why = '' }) => {
        const id = rowNumber(c.req.param('id'))
        await decideAsk(c.get('ctx'), { group: nameOf(c), id, decision, reason: why })
        return { to: part('requests')(c), done: `group.${decision}` }
      }),
    )
}

function addMembers(forms: Hono<HttpEnv>): void {
  for (const [path, verb] of [
    ['add', addMember],
    ['remove', removeMember],
  ] as const)
    forms.post(
      `/groups/:name/members/${path}`,
      formRoute(part('members'), async (c, { username = '', reason: why = '' }) => {
        await verb(c.get('ctx'), { group: nameOf(c), username, reason: why })
        return { to: part('members')(c), done: `group.member-${path}`, params: { username } }
      }),
    )
  for (const [path, sponsor] of [
    ['make', true],
    ['end', false],
  ] as const)
    forms.post(
      `/groups/:name/sponsors/${path}`,
      formRoute(part('members'), async (c, { username = '', reason: why = '' }) => {
        const change = { group: nameOf(c), username, reason: why, sponsor }
        await setSponsor(c.get('ctx'), change)
        return { to: part('members')(c), done: `group.sponsor-${path}`, params: { username } }
      }),
    )
  forms.post(
    '/groups/:name/leave',
    formRoute(part('join'), async (c, { reason: why = '' }) => {
      await leaveGroup(c.get('ctx'), nameOf(c), why)
      return { to: pageOf(c), done: 'group.left' }
    }),
  )
}
