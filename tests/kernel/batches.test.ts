/** Those who come while others are served share the next turn; each gets their own answer. */
import { describe, expect, it } from 'vitest'
import { Batches } from '../../src/kernel/batches.ts'

/** Batches whose work waits to be let go, with what each turn had in hand. */
function gated(fails: (items: string[]) => Error | undefined = () => undefined) {
  const turns: string[][] = []
  const gates: (() => void)[] = []
  const batches = new Batches<string, string>({
    async all(_key, items) {
      turns.push(items)
      await new Promise<void>((resolve) => gates.push(resolve))
      const error = fails(items)
      if (error) throw error
      return items.map((item) =>
        item.startsWith('bad')
          ? { status: 'rejected', reason: new Error(item) }
          : { status: 'fulfilled', value: `done ${item}` },
      )
    },
    nameOf: (item) => item.split(' ')[0] ?? '',
    mayBeOf: (error) => !String(error).includes('busy'),
  })
  /** Lets turns go until nobody waits. */
  const go = async (doing: Promise<unknown>[]) => {
    let over = false
    const all = Promise.allSettled(doing).then((ends) => {
      over = true
      return ends
    })
    while (!over) {
      gates.shift()?.()
      await new Promise((resolve) => setImmediate(resolve))
    }
    return all
  }
  return { batches, turns, go }
}

const words = (ends: PromiseSettledResult<unknown>[]) =>
  ends.map((end) => (end.status === 'fulfilled' ? end.value : String(end.reason)))

describe('batches', () => {
  it('let those who come meanwhile share one turn, and answer each', async () => {
    const { batches, turns, go } = gated()
    const ends = await go(['a', 'b', 'bad', 'd'].map((item) => batches.run('k', item)))
    expect(turns).toEqual([['a'], ['b', 'bad', 'd']])
    expect(words(ends)).toEqual(['done a', 'done b', 'Error: bad', 'done d'])
  })

  it('take two of one name one after another', async () => {
    const { batches, turns, go } = gated()
    await go(['a', 'b 1', 'b 2', 'c', 'b 3'].map((item) => batches.run('k', item)))
    expect(turns).toEqual([['a'], ['b 1', 'c'], ['b 2'], ['b 3']])
  })

  it('keep nobody waiting behind more than a turn can hold', async () => {
    const { batches, turns, go } = gated()
    await go(Array.from({ length: 200 }, (_, n) => batches.run('k', `${n}`)))
    expect(turns.map(({ length }) => length)).toEqual([1, 64, 64, 64, 7])
  })

  it('serve other keys at the same time', async () => {
    const { batches, turns, go } = gated()
    const doing = [batches.run('k', 'a'), batches.run('l', 'b')]
    expect(turns).toEqual([['a'], ['b']])
    await go(doing)
  })

  it('try each alone when one may have spoiled it for all', async () => {
    const { batches, go } = gated((items) =>
      items.includes('poison') ? new Error('NUL') : undefined,
    )
    const ends = await go(['a', 'b', 'poison', 'd'].map((item) => batches.run('k', item)))
    expect(words(ends)).toEqual(['done a', 'done b', 'Error: NUL', 'done d'])
  })

  it('tell all when it is nobody’s fault, and serve who comes afterwards', async () => {
    let busy = true
    const { batches, turns, go } = gated(() => (busy ? new Error('busy') : undefined))
    const ends = await go(['a', 'b', 'c'].map((item) => batches.run('k', item)))
    expect(words(ends)).toEqual(['Error: busy', 'Error: busy', 'Error: busy'])
    expect(turns).toHaveLength(2)
    busy = false
    expect(words(await go([batches.run('k', 'd')]))).toEqual(['done d'])
  })
})
