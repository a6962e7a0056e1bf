/** What prerendered pages know of their distribution: read when the site is built, for there is no request. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { readConfig } from '../../kernel/config.ts'
import { readDistribution } from '../../kernel/distribution.ts'
import { distributionWords, fillWords } from '../../kernel/distribution-words.ts'
import { readOwnWords } from '../../kernel/words.ts'

const config = readConfig()
const { content_dir } = config
export const distribution = readDistribution(content_dir)
export const t = readOwnWords(config).in('en')

const words = distributionWords(distribution)

/** What people wrote, with the distribution's words in it. */
export const fillIn = (text: string) => fillWords(text, words)

/** When each file below content/docs was last committed; empty where there is no history, as in a tarball. */
export const lastCommitted: ReadonlyMap<string, Date> = readHistory(join(content_dir, 'docs'))

function readHistory(folder: string): Map<string, Date> {
  const args = ['log', '--format=t:%ct', '--name-only', '--no-renames', '--relative', '--', '.']
  const { stdout } = spawnSync('git', args, { cwd: folder, encoding: 'utf8', maxBuffer: 64e6 })
  const dates = new Map<string, Date>()
  let at = new Date(0)
  for (const line of (stdout ?? '').split('\n'))
    if (line.startsWith('t:')) at = new Date(Number(line.slice(2)) * 1000)
    else if (line !== '' && !dates.has(line)) dates.set(line, at)
  return dates
}
