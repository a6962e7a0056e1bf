/** Letters about accounts. Their words are `mail.account.<name>.*` in content/i18n. */
import type { Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { queueMail } from '../kernel/mail.ts'

export type AccountMail =
  | 'verify'
  | 'email-taken'
  | 'username-taken'
  | 'reset'
  | 'password-changed'
  | 'role-granted'
  | 'role-revoked'

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
