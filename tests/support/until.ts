/** Waiting for a condition, with a deadline that says what never came. */
import { setTimeout as sleep } from 'node:timers/promises'

type Answer<T> = T | undefined | null | false

/**
 * Asks again and again until the answer is something.
 * @param what continues the sentence "never came: …"
 * @throws Error at the deadline; an error of the condition itself ends the waiting at once
 */
export async function until<T>(
  what: string,
  condition: () => Answer<T> | Promise<Answer<T>>,
  deadline_ms = 60_000,
  pause_ms = 50,
): Promise<T> {
  const end = performance.now() + deadline_ms
  for (;;) {
    const answer = await condition()
    if (answer !== undefined && answer !== null && answer !== false) return answer
    if (performance.now() > end) throw new Error(`never came in ${deadline_ms} ms: ${what}`)
    await sleep(pause_ms)
  }
}
