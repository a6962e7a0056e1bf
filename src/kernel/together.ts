/** Things done at once that end together: none goes on in the background after another has failed. Pure. */
import pLimit from 'p-limit'

/** Waits for all. @returns what each came to @throws what the first of them threw, once all have ended */
export async function together<T extends readonly unknown[]>(
  doing: readonly [...{ [K in keyof T]: Promise<T[K]> }],
): Promise<T> {
  await Promise.allSettled(doing)
  return Promise.all(doing) as Promise<unknown> as Promise<T>
}

/** Does something for each of many, for so many at once. @throws what the first of them threw, once all have ended */
export async function sideBySide<T>(
  many: readonly T[],
  at_once: number,
  each: (one: T) => Promise<void>,
): Promise<void> {
  const limit = pLimit(at_once)
  await together(many.map((one) => limit(each, one)))
}
