/** The schedule as iCalendar (RFC 5545): one all-day event a milestone, whose number grows with each slip. */
import ical from 'ical-generator'
import type { Ctx } from '../kernel/context.ts'
import { scheduleOf } from './milestones.ts'

/** @throws PortalError not-found */
export async function scheduleCalendar(ctx: Ctx, release: string): Promise<string> {
  const { config, distribution } = ctx.app
  const host = new URL(config.url).hostname
  const about = distribution.releases.find(({ name }) => name === release)
  const title = `${distribution.name} ${about?.version ?? ''}`
  const calendar = ical({
    name: title,
    prodId: { company: distribution.vendor, product: 'Slipway' },
    url: `${config.url}/releases/${release}`,
  })
  for (const { milestone, slips } of await scheduleOf(ctx, release)) {
    const [last] = slips.slice(-1)
    calendar.createEvent({
      id: `${release}-${milestone.key}@${host}`,
      start: new Date(`${milestone.date}T00:00:00Z`),
      allDay: true,
      timezone: 'UTC',
      summary: `${title}: ${milestone.name}`,
      ...(last && { description: `${last.from_date} → ${last.to_date}: ${last.reason}` }),
      url: `${config.url}/releases/${release}`,
      sequence: slips.length,
      // Of the last change, not of now: asking again gives the same file.
      stamp: new Date(last?.at ?? Date.parse(`${milestone.first_date}T00:00:00Z`)),
    })
  }
  return calendar.toString()
}
