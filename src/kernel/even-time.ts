/** Answers that take the same time whatever was found, so that the time tells nothing. */
import { setTimeout as sleep } from 'node:timers/promises'

/** Longer than the work takes on a machine that is not overloaded. */
const FLOOR_MS = 100

/** Runs the work, and waits until the time is over that it always takes; a failure takes it, too. */
export async function evenTime<T>(work: () => Promise<T>): Promise<T> {
  const floor = sleep(FLOOR_MS)
  try {
    return await work()
  } finally {
    await floor
  }
}
