/** Letters about updates: to the submitter, when something needs a decision. One letter a fact. */
import { addressOfPerson } from '../accounts/people.ts'
import type { Subscriber } from '../kernel/events.ts'
import { queueMail } from '../kernel/mail.ts'
import { sayReason } from '../kernel/words.ts'
import { findUpdate } from './queries.ts'

/** What needs the submitter: autopush was stopped by a −1, a push sent the update back, testers did. */
const LETTERS = ['update.autopush-stopped', 'update.ejected', 'update.obsolete']

export const updateLetters: Subscriber = {
  name: 'update-letters',
  types: LETTERS,
  async handle(tx, ctx, event) {
    const { app } = ctx
    const alias = event.subject.replace(/^update:/, '')
    const row = await findUpdate(tx, alias)
    const to = row && (await addressOfPerson(tx, row.submitter_id))
    // An update that a newer one of the same packages replaced needs nobody.
    if (!row || !to || (event.type === 'update.obsolete' && row.obsoleted_by !== null)) return
    const t = app.words.in('en')
    const reasons = (row.ejected ?? []).map((each) => `- ${sayReason(t, each)}`).join('\n')
    const params = {
      ...{ alias, title: row.title, username: to.username, reasons },
      name: app.distribution.name,
      url: `${app.config.url}/updates/${alias}`,
    }
    await queueMail(tx, ctx, {
      to: to.email,
      subject: t(`mail.${event.type}.subject`, params),
      body: t(`mail.${event.type}.body`, params),
      thread: event.subject,
    })
  },
}
