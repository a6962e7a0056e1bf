/**
 * Letters about updates: to the submitter, when something needs a decision or was decided; to the sponsors, when an
 * update waits for one of them. One letter a fact and reader.
 */
import { groupOfRole, listeners } from '../accounts/group-queries.ts'
import { addressOfPerson } from '../accounts/people.ts'
import type { Reader } from '../kernel/db.ts'
import type { Subscriber } from '../kernel/events.ts'
import { queueMail } from '../kernel/mail.ts'
import { sayReason } from '../kernel/words.ts'
import { findUpdate, type UpdateRow } from './queries.ts'

/** What needs the submitter: autopush was stopped by a −1, a push sent the update back, testers did; it was approved. */
const LETTERS = ['update.autopush-stopped', 'update.ejected', 'update.obsolete', 'update.approved']
const HELD = 'update.held'

export const updateLetters: Subscriber = {
  name: 'update-letters',
  types: [...LETTERS, HELD],
  async handle(tx, ctx, event) {
    const { app } = ctx
    const alias = event.subject.replace(/^update:/, '')
    const row = await findUpdate(tx, alias)
    // An update that a newer one of the same packages replaced needs nobody.
    if (!row || (event.type === 'update.obsolete' && row.obsoleted_by !== null)) return
    const readers = event.type === HELD ? await sponsors(tx) : await submitterOf(tx, row)
    const t = app.words.in('en')
    const reasons = (row.ejected ?? []).map((each) => `- ${sayReason(t, each)}`).join('\n')
    for (const { email, username } of readers) {
      const params = {
        ...{ alias, title: row.title, username, reasons, submitter: row.submitter },
        name: app.distribution.name,
        url: `${app.config.url}/updates/${alias}`,
      }
      await queueMail(tx, ctx, {
        to: email,
        subject: t(`mail.${event.type}.subject`, params),
        body: t(`mail.${event.type}.body`, params),
        thread: event.subject,
      })
    }
  },
}

const sponsors = async (db: Reader) => listeners(db, (await groupOfRole(db, 'packager')).id)

async function submitterOf(db: Reader, row: UpdateRow) {
  const to = await addressOfPerson(db, row.submitter_id)
  return to ? [to] : []
}
