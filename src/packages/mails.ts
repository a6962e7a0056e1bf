/** Letters about who looks after a package. Their words are `mail.package.<name>.*` in content/i18n. */
import { groupOfRole, listeners } from '../accounts/group-queries.ts'
import { addressOfPerson } from '../accounts/people.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Reader, Tx } from '../kernel/db.ts'
import { queueMail } from '../kernel/mail.ts'
import type { OwnerRole } from './owner.ts'
import { ownersOf, type PackageRow } from './queries.ts'

/** `asked` and `offered` go to owners, all others to the person whom it is about. */
export type PackageMail = 'asked' | 'offered' | 'accepted' | 'declined' | 'given' | 'taken'

export interface Address {
  email: string
  username: string
}

/** Letters about one package thread. */
export async function queuePackageMail(
  tx: Tx,
  ctx: Ctx,
  to: Address,
  mail: PackageMail,
  about: { name: string; role: OwnerRole; reason: string; asker?: string; binary?: string },
): Promise<void> {
  const { app } = ctx
  const t = app.words.in('en')
  const { name, role, reason, asker = '', binary = '' } = about
  const params = {
    ...{ username: to.username, package: name, reason, asker, binary },
    ...{ role: t(`package.role.${role}`), distribution: app.distribution.name },
    url: `${app.config.url}/packages/${encodeURIComponent(name)}#owners`,
  }
  await queueMail(tx, ctx, {
    to: to.email,
    subject: t(`mail.package.${mail}.subject`, params),
    body: t(`mail.package.${mail}.body`, params),
    thread: `package:${name}`,
  })
}

/** A package with a hundred owners tells the first of them. */
const OWNERS_MAX = 20

/** Who decides about a package: its owners, by groups too; administrators where it has none. */
export async function decidersOf(db: Reader, row: PackageRow | undefined): Promise<Address[]> {
  const found = new Map<string, Address>()
  const owners = (row ? await ownersOf(db, row.id) : []).filter(({ role }) => role === 'owner')
  for (const { person_id, group_id } of owners.slice(0, OWNERS_MAX)) {
    const own = person_id === null ? undefined : await addressOfPerson(db, person_id)
    const others = group_id === null ? [] : await listeners(db, group_id)
    for (const each of [...(own ? [own] : []), ...others]) found.set(each.email, each)
  }
  if (found.size > 0) return [...found.values()]
  return listeners(db, (await groupOfRole(db, 'admin')).id)
}
