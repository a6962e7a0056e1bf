/** A fact as strangers see it. Pure. */
import { iso } from './clock.ts'
import type { Event } from './events.ts'

/** Facts that concern one person only are not for everyone's stream. */
export const isPrivate = ({ type }: Pick<Event, 'type'>) => type.startsWith('account.')

/** A fact as JSON. */
export function eventJson(event: Event) {
  const { id, type, subject, payload, at } = event
  return { id, type, subject, payload, at: iso(at) }
}
