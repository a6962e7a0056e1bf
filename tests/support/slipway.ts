/** The command line, as an operator on the portal's host or a packager elsewhere runs it. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { node, type Portal, root } from './portal.ts'

const run = promisify(execFile)

/** @param env a packager has SLIPWAY_TOKEN. @throws Error with what the command printed */
export async function slipway(
  portal: Portal,
  args: string[],
  env: Record<string, string> = {},
): Promise<string> {
  const options = { env: { ...portal.env, LOG_LEVEL: 'error', ...env }, timeout: 180_000 }
  const { stdout } = await run(node, [join(root, 'src/cli.ts'), ...args], options)
  return stdout
}
