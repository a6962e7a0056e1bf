/** Answers of /metalink and /mirrorlist: this portal's own tree is the only mirror for now. */
import type { Ctx } from '../kernel/context.ts'
import { PortalError } from '../kernel/errors.ts'
import {
  findRepository,
  listRepositories,
  publishedGenerations,
  type RepositoryRow,
} from '../repos/repositories.ts'
import { generationPath } from '../repos/repository.ts'
import { type RepomdFile, renderMetalink } from './metalink.ts'

/** @throws PortalError repository.unknown */
async function wanted(ctx: Ctx, repo: string, arch: string): Promise<RepositoryRow> {
  const row = await findRepository(ctx.app.db, repo, arch)
  if (!row) throw new PortalError('repository.unknown', { field: 'repo', params: { repo, arch } })
  return row
}

const addressOf = (ctx: Ctx, row: RepositoryRow) => `${ctx.app.config.url}/pub/${row.path}/`

/** @throws PortalError repository.unknown, also before the first push */
export async function metalink(ctx: Ctx, repo: string, arch: string): Promise<string> {
  const { app } = ctx
  const row = await wanted(ctx, repo, arch)
  const generations = await publishedGenerations(app.db, row.id, 5)
  const facts: RepomdFile[] = generations
  const [current, ...alternates] = facts
  if (!current)
    throw new PortalError('repository.unknown', { field: 'repo', params: { repo, arch } })
  // Its own folder: from repomd.xml to the last package a client reads this generation and no other.
  const url = `${addressOf(ctx, row)}${generationPath(current.hashes.sha256)}/repodata/repomd.xml`
  const protocol = url.startsWith('https:') ? 'https' : 'http'
  return renderMetalink('slipway', app.clock.now(), current, alternates, [
    { protocol, location: undefined, preference: 100, url },
  ])
}

/** First a line that says what it answers, then one address a mirror. */
export async function mirrorlist(ctx: Ctx, repo: string, arch: string): Promise<string> {
  const row = await wanted(ctx, repo, arch)
  return `# repo = ${row.name} arch = ${row.arch} country = any: the portal itself\n${addressOf(ctx, row)}\n`
}

/** What exists, for a client that asked for something else: comment lines. */
export async function knownRepositories(ctx: Ctx): Promise<string> {
  const rows = await listRepositories(ctx.app.db)
  const lines = rows.map((row) => `#   repo=${row.name}&arch=${row.arch}`)
  return `# There is no such repository here. These are:\n${lines.join('\n')}\n`
}
