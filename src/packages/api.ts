/** Owners and maintainers for programs: asking, deciding, giving, taking, and handing binaries over. */
import { createRoute, z } from '@hono/zod-openapi'
import { USERNAME_MAX_CHARS } from '../accounts/person.ts'
import { iso } from '../kernel/clock.ts'
import { createApi, jsonBody, jsonWithEtag, problemResponse } from '../kernel/http.ts'
import { askForPackage, decideAsk, withdrawAsk } from './asks.ts'
import { acceptBinary, declineBinary, handOverBinary } from './binaries.ts'
import { givePackage, takePackage } from './gifts.ts'
import { ownerRoles } from './owner.ts'
import type { RequestRow } from './queries.ts'
import { type OwnersView, requestsThatWait } from './views.ts'

const name = z.string().max(200)
const one = z.object({ name })
const request = one.extend({ id: z.coerce.number().int().positive() })
const why = z.object({ reason: z.string().max(10_000) })
const role = z.enum(ownerRoles)
const so = { 204: { description: 'So it is.' }, ...problemResponse }
const tags = ['packages']

const requestJson = ({ id, name: of, role: wants, reason, state, asked_at }: RequestRow) => ({
  ...{ id, package: of, role: wants, reason, state, asked_at: iso(asked_at) },
})

/** @returns the part of a package's JSON that says who looks after it */
export function ownersJson(view: OwnersView) {
  return {
    owners: view.owners.map(({ kind, name: of, role: has, since, given_by }) => ({
      ...{ [kind]: of, role: has, since: iso(since), given_by },
    })),
    binaries: view.binaries.map(({ binary, offered_to }) => ({ name: binary.name, offered_to })),
    offers: view.offers.map(({ binary, holder }) => ({
      ...{ name: binary.name, from: holder, offered_by: binary.offered_by },
      reason: binary.offer_reason,
    })),
    requests: view.requests.map(({ request: row, username }) => ({
      ...{ ...requestJson(row), username },
    })),
  }
}

export function createOwnersApi() {
  const api = createApi()
  addAsking(api)
  addGiving(api)
  addBinaries(api)
  return api
}

type Api = ReturnType<typeof createApi>

function addAsking(api: Api): void {
  api.openapi(
    createRoute({
      ...{ method: 'get', path: '/package-requests', tags },
      responses: {
        200: { description: 'Requests that wait for an answer, oldest first.' },
        ...problemResponse,
      },
    }),
    async (c) => {
      const items = (await requestsThatWait(c.get('ctx'))).map(({ request: row, username }) => ({
        ...{ ...requestJson(row), username },
      }))
      return jsonWithEtag(c, { items, next: null })
    },
  )
  api.openapi(
    createRoute({
      ...{ method: 'post', path: '/packages/{name}/requests', tags },
      request: { params: one, ...jsonBody(why.extend({ role: role.default('maintainer') })) },
      responses: { 201: { description: 'Asked for.' }, ...problemResponse },
    }),
    async (c) => {
      const asked = { ...c.req.valid('param'), ...c.req.valid('json') }
      return c.json(requestJson(await askForPackage(c.get('ctx'), asked)), 201)
    },
  )
  api.openapi(
    createRoute({
      ...{ method: 'delete', path: '/packages/{name}/requests', tags },
      ...{ request: { params: one }, responses: so },
    }),
    async (c) => {
      await withdrawAsk(c.get('ctx'), c.req.valid('param').name)
      return c.body(null, 204)
    },
  )
  const decision = z.enum(['accepted', 'declined'])
  api.openapi(
    createRoute({
      ...{ method: 'post', path: '/packages/{name}/requests/{id}/decision', tags },
      request: { params: request, ...jsonBody(why.extend({ decision })) },
      responses: so,
    }),
    async (c) => {
      await decideAsk(c.get('ctx'), { ...c.req.valid('param'), ...c.req.valid('json') })
      return c.body(null, 204)
    },
  )
}

function addGiving(api: Api): void {
  const kinds = [
    ['people', z.object({ name, holder: z.string().max(USERNAME_MAX_CHARS) })],
    ['groups', z.object({ name, holder: z.string().max(100) })],
  ] as const
  for (const [kind, params] of kinds) {
    const path = `/packages/{name}/${kind}/{holder}`
    const named = (holder: string) => (kind === 'people' ? { username: holder } : { group: holder })
    api.openapi(
      createRoute({
        ...{ method: 'put', path, tags, responses: so },
        request: { params, ...jsonBody(why.extend({ role })) },
      }),
      async (c) => {
        const { name: of, holder } = c.req.valid('param')
        const gift = { name: of, holder: named(holder), ...c.req.valid('json') }
        await givePackage(c.get('ctx'), gift)
        return c.body(null, 204)
      },
    )
    api.openapi(
      createRoute({
        ...{ method: 'delete', path, tags, responses: so },
        request: { params, ...jsonBody(why.partial()) },
      }),
      async (c) => {
        const { name: of, holder } = c.req.valid('param')
        const { reason = '' } = c.req.valid('json')
        await takePackage(c.get('ctx'), { name: of, holder: named(holder), reason })
        return c.body(null, 204)
      },
    )
  }
}

function addBinaries(api: Api): void {
  const path = '/packages/{name}/binaries/{binary}'
  const params = z.object({ name, binary: name })
  api.openapi(
    createRoute({
      ...{ method: 'post', path: `${path}/hand-over`, tags },
      request: { params, ...jsonBody(why.extend({ to: name })) },
      responses: {
        200: { description: '`moved`, or `offered` until an owner of the other accepts.' },
        ...problemResponse,
      },
    }),
    async (c) => {
      const { binary } = c.req.valid('param')
      const state = await handOverBinary(c.get('ctx'), { binary, ...c.req.valid('json') })
      return c.json({ state })
    },
  )
  api.openapi(
    createRoute({
      ...{ method: 'post', path: `${path}/accept`, tags, request: { params }, responses: so },
      description: '`name` is the package that the binary is offered to.',
    }),
    async (c) => {
      const { name: to, binary } = c.req.valid('param')
      await acceptBinary(c.get('ctx'), { binary, to })
      return c.body(null, 204)
    },
  )
  api.openapi(
    createRoute({
      ...{ method: 'delete', path: `${path}/offer`, tags, request: { params }, responses: so },
    }),
    async (c) => {
      await declineBinary(c.get('ctx'), c.req.valid('param').binary)
      return c.body(null, 204)
    },
  )
}
