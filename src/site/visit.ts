/** What a page knows about its visitor and its distribution, from the request's context. */
import type { Translate } from '../kernel/words.ts'

export interface Visit {
  t: Translate
  language: string
  /** Name of the distribution, e.g. of the header and titles. */
  name: string
  tagline: string
  /** Milliseconds since the epoch; what "3 hours ago" counts from. */
  now_ms: number
  /** Null for someone who is not logged in. */
  username: string | null
}

/** @example const { t } = visit(Astro.locals) */
export function visit({ ctx, language, say }: App.Locals): Visit {
  const { app, actor } = ctx
  return {
    t: say,
    language,
    name: app.distribution.name,
    tagline: app.distribution.tagline,
    now_ms: app.clock.now(),
    username: actor.kind === 'person' ? actor.username : null,
  }
}
