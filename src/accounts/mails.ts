/** Letters about accounts and groups. Those about accounts are `mail.account.<name>.*` in content/i18n. */
import type { Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { queueMail } from '../kernel/mail.ts'

export type AccountMail = 'verify' | 'email-taken' | 'username-taken' | 'reset' | 'password-changed'

/** @param params what the words want beside `username`, `name` (the distribution's) and `portal` */
export async function queueAccountMail(
  tx: Tx,
  ctx: Ctx,
  to: { email: string; username: string },
  mail: AccountMail,
  params: Record<string, string>,
): Promise<void> {
  const { app } = ctx
  const t = app.words.in('en')
  const filled = {
    username: to.username,
    name: app.distribution.name,
    portal: app.config.url,
    ...params,
  }
  await queueMail(tx, ctx, {
    to: to.email,
    subject: t(`mail.account.${mail}.subject`, filled),
    body: t(`mail.account.${mail}.body`, filled),
  })
}

/** `asked` goes to those who decide, all others to the person whom it is about. */
export type GroupMail =
  | 'asked'
  | 'accepted'
  | 'declined'
  | 'added'
  | 'removed'
  | 'sponsor-made'
  | 'sponsor-ended'

/** A letter about a group. Its words are `mail.group.<name>.*`; letters about one group thread. */
export async function queueGroupMail(
  tx: Tx,
  ctx: Ctx,
  to: { email: string; username: string },
  mail: GroupMail,
  about: { group: { name: string; title: string }; reason: string; asker?: string },
): Promise<void> {
  const { app } = ctx
  const t = app.words.in('en')
  const params = {
    ...{ username: to.username, asker: about.asker ?? '', reason: about.reason },
    ...{ title: about.group.title, name: app.distribution.name },
    url: `${app.config.url}/groups/${about.group.name}`,
  }
  await queueMail(tx, ctx, {
    to: to.email,
    subject: t(`mail.group.${mail}.subject`, params),
    body: t(`mail.group.${mail}.body`, params),
    thread: `group:${about.group.name}`,
  })
}
