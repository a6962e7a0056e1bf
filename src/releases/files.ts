/** What a release has beside JSON: the calendar of its schedule, and the badge of its readiness. */
import { describeRelease } from '../distribution/releases.ts'
import { renderBadge } from '../kernel/badge.ts'
import { createApi } from '../kernel/http.ts'
import { scheduleCalendar } from './calendar.ts'
import { totalOf } from './readiness.ts'
import { readinessReport } from './reports.ts'

/** Both under the release's own page. */
export function createReleaseFiles() {
  const files = createApi()
  files.get('/releases/:release/schedule.ics', async (c) =>
    c.body(await scheduleCalendar(c.get('ctx'), c.req.param('release')), 200, {
      'Content-Type': 'text/calendar; charset=utf-8',
      'Cache-Control': 'no-cache',
    }),
  )
  files.get('/releases/:release/badge.svg', async (c) => {
    const ctx = c.get('ctx')
    const { total } = await readinessReport(ctx, c.req.param('release'))
    const version = describeRelease(ctx.app, c.req.param('release')).version
    const value = `${total.stable} / ${totalOf(total)}`
    const tone = total.stable === totalOf(total) && total.stable > 0 ? 'ok' : 'run'
    const svg = renderBadge(`${ctx.app.distribution.name} ${version}`, value, tone)
    return c.body(svg, 200, { 'Content-Type': 'image/svg+xml', 'Cache-Control': 'no-cache' })
  })
  return files
}
