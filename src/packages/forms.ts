/** What the pages of packages post: one verb each, then 303 back to the page. Works without scripts. */
import { type Context, Hono } from 'hono'
import { type Form, formRoute } from '../kernel/forms.ts'
import type { HttpEnv } from '../kernel/http.ts'
import { rowNumber } from '../kernel/row-number.ts'
import { askForPackage, decideAsk, withdrawAsk } from './asks.ts'
import { acceptBinary, declineBinary, handOverBinary } from './binaries.ts'
import { givePackage, type HolderName, takePackage } from './gifts.ts'
import type { OwnerRole } from './owner.ts'

type Page = Context<HttpEnv>

const nameOf = (c: Page) => c.req.param('name') ?? ''
const binaryOf = (c: Page) => c.req.param('binary') ?? ''
const part = (id: string) => (c: Page) => `/packages/${encodeURIComponent(nameOf(c))}#${id}`
const roleOf = ({ role }: Form): OwnerRole => (role === 'owner' ? 'owner' : 'maintainer')

/** `group:mirrors` is a group, all else a person. */
function holderOf({ holder = '' }: Form): HolderName {
  const group = /^group:(.*)$/.exec(holder.trim())?.[1]
  return group === undefined ? { username: holder } : { group }
}

export function createOwnerForms(): Hono<HttpEnv> {
  const forms = new Hono<HttpEnv>()
  forms.post(
    '/packages/ask',
    formRoute('/packages#ask', async (c, { name = '', reason: why = '' }) => {
      await askForPackage(c.get('ctx'), { name, role: 'owner', reason: why })
      return { to: '/packages#ask', done: 'package.asked', params: { name } }
    }),
  )
  addAsking(forms)
  addGiving(forms)
  addBinaries(forms)
  return forms
}

function addAsking(forms: Hono<HttpEnv>): void {
  const owners = part('owners')
  forms.post(
    '/packages/:name/ask',
    formRoute(owners, async (c, form) => {
      const asked = { name: nameOf(c), role: roleOf(form), reason: form.reason ?? '' }
      await askForPackage(c.get('ctx'), asked)
      return { to: owners(c), done: 'package.asked', params: { name: nameOf(c) } }
    }),
  )
  forms.post(
    '/packages/:name/withdraw',
    formRoute(owners, async (c) => {
      await withdrawAsk(c.get('ctx'), nameOf(c))
      return { to: owners(c), done: 'package.ask-withdrawn' }
    }),
  )
  for (const [path, decision] of [
    ['accept', 'accepted'],
    ['decline', 'declined'],
  ] as const)
    forms.post(
      `/packages/:name/requests/:id/${path}`,
      formRoute(owners, async (c, { reason: why = '', back }) => {
        const id = rowNumber(c.req.param('id'))
        await decideAsk(c.get('ctx'), { name: nameOf(c), id, decision, reason: why })
        return { to: back === 'list' ? '/packages#ask' : owners(c), done: `package.${decision}` }
      }),
    )
}

function addGiving(forms: Hono<HttpEnv>): void {
  const owners = part('owners')
  forms.post(
    '/packages/:name/give',
    formRoute(owners, async (c, form) => {
      const gift = { name: nameOf(c), holder: holderOf(form), role: roleOf(form) }
      await givePackage(c.get('ctx'), { ...gift, reason: form.reason ?? '' })
      return { to: owners(c), done: 'package.given', params: { holder: form.holder ?? '' } }
    }),
  )
  forms.post(
    '/packages/:name/take',
    formRoute(owners, async (c, form) => {
      const { reason: why = '' } = form
      await takePackage(c.get('ctx'), { name: nameOf(c), holder: holderOf(form), reason: why })
      return { to: owners(c), done: 'package.taken', params: { holder: form.holder ?? '' } }
    }),
  )
}

function addBinaries(forms: Hono<HttpEnv>): void {
  const binaries = part('binaries')
  forms.post(
    '/packages/:name/hand-over',
    formRoute(binaries, async (c, { binary = '', to = '', reason: why = '' }) => {
      const state = await handOverBinary(c.get('ctx'), { binary, to, reason: why })
      return { to: binaries(c), done: `package.binary-${state}`, params: { binary, to } }
    }),
  )
  forms.post(
    '/packages/:name/binaries/:binary/accept',
    formRoute(binaries, async (c) => {
      const moved = { binary: binaryOf(c), to: nameOf(c) }
      await acceptBinary(c.get('ctx'), moved)
      return { to: binaries(c), done: 'package.binary-moved', params: moved }
    }),
  )
  forms.post(
    '/packages/:name/binaries/:binary/decline',
    formRoute(binaries, async (c) => {
      await declineBinary(c.get('ctx'), binaryOf(c))
      return { to: binaries(c), done: 'package.binary-declined', params: { binary: binaryOf(c) } }
    }),
  )
}
