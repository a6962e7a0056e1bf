/** One sync at a time for a destination. The kernel holds the lock, so it ends with whoever has it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** What flock(1) says when another has the lock. */
const TAKEN = 75

/**
 * @returns lets it go
 * @throws Error when another sync of this destination runs
 */
export async function takeLock(file: string): Promise<() => Promise<void>> {
  // `cat` ends when this process does, however it does: its input ends then.
  const held = ['sh', '-c', 'echo held && exec cat']
  const args = ['--nonblock', '--conflict-exit-code', String(TAKEN), '--', file, ...held]
  const child = spawn('flock', args, { stdio: ['pipe', 'pipe', 'ignore'] })
  const failed = new Promise<never>((_, reject) => {
    child.once('error', (error) => reject(new Error(`flock does not run: ${error.message}`)))
    child.once('exit', (code) =>
      reject(
        new Error(
          code === TAKEN
            ? `Another sync of this destination is running: ${file} is locked.`
            : `flock ended with ${code} for ${file}.`,
        ),
      ),
    )
  })
  failed.catch(() => {})
  await Promise.race([once(child.stdout, 'data'), failed])
  return async () => {
    const ended = once(child, 'exit')
    child.stdin.end()
    await ended
  }
}
