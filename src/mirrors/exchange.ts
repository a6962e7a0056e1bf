/** Import and export of mirrors as files. An import is the mirror team's word: it proves what it names. */
import { and, eq, notInArray } from 'drizzle-orm'
import { mirror_admin, mirror_host, mirror_site, mirror_source } from '../../db/schema/mirrors.ts'
import { findPerson } from '../accounts/people.ts'
import { requireRole } from '../kernel/access.ts'
import { actorName, type Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { transaction } from '../kernel/transaction.ts'
import { addMirror, getHost, note, replaceMirror } from './hosts.ts'
import { type MirrorFile, writeMirrorFile } from './mirror-file.ts'
import { type HostRow, hostByName, hostsWithSites, type SiteRow, siteByName } from './queries.ts'
import { addSite } from './sites.ts'
import { describeMirror } from './views.ts'

export interface Imported {
  name: string
  made: boolean
  /** Names in `site.admins` that nobody here has. */
  unknown_admins: string[]
}

/** Makes each mirror, or changes the one of that name: all of them or, on an error, none. */
export async function importMirrors(ctx: Ctx, files: readonly MirrorFile[]): Promise<Imported[]> {
  requireRole(ctx, 'admin', 'admin')
  return transaction(ctx, async (tx) => {
    const done: Imported[] = []
    for (const file of files) done.push(await importMirror(tx, ctx, file))
    return done
  })
}

async function importMirror(tx: Tx, ctx: Ctx, file: MirrorFile): Promise<Imported> {
  const { admins, ...site } = file.site
  const owner = await putSite(tx, ctx, site)
  const unknown_admins = await putAdmins(tx, ctx, owner.id, admins)
  const { name } = file.mirror
  const existing = await hostByName(tx, name)
  if (existing) await replaceMirror(tx, ctx, existing, file.mirror)
  else await addMirror(tx, ctx, owner.id, file.mirror)
  const host = await getHost(tx, name)
  await putWord(tx, ctx, host, owner, file)
  await putSources(tx, ctx, host.id, file.sources)
  await note(tx, ctx, host, 'mirror.imported')
  return { name, made: existing === undefined, unknown_admins }
}

async function putSite(tx: Tx, ctx: Ctx, site: Omit<MirrorFile['site'], 'admins'>) {
  const existing = await siteByName(tx, site.name)
  if (!existing) return addSite(tx, ctx, site)
  await tx.update(mirror_site).set(site).where(eq(mirror_site.id, existing.id))
  return existing
}

/** People are added, never removed: who left is told by the site, not by an old file. */
async function putAdmins(tx: Tx, ctx: Ctx, site_id: number, usernames: string[]) {
  const unknown: string[] = []
  const added_at = ctx.app.clock.now()
  for (const username of usernames) {
    const person = await findPerson(tx, username)
    if (!person) unknown.push(username)
    else
      await tx
        .insert(mirror_admin)
        .values({ site_id, person_id: person.id, added_at })
        .onConflictDoNothing()
  }
  return unknown
}

/** State and tier as the mirror team has decided them. */
async function putWord(
  tx: Tx,
  ctx: Ctx,
  host: HostRow,
  site: SiteRow,
  file: MirrorFile,
): Promise<void> {
  const now = ctx.app.clock.now()
  await tx
    .update(mirror_host)
    .set({
      ...{ site_id: site.id, state: file.state, tier: file.tier },
      proved_at: host.proved_at ?? now,
      tier_approved_at: file.tier === 1 ? (host.tier_approved_at ?? now) : null,
    })
    .where(eq(mirror_host.id, host.id))
}

async function putSources(tx: Tx, ctx: Ctx, host_id: number, sources: MirrorFile['sources']) {
  const kept = sources.map((each) => each.cidr)
  const others = kept.length > 0 ? notInArray(mirror_source.cidr, kept) : undefined
  await tx.delete(mirror_source).where(and(eq(mirror_source.host_id, host_id), others))
  const added = { added_by: actorName(ctx.actor), added_at: ctx.app.clock.now() }
  for (const { cidr, expires } of sources)
    await tx
      .insert(mirror_source)
      .values({ host_id, cidr, expires_at: expires, ...added })
      .onConflictDoUpdate({
        target: [mirror_source.host_id, mirror_source.cidr],
        set: { expires_at: expires },
      })
}

/** Files of all mirrors but those whose control nobody has proved, by name. */
export async function exportMirrors(ctx: Ctx): Promise<{ name: string; text: string }[]> {
  requireRole(ctx, 'admin', 'admin')
  const rows = await hostsWithSites(ctx.app.db)
  const proved = rows.filter(({ host }) => host.proved_at !== null)
  return Promise.all(
    proved.map(async ({ host }) => ({
      name: host.name,
      text: writeMirrorFile(await describeMirror(ctx, host.name)),
    })),
  )
}
