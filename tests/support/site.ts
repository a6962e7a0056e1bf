/** The site as its proofs look at it: a portal with something of every kind, and every kind of page in it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { specOf } from '../builder/program.ts'
import type { Api, Update } from './api.ts'
import { built, makeSrpm, reaches, submitSrpm } from './packages.ts'
import { becomeAdmin, logIn, signUp } from './people.ts'
import type { Portal } from './portal.ts'
import { slipway } from './slipway.ts'
import { until } from './until.ts'

export const RELEASE = 'keel10'

export function launchBrowser(more: string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', ...more],
  })
}

export interface SeededSite {
  admin: Api
  /** One address of every kind of page that everyone may see. */
  routes: string[]
  /** One of every kind that only those see who are logged in, or that is another page for them. */
  ownRoutes: string[]
  /** Cookie of the administrator, who sees these. */
  cookie: string
}

interface Seeds {
  release: string
  dist: string
}

/** Builds a package and makes an update of it, which is in testing. @returns its build and alias */
async function seedUpdate(admin: Api, name: string, dist: string, more: object = {}) {
  const { nvr } = await built(
    admin,
    await submitSrpm(admin, await makeSrpm(specOf(name, ':'), [], dist)),
  )
  const update = { type: 'newpackage', title: `A ${name}`, notes: 'It is **lit**.', ...more }
  const { alias } = await admin.post<Update>('/api/updates', { builds: [nvr], ...update })
  await reaches(admin, alias, 'testing')
  return { nvr, alias }
}

/** A mirror that the operator vouches for; nobody answers at its address. */
async function seedMirror(portal: Portal): Promise<string> {
  const name = 'mirror.example.org'
  const file = join(portal.folder, `${name}.yaml`)
  const lines = [
    ...[`name: ${name}`, 'site: {name: Harbour, contacts: [noc@example.org]}', 'country: DE'],
    ...[`urls: ['https://${name}/pub/']`, 'bandwidth_mbps: 1000', ''],
  ]
  writeFileSync(file, lines.join('\n'))
  await slipway(portal, ['mirror', 'import', file])
  return name
}

/** The first address of a page that begins so. */
async function linkOn(portal: Portal, page: string, start: string): Promise<string> {
  const html = await (await fetch(portal.url + page)).text()
  const found = new RegExp(`href="(${start}[^"?]+)"`).exec(html)?.[1]
  if (!found) throw new Error(`${page} has no link to ${start}`)
  return found
}

/** Fills a portal: an update in testing, one in stable, a blocker, a mirror, the seeds stable, an image. */
export async function seedSite(
  portal: Portal,
  { release, dist }: Seeds = { release: RELEASE, dist: '.kl10' },
): Promise<SeededSite> {
  const admin = await becomeAdmin(portal)
  const { nvr, alias } = await seedUpdate(admin, 'lantern', dist)
  const stable = await seedUpdate(admin, 'sextant', dist, { type: 'bugfix', stable_karma: 2 })
  for (const name of ['quartermaster', 'coxswain']) {
    const voter = await signUp(portal, name)
    await voter.post(`/api/updates/${stable.alias}/votes`, { karma: 1 })
  }
  await reaches(admin, stable.alias, 'stable')
  const { id } = await admin.post<{ id: number }>(`/api/releases/${release}/blockers`, {
    ...{ kind: 'blocker', title: 'It does not boot', criterion: 'installs' },
    justification: 'On **no** machine.',
  })
  const mirror = await seedMirror(portal)
  await until('the seeds are stable', async () => {
    const report = await admin.get<{ items: { name: string; by_arch: { state: string }[] }[] }>(
      `/api/releases/${release}/readiness`,
    )
    return report.items.every(({ by_arch }) => by_arch.every(({ state }) => state === 'stable'))
  })
  await until('an image', async () => {
    const { items } = await admin.get<{ items: unknown[] }>('/api/downloads')
    return items.length > 0
  })
  return {
    admin,
    cookie: await logIn(portal, 'harbour-master'),
    routes: [
      ...['/', '/download', '/download/verify', '/packages', '/packages/lantern', '/builds'],
      ...[`/builds/${encodeURIComponent(nvr)}`, '/builds/new', '/updates', `/updates/${alias}`],
      ...[`/updates/${stable.alias}`, '/updates/new', '/errata'],
      await linkOn(portal, '/errata', '/errata/'),
      ...['/releases', `/releases/${release}`, `/releases/${release}/readiness`],
      ...[`/releases/${release}/blockers`, `/releases/${release}/blockers/${id}`],
      ...['/mirrors', `/mirrors/${mirror}`, '/mirrors/propagation', '/mirrors/statistics'],
      `/mirrors/explain?repository=${encodeURIComponent('baseos-10 x86_64')}`,
      ...['/pushes', '/pushes/1', '/tasks', '/tasks/1', '/status', '/builders', '/design', '/news'],
      await linkOn(portal, '/news', '/news/(?!tags/)'),
      await linkOn(portal, '/news', '/news/tags/'),
      ...['/community', '/groups', '/groups/packagers', '/people/harbour-master'],
      ...['/search?q=lantern', '/account/log-in', '/account/sign-up', '/account/reset'],
      ...['/account/verify', '/account/first-admin', '/docs', '/docs/install', '/docs/rules'],
      ...['/docs/contributing/architecture', '/no-such-page', '/500'],
    ],
    ownRoutes: [
      ...['/account', '/account/mirrors', `/account/mirrors/${mirror}`, '/builds/new'],
      ...['/packages', '/packages/lantern', '/builders'],
      ...['/updates/new', `/updates/${alias}`, '/groups', '/groups/packagers'],
      ...[`/releases/${release}`, `/releases/${release}/readiness`],
      ...[`/releases/${release}/blockers/new`, `/releases/${release}/blockers/${id}`],
      ...['/people/quartermaster', '/pushes', `/tasks/1`, `/mirrors/${mirror}`],
    ],
  }
}
