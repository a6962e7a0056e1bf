/** Groups for programs: lists, one with its people, asking to join, and what sponsors and administrators do. */
import { createRoute, z } from '@hono/zod-openapi'
import { iso } from '../kernel/clock.ts'
import { createApi, jsonBody, jsonWithEtag, problemResponse } from '../kernel/http.ts'
import {
  createGroup,
  editGroup,
  type GroupRow,
  type GroupView,
  listGroups,
  type RequestRow,
  viewGroup,
} from './groups.ts'
import { askToJoin, decideAsk, withdrawAsk } from './joins.ts'
import { addMember, leaveGroup, removeMember, setSponsor } from './memberships.ts'
import { USERNAME_MAX_CHARS } from './person.ts'

const name = z.string().max(100)
const group = z.object({ name })
const person = group.extend({ username: z.string().max(USERNAME_MAX_CHARS) })
const request = group.extend({ id: z.coerce.number().int().positive() })
const why = z.object({ reason: z.string().max(10_000) })
const about = z.object({ title: z.string().max(1000), description: z.string().max(10_000) })
const so = { 204: { description: 'So it is.' }, ...problemResponse }
const tags = ['groups']

const groupJson = ({ name: own, title, description, role }: GroupRow) => ({
  ...{ name: own, title, description, role },
})
const requestJson = ({ id, reason, state, asked_at, ...row }: RequestRow) => ({
  ...{ id, reason, state, asked_at: iso(asked_at) },
  ...{ decided_by: row.decided_by, decided_at: iso(row.decided_at) },
  decision_reason: row.decision_reason,
})

function memberJson({ username, display_name, member }: GroupView['members'][number]) {
  return {
    ...{ username, display_name, since: iso(member.since), sponsored_by: member.sponsored_by },
    ...{ sponsor: member.sponsor_since !== null, left_at: iso(member.left_at) },
  }
}

function viewJson({ group: row, members, earlier, requests, own }: GroupView) {
  return {
    ...groupJson(row),
    members: members.map(memberJson),
    earlier: earlier.map(memberJson),
    requests: requests.map(({ request: each, username }) => ({ username, ...requestJson(each) })),
    own_request: own.request ? requestJson(own.request) : null,
  }
}

type Api = ReturnType<typeof createApi>

export function createGroupsApi() {
  const api = createApi()
  addReads(api)
  addAsking(api)
  addMembers(api)
  return api
}

function addReads(api: Api): void {
  const answers = (description: string) => ({ 200: { description }, ...problemResponse })
  api.openapi(
    createRoute({ method: 'get', path: '/groups', tags, responses: answers('All groups.') }),
    async (c) => {
      const items = (await listGroups(c.get('ctx'))).map(({ group: row, members, sponsors }) => ({
        ...{ ...groupJson(row), members, sponsors },
      }))
      return jsonWithEtag(c, { items, next: null })
    },
  )
  api.openapi(
    createRoute({
      ...{ method: 'get', path: '/groups/{name}', tags, request: { params: group } },
      responses: answers('A group and its people; requests for those who may decide about them.'),
    }),
    async (c) =>
      jsonWithEtag(c, viewJson(await viewGroup(c.get('ctx'), c.req.valid('param').name))),
  )
  api.openapi(
    createRoute({
      ...{ method: 'post', path: '/groups', tags, request: jsonBody(about.extend({ name })) },
      responses: { 201: { description: 'Made.' }, ...problemResponse },
    }),
    async (c) => {
      await createGroup(c.get('ctx'), c.req.valid('json'))
      return c.json({}, 201)
    },
  )
  api.openapi(
    createRoute({
      ...{ method: 'patch', path: '/groups/{name}', tags, responses: so },
      request: { params: group, ...jsonBody(about) },
    }),
    async (c) => {
      await editGroup(c.get('ctx'), c.req.valid('param').name, c.req.valid('json'))
      return c.body(null, 204)
    },
  )
}

function addAsking(api: Api): void {
  const path = '/groups/{name}/requests'
  api.openapi(
    createRoute({
      ...{ method: 'post', path, tags, request: { params: group, ...jsonBody(why) } },
      responses: { 201: { description: 'Asked: its sponsors hear of it.' }, ...problemResponse },
    }),
    async (c) => {
      const asked = { group: c.req.valid('param').name, ...c.req.valid('json') }
      return c.json(requestJson(await askToJoin(c.get('ctx'), asked)), 201)
    },
  )
  api.openapi(
    createRoute({ method: 'delete', path, tags, request: { params: group }, responses: so }),
    async (c) => {
      await withdrawAsk(c.get('ctx'), c.req.valid('param').name)
      return c.body(null, 204)
    },
  )
  const decision = why.extend({ decision: z.enum(['accepted', 'declined']) })
  api.openapi(
    createRoute({
      ...{ method: 'post', path: `${path}/{id}/decision`, tags, responses: so },
      request: { params: request, ...jsonBody(decision) },
    }),
    async (c) => {
      const { name: of, id } = c.req.valid('param')
      await decideAsk(c.get('ctx'), { group: of, id, ...c.req.valid('json') })
      return c.body(null, 204)
    },
  )
}

function addMembers(api: Api): void {
  const changed = { params: person, ...jsonBody(why) }
  for (const [method, verb] of [
    ['put', addMember],
    ['delete', removeMember],
  ] as const)
    api.openapi(
      createRoute({
        ...{ method, path: '/groups/{name}/members/{username}', tags },
        ...{ request: changed, responses: so },
      }),
      async (c) => {
        const { name: of, username } = c.req.valid('param')
        await verb(c.get('ctx'), { group: of, username, ...c.req.valid('json') })
        return c.body(null, 204)
      },
    )
  for (const [method, sponsor] of [
    ['put', true],
    ['delete', false],
  ] as const)
    api.openapi(
      createRoute({
        ...{ method, path: '/groups/{name}/sponsors/{username}', tags },
        ...{ request: changed, responses: so },
      }),
      async (c) => {
        const { name: of, username } = c.req.valid('param')
        await setSponsor(c.get('ctx'), { group: of, username, sponsor, ...c.req.valid('json') })
        return c.body(null, 204)
      },
    )
  api.openapi(
    createRoute({
      ...{ method: 'post', path: '/groups/{name}/leave', tags, responses: so },
      request: { params: group, ...jsonBody(why.partial()) },
    }),
    async (c) => {
      await leaveGroup(c.get('ctx'), c.req.valid('param').name, c.req.valid('json').reason)
      return c.body(null, 204)
    },
  )
}
