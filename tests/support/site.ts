/** The site as its proofs look at it: a portal with something of every kind, and every kind of page in it. */
import { type Browser, chromium } from 'playwright-core'
import { specOf } from '../builder/program.ts'
import type { Api, Update } from './api.ts'
import { built, makeSrpm, reaches, submitSrpm } from './packages.ts'
import { becomeAdmin } from './people.ts'
import type { Portal } from './portal.ts'
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
}

/** Fills a portal: a build, an update in testing, a blocker, the seeds stable, an image. */
export async function seedSite(
  portal: Portal,
  { release, dist } = { release: RELEASE, dist: '.kl10' },
): Promise<SeededSite> {
  const admin = await becomeAdmin(portal)
  const srpm = await makeSrpm(specOf('lantern', ':'), [], dist)
  const { nvr } = await built(admin, await submitSrpm(admin, srpm))
  const update = { builds: [nvr], type: 'newpackage', title: 'A lantern', notes: 'It is **lit**.' }
  const { alias } = await admin.post<Update>('/api/updates', update)
  await reaches(admin, alias, 'testing')
  const { id } = await admin.post<{ id: number }>(`/api/releases/${release}/blockers`, {
    ...{ kind: 'blocker', title: 'It does not boot', criterion: 'installs' },
    justification: 'On **no** machine.',
  })
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
  const build = encodeURIComponent(nvr)
  return {
    admin,
    routes: [
      ...['/', '/download', '/download/verify', '/packages', '/packages/lantern', '/builds'],
      ...[`/builds/${build}`, '/updates', `/updates/${alias}`, '/errata', '/releases'],
      ...[`/releases/${release}`, `/releases/${release}/readiness`],
      ...[`/releases/${release}/blockers`, `/releases/${release}/blockers/${id}`],
      ...['/mirrors', '/pushes', '/pushes/1', '/tasks', '/tasks/1', '/status', '/design'],
      ...[
        '/news',
        '/community',
        '/groups',
        '/groups/admin',
        '/people/harbour-master',
        '/search?q=lantern',
      ],
      ...['/account/log-in', '/account/sign-up', '/account/reset', '/docs', '/docs/install'],
      ...['/docs/rules', '/docs/contributing/architecture', '/no-such-page'],
    ],
  }
}
