/** Accounts for programs: oneself, one's tokens, people, and the roles that an administrator gives (each by its group). */
import { createRoute, z } from '@hono/zod-openapi'
import { iso } from '../kernel/clock.ts'
import { answers, createApi, jsonBody, jsonWithEtag, problemResponse } from '../kernel/http.ts'
import { grantRole, revokeRole } from './admins.ts'
import { findProfile, ownAccount, type PublicProfile } from './people.ts'
import { allScopes, grantedRoles, USERNAME_MAX_CHARS } from './person.ts'
import { createToken, listTokens, revokeToken, type TokenView } from './tokens.ts'

const username = z.string().max(USERNAME_MAX_CHARS)
const scope = z.enum(allScopes as ['read', 'vote', 'package', 'edge', 'admin'])
const roleParams = z.object({ username, role: z.enum(grantedRoles) })
const roleBody = z.object({ reason: z.string().min(1).max(1000) })
const tokenBody = z.object({
  name: z.string().max(200),
  scopes: z.array(scope),
  life_days: z.int().min(0).max(3650).default(90),
})

const profileJson = ({ since, groups, ...profile }: PublicProfile) => ({
  ...profile,
  groups: groups.map((each) => ({ ...each, since: iso(each.since) })),
  since: iso(since),
})

const tokenJson = (token: TokenView) => ({
  ...token,
  created_at: iso(token.created_at),
  last_used_at: iso(token.last_used_at),
  expires_at: iso(token.expires_at),
})

export function createAccountsApi() {
  const api = createApi()
  api.openapi(
    createRoute({
      method: 'get',
      path: '/account/me',
      tags: ['accounts'],
      responses: answers('Who you are and what you may do.'),
    }),
    async (c) => {
      const { actor } = c.get('ctx')
      const { id: _, ...me } = await ownAccount(c.get('ctx'))
      const scopes = actor.kind === 'person' ? actor.scopes : []
      return jsonWithEtag(c, { ...profileJson(me), email: me.email, scopes })
    },
  )
  api.openapi(
    createRoute({
      method: 'get',
      path: '/people/{username}',
      tags: ['accounts'],
      request: { params: z.object({ username }) },
      responses: answers('A person, as everyone sees them.'),
    }),
    async (c) => {
      const profile = await findProfile(c.get('ctx'), c.req.valid('param').username)
      return jsonWithEtag(c, profileJson(profile))
    },
  )
  addTokenRoutes(api)
  addRoleRoutes(api)
  return api
}

function addTokenRoutes(api: ReturnType<typeof createApi>): void {
  const path = '/account/tokens'
  api.openapi(
    createRoute({
      method: 'get',
      path,
      tags: ['accounts'],
      responses: answers('Your tokens, without the secrets.'),
    }),
    async (c) => {
      const items = (await listTokens(c.get('ctx'))).map(tokenJson)
      return jsonWithEtag(c, { items, next: null })
    },
  )
  api.openapi(
    createRoute({
      method: 'post',
      path,
      tags: ['accounts'],
      request: jsonBody(tokenBody),
      responses: { 201: { description: 'The token, this once.' }, ...problemResponse },
    }),
    async (c) => {
      const { token, ...made } = await createToken(c.get('ctx'), c.req.valid('json'))
      return c.json({ token, ...tokenJson(made) }, 201, { 'Cache-Control': 'no-store' })
    },
  )
  api.openapi(
    createRoute({
      method: 'delete',
      path: '/account/tokens/{id}',
      tags: ['accounts'],
      request: { params: z.object({ id: z.coerce.number().int() }) },
      responses: { 204: { description: 'Revoked.' }, ...problemResponse },
    }),
    async (c) => {
      await revokeToken(c.get('ctx'), c.req.valid('param').id)
      return c.body(null, 204)
    },
  )
}

function addRoleRoutes(api: ReturnType<typeof createApi>): void {
  const path = '/people/{username}/roles/{role}'
  const request = { params: roleParams, ...jsonBody(roleBody) }
  const responses = { 204: { description: 'So it is.' }, ...problemResponse }
  api.openapi(
    createRoute({ method: 'put', path, tags: ['accounts'], request, responses }),
    async (c) => {
      await grantRole(c.get('ctx'), { ...c.req.valid('param'), ...c.req.valid('json') })
      return c.body(null, 204)
    },
  )
  api.openapi(
    createRoute({ method: 'delete', path, tags: ['accounts'], request, responses }),
    async (c) => {
      await revokeRole(c.get('ctx'), { ...c.req.valid('param'), ...c.req.valid('json') })
      return c.body(null, 204)
    },
  )
}
