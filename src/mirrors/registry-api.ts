/** The registry of mirrors over HTTP: who there is, how each stands, and changes by admins of a site. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { iso } from '../kernel/clock.ts'
import type { Ctx } from '../kernel/context.ts'
import {
  createApi,
  fromZod,
  type HttpEnv,
  jsonWithEtag,
  pageQuery,
  problemResponse,
} from '../kernel/http.ts'
import { sayReason } from '../kernel/words.ts'
import { addFigures } from './figures-api.ts'
import {
  changeMirror,
  changeMirrorState,
  proveMirror,
  setMaintenance,
  signUpMirror,
} from './hosts.ts'
import { mirrorInput, siteInput } from './mirror.ts'
import type { UrlRow } from './queries.ts'
import { addSource, removeSource, requestTier1, reviewTier1 } from './tiers.ts'
import {
  type CarriedRepository,
  describeMirror,
  type Evidence,
  listMirrors,
  type MirrorEntry,
  mirrorEvidence,
} from './views.ts'

const nameParam = z.object({ name: z.string().max(300) })
const moment = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))
const json = <T extends z.ZodType>(schema: T) => ({
  body: { required: true, content: { 'application/json': { schema } } },
})
/** Checked by mirrorInput, whose rules know the configuration. */
const anyMirror = z.record(z.string(), z.unknown())

function parseMirror(ctx: Ctx, body: Record<string, unknown>) {
  const parsed = mirrorInput(ctx.app.config.private_mirrors).safeParse(body)
  if (!parsed.success) throw fromZod(parsed.error)
  return parsed.data
}

function entryJson({ host, site, urls, hold, tier, listed, failing, punctuality }: MirrorEntry) {
  const { name, country, asn, bandwidth_mbps, ipv4, ipv6, visibility } = host
  return {
    ...{ name, site: site.name, country, asn, bandwidth_mbps, ipv4, ipv6, visibility, tier },
    state: hold ?? 'active',
    urls: urls.map((each) => each.url),
    ...{ listed, failing, punctuality, crawled_at: iso(host.crawled_at) },
  }
}

function carriedJson(ctx: Ctx, { repository, standing, state }: CarriedRepository) {
  const t = ctx.app.words.in('en')
  const { name, arch, release, path } = repository
  return {
    ...{ name, arch, release, path, state: standing, listed: state?.listed ?? false },
    fresh_over: [
      ...(state && state.fresh & 1 ? [4] : []),
      ...(state && state.fresh & 2 ? [6] : []),
    ],
    reason: state?.reason
      ? { code: state.reason.code, sentence: sayReason(t, state.reason) }
      : null,
    failures: state?.failures ?? 0,
    failing_since: iso(state?.failing_since ?? null),
    fresh_at: iso(state?.fresh_at ?? null),
    checked_at: iso(state?.checked_at ?? null),
  }
}

function addressJson(ctx: Ctx, row: UrlRow) {
  const { protocol, url, listed, outcome, reason, failures } = row
  const sentence = reason && sayReason(ctx.app.words.in('en'), reason)
  return {
    ...{ protocol, url, listed, outcome, failures },
    reason: reason ? { code: reason.code, sentence } : null,
    ...{ checked_at: iso(row.checked_at), fresh_at: iso(row.fresh_at) },
  }
}

async function mirrorJson(ctx: Ctx, name: string) {
  const view = await describeMirror(ctx, name)
  const { host, site, urls, hold, managed } = view
  const { country, latitude, longitude, asn, bandwidth_mbps, ipv4, ipv6, visibility } = host
  return {
    ...{ name: host.name, site: { name: site.name, url: site.url }, country, latitude, longitude },
    ...{ asn, bandwidth_mbps, ipv4, ipv6, visibility, tier: view.tier, state: hold ?? 'active' },
    urls: urls.map((each) => each.url),
    addresses: urls.map((each) => addressJson(ctx, each)),
    punctuality: view.punctuality,
    maintenance:
      host.maintenance_from === null
        ? null
        : {
            from: iso(host.maintenance_from),
            until: iso(host.maintenance_until),
            note: host.maintenance_note,
          },
    ...{ netblocks: view.netblocks, peer_asns: view.peer_asns, exclusions: view.exclusions },
    crawled_at: iso(host.crawled_at),
    repositories: view.repositories.map((each) => carriedJson(ctx, each)),
    ...(managed && {
      managed: {
        admins: managed.admins,
        contacts: site.contacts,
        proof: managed.proof,
        proved_at: iso(host.proved_at),
        tier_asked: host.tier === 1 && host.tier_approved_at === null,
        sources: managed.sources.map(({ cidr, expires_at, added_by }) => ({
          ...{ cidr, added_by, expires_at: iso(expires_at) },
        })),
      },
    }),
  }
}

function evidenceJson(ctx: Ctx, { check, repository, arch, reason }: Evidence) {
  const { family, protocol, outcome, took_ms, count, first_at, last_at } = check
  const sentence = reason && sayReason(ctx.app.words.in('en'), reason)
  return {
    ...{ repository, arch, family, protocol, outcome, took_ms, count },
    reason: reason ? { code: reason.code, sentence } : null,
    ...{ first_at: iso(first_at), last_at: iso(last_at) },
  }
}

export function createRegistryApi() {
  const api = createApi()
  addFigures(api)
  addReads(api)
  addChanges(api)
  addCare(api)
  addTiers(api)
  return api
}

const answer = (description: string) => ({ 200: { description }, ...problemResponse })

function addReads(api: OpenAPIHono<HttpEnv>): void {
  const country = z.string().length(2).toUpperCase().optional()
  api.openapi(
    createRoute({
      method: 'get',
      path: '/mirrors',
      tags: ['mirrors'],
      request: { query: z.object({ country, fields: z.string().max(500).optional() }) },
      responses: answer('Mirrors by country and name.'),
    }),
    async (c) => {
      const entries = await listMirrors(c.get('ctx'), { country: c.req.valid('query').country })
      return jsonWithEtag(c, { items: entries.map(entryJson), next: null })
    },
  )
  api.openapi(
    createRoute({
      method: 'get',
      path: '/mirrors/{name}',
      tags: ['mirrors'],
      request: { params: nameParam },
      responses: answer('A mirror, and how each repository stands on it and why.'),
    }),
    async (c) => jsonWithEtag(c, await mirrorJson(c.get('ctx'), c.req.valid('param').name)),
  )
  api.openapi(
    createRoute({
      method: 'get',
      path: '/mirrors/{name}/checks',
      tags: ['mirrors'],
      request: { params: nameParam, query: pageQuery },
      responses: answer('What the crawler saw, newest first; one entry while an outcome lasts.'),
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const { items, next } = await mirrorEvidence(
        ctx,
        c.req.valid('param').name,
        c.req.valid('query'),
      )
      return jsonWithEtag(c, { items: items.map((each) => evidenceJson(ctx, each)), next })
    },
  )
}

function addChanges(api: OpenAPIHono<HttpEnv>): void {
  const body = z.object({ site: siteInput, mirror: anyMirror })
  api.openapi(
    createRoute({
      method: 'post',
      path: '/mirrors',
      tags: ['mirrors'],
      request: json(body),
      responses: {
        201: { description: 'Signed up; prove control of it next.' },
        ...problemResponse,
      },
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const { site, mirror } = c.req.valid('json')
      const row = await signUpMirror(ctx, { site, mirror: parseMirror(ctx, mirror) })
      return c.json(await mirrorJson(ctx, row.name), 201)
    },
  )
  api.openapi(
    createRoute({
      method: 'put',
      path: '/mirrors/{name}',
      tags: ['mirrors'],
      request: { params: nameParam, ...json(anyMirror) },
      responses: answer('Changed as a whole. Other web addresses are to be proved again.'),
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const input = parseMirror(ctx, c.req.valid('json'))
      const row = await changeMirror(ctx, c.req.valid('param').name, input)
      return c.json(await mirrorJson(ctx, row.name), 200)
    },
  )
  api.openapi(
    createRoute({
      method: 'delete',
      path: '/mirrors/{name}',
      tags: ['mirrors'],
      request: { params: nameParam },
      responses: answer('Retired, for good; its evidence stays.'),
    }),
    async (c) => {
      await changeMirrorState(c.get('ctx'), c.req.valid('param').name, 'retire')
      return c.json({}, 200)
    },
  )
}

function addCare(api: OpenAPIHono<HttpEnv>): void {
  const window = z.object({
    from: moment.nullable(),
    until: moment.nullable(),
    note: z.string().max(500).default(''),
  })
  api.openapi(
    createRoute({
      method: 'put',
      path: '/mirrors/{name}/maintenance',
      tags: ['mirrors'],
      request: { params: nameParam, ...json(window) },
      responses: answer('Out of the list for that time, whatever a crawl says; null ends it.'),
    }),
    async (c) => {
      await setMaintenance(c.get('ctx'), c.req.valid('param').name, c.req.valid('json'))
      return c.json({}, 200)
    },
  )
  const state = z.object({
    state: z.enum(['paused', 'active']),
    reason: z.string().max(500).default(''),
  })
  api.openapi(
    createRoute({
      method: 'put',
      path: '/mirrors/{name}/state',
      tags: ['mirrors'],
      request: { params: nameParam, ...json(state) },
      responses: answer('Paused, or back.'),
    }),
    async (c) => {
      const { state: wanted, reason } = c.req.valid('json')
      const change = wanted === 'paused' ? 'pause' : 'resume'
      await changeMirrorState(c.get('ctx'), c.req.valid('param').name, change, reason)
      return c.json({}, 200)
    },
  )
  api.openapi(
    createRoute({
      method: 'post',
      path: '/mirrors/{name}/proof',
      tags: ['mirrors'],
      request: { params: nameParam },
      responses: answer('The file that proves control was found on the mirror.'),
    }),
    async (c) => {
      await proveMirror(c.get('ctx'), c.req.valid('param').name)
      return c.json({}, 200)
    },
  )
}

function addTiers(api: OpenAPIHono<HttpEnv>): void {
  const asked = z.object({ reason: z.string().max(1000) })
  api.openapi(
    createRoute({
      method: 'post',
      path: '/mirrors/{name}/tier',
      tags: ['mirrors'],
      request: { params: nameParam, ...json(asked) },
      responses: answer('Tier 1 is asked for.'),
    }),
    async (c) => {
      await requestTier1(c.get('ctx'), c.req.valid('param').name, c.req.valid('json').reason)
      return c.json({}, 200)
    },
  )
  api.openapi(
    createRoute({
      method: 'put',
      path: '/mirrors/{name}/tier',
      tags: ['mirrors'],
      request: { params: nameParam, ...json(asked.extend({ approve: z.boolean() })) },
      responses: answer("The mirror team's answer."),
    }),
    async (c) => {
      await reviewTier1(c.get('ctx'), c.req.valid('param').name, c.req.valid('json'))
      return c.json({}, 200)
    },
  )
  const source = z.object({
    cidr: z.string().max(100),
    expires_at: moment.nullable().default(null),
  })
  api.openapi(
    createRoute({
      method: 'post',
      path: '/mirrors/{name}/sources',
      tags: ['mirrors'],
      request: { params: nameParam, ...json(source) },
      responses: answer('The address may pull from the master while the mirror is tier 1.'),
    }),
    async (c) => {
      await addSource(c.get('ctx'), c.req.valid('param').name, c.req.valid('json'))
      return c.json({}, 200)
    },
  )
  api.openapi(
    createRoute({
      method: 'delete',
      path: '/mirrors/{name}/sources',
      tags: ['mirrors'],
      request: { params: nameParam, query: z.object({ cidr: z.string().max(100) }) },
      responses: answer('Removed.'),
    }),
    async (c) => {
      await removeSource(c.get('ctx'), c.req.valid('param').name, c.req.valid('query').cidr)
      return c.json({}, 200)
    },
  )
}
