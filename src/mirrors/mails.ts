/** Letters about mirrors, to the contacts of their sites. */
import type { Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { queueMail } from '../kernel/mail.ts'
import { sayReason } from '../kernel/words.ts'
import type { RepositoryState } from './crawl.ts'
import type { WantedRepository } from './looks.ts'
import { type HostRow, siteById } from './queries.ts'

/** Longer lists are on the mirror's page. */
const NAMED_MAX = 30

/** The mirror left the list: what was seen, repository by repository. */
export async function queueFaultLetters(
  tx: Tx,
  ctx: Ctx,
  host: HostRow,
  left: readonly WantedRepository[],
  after: ReadonlyMap<number, RepositoryState>,
): Promise<void> {
  const { app } = ctx
  const t = app.words.in('en')
  const site = await siteById(tx, host.site_id)
  const lines = left.slice(0, NAMED_MAX).map(({ id, name, arch }) => {
    const state = after.get(id)
    return t('mail.mirror.left.line', {
      ...{ name, arch, failures: state?.failures ?? 0 },
      since: new Date(state?.failing_since ?? app.clock.now()).toISOString(),
      why: state?.reason ? sayReason(t, state.reason) : '',
    })
  })
  const params = {
    ...{ mirror: host.name, count: left.length, evidence: lines.join('\n') },
    name: app.distribution.name,
    url: `${app.config.url}/mirrors/${host.name}`,
  }
  for (const to of site?.contacts ?? [])
    await queueMail(tx, ctx, {
      to,
      subject: t('mail.mirror.left.subject', params),
      body: t('mail.mirror.left.body', params),
      thread: `mirror:${host.name}`,
    })
}
