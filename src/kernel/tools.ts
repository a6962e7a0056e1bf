/** Programs of the system that parts of Slipway call, and which of them this machine lacks. */
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

/** Program -> Debian's package of it. What is missing stops its part only. */
export const systemTools: Record<string, string> = {
  rpmbuild: 'rpm',
  rpmsign: 'rpm',
  createrepo_c: 'createrepo-c',
  modifyrepo_c: 'createrepo-c',
  bwrap: 'bubblewrap',
  gpg: 'gnupg',
  rsync: 'rsync',
  xorriso: 'xorriso',
  git: 'git',
}

/** Whether a program is in PATH. */
export async function hasTool(tool: string, path = process.env.PATH ?? ''): Promise<boolean> {
  for (const folder of path.split(delimiter))
    if (
      await access(join(folder, tool), constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return true
  return false
}

/** Names of the tools that are not in PATH. */
export async function missingTools(path = process.env.PATH ?? ''): Promise<string[]> {
  const missing: string[] = []
  for (const tool of Object.keys(systemTools)) if (!(await hasTool(tool, path))) missing.push(tool)
  return missing
}
