/** One package over HTTP: the JSON twin of its page. */
import { createRoute, z } from '@hono/zod-openapi'
import { buildJson } from '../builds/api.ts'
import { iso } from '../kernel/clock.ts'
import type { Ctx } from '../kernel/context.ts'
import { createApi, jsonWithEtag, problemResponse } from '../kernel/http.ts'
import { reasonJson } from '../kernel/words.ts'
import { ownersJson } from '../packages/api.ts'
import type { Place } from '../repos/places.ts'
import { updateJson } from './api.ts'
import { type PackageOverview, packageOverview } from './packages.ts'

function placeJson(ctx: Ctx, { repository, published_at, srpm_path, ...place }: Place) {
  const { release, name, arch, stage, path } = repository
  const pub = `${ctx.app.config.url}/pub/`
  const t = ctx.app.words.in('en')
  return {
    ...{ release, repository: name, arch, stage, url: `${pub}${path}/` },
    published_at: iso(published_at),
    nvr: place.nvr ?? null,
    older: place.older,
    srpm: srpm_path ? pub + srpm_path : null,
    reasons: place.reasons.map((each) => reasonJson(t, each)),
  }
}

function overviewJson(ctx: Ctx, view: PackageOverview) {
  const { name, summary, source, created_at } = view.package
  const { description, repository, critical_in, more } = view
  const files = `${ctx.app.config.url}/api/packages/${encodeURIComponent(name)}/sources/`
  return {
    ...{ name, summary, description, source, repository, critical_in },
    ...ownersJson(view.keeping),
    since: iso(created_at),
    files: view.files.map((file) => ({ name: file, url: files + encodeURIComponent(file) })),
    places: view.places.map((each) => placeJson(ctx, each)),
    builds: view.builds.map((row) => buildJson(ctx.app.words.in('en'), row)),
    more_builds: more,
    updates: view.updates.map(({ update, karma }) => ({ ...updateJson(ctx, update), karma })),
    errata: view.errata.map(
      ({ number, type, severity, title, release, update_alias, issued_at }) => ({
        ...{ number, type, severity, title, release, update: update_alias },
        issued_at: iso(issued_at),
      }),
    ),
    bugs: view.bugs,
    new_bug_url: view.new_bug_url ?? null,
  }
}

export function createPackagesApi() {
  const api = createApi()
  api.openapi(
    createRoute({
      method: 'get',
      path: '/packages/{name}',
      tags: ['builds'],
      request: { params: z.object({ name: z.string().max(200) }) },
      responses: {
        200: {
          description: 'A package: where it is, its sources, builds, updates, errata and bugs.',
        },
        ...problemResponse,
      },
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const view = await packageOverview(ctx, c.req.valid('param').name)
      return jsonWithEtag(c, overviewJson(ctx, view))
    },
  )
  return api
}
