/** Where a package is in one repository: the rule. */
import { expect, it } from 'vitest'
import { type PlacedBuild, type PlaceFacts, standingIn } from '../../src/repos/place.ts'

const build = (version: string, arches = ['x86_64', 'src']): PlacedBuild => ({
  ...{ nvr: `hello-${version}-1.kl10`, epoch: 0, version, release: '1.kl10', arches },
})
const at = (change: Partial<PlaceFacts>) => {
  const facts = { stage: 'stable' as const, arch: 'x86_64', published: [], tagged: [], ...change }
  const { nvr, older, reasons } = standingIn(facts)
  return { nvr, older, reasons: reasons.map(({ code }) => code) }
}

it('names the newest that clients get by rpm’s order, and the older ones kept beside it', () => {
  const [two, ten] = [build('2'), build('10')]
  expect(at({ published: [two, ten], tagged: [two, ten] })).toEqual({
    ...{ nvr: ten.nvr, older: [two.nvr], reasons: [] },
  })
})

it('tells what the next push brings and takes away', () => {
  const [old, fresh] = [build('1'), build('2')]
  expect(at({ tagged: [old] })).toEqual({ nvr: undefined, older: [], reasons: ['place.next-push'] })
  expect(at({ published: [old], tagged: [old, fresh] })).toMatchObject({
    ...{ nvr: old.nvr, reasons: ['place.next-push'] },
  })
  expect(at({ published: [old] })).toMatchObject({ nvr: old.nvr, reasons: ['place.leaves'] })
})

it('says why it is not there: nothing in this stage, or nothing for this arch', () => {
  expect(at({}).reasons).toEqual(['place.none-stable'])
  expect(at({ stage: 'testing' }).reasons).toEqual(['place.none-testing'])
  expect(at({ arch: 'aarch64', tagged: [build('1')] }).reasons).toEqual(['place.no-arch'])
  expect(at({ arch: 'aarch64', tagged: [build('1', ['noarch'])] }).reasons).toEqual([
    'place.next-push',
  ])
  expect(at({ arch: 'src', tagged: [build('1', ['noarch'])] }).reasons).toEqual(['place.no-arch'])
})
