/** Templates of package sources. */
import { describe, expect, test } from 'vitest'
import { renderedName, renderSource } from '../../src/kernel/template.ts'

describe('renderSource', () => {
  test('fills every variable, literally', () => {
    expect(
      renderSource('name=@NAME@ at @URL@/@NAME@', { NAME: 'Keel $& Linux', URL: 'http://x' }),
    ).toBe('name=Keel $& Linux at http://x/Keel $& Linux')
  })

  test('names all that have no value', () => {
    expect(() => renderSource('@B@ @A@ @NAME@ @toString@', { NAME: 'x' })).toThrow(
      'no value for A, B.',
    )
    expect(() => renderSource('@CONSTRUCTOR@ @__PROTO__@', {})).toThrow('CONSTRUCTOR')
  })

  test('does not look into values', () => {
    expect(renderSource('@A@', { A: '@B@' })).toBe('@B@')
  })

  test('leaves addresses and lone signs alone', () => {
    const text = 'me@keel.example @ @@ @lower@ 50@'
    expect(renderSource(text, {})).toBe(text)
  })
})

test('renderedName', () => {
  expect(renderedName('keel.repo.in')).toBe('keel.repo')
  expect(renderedName('keel.repo')).toBeUndefined()
  expect(renderedName('.in')).toBeUndefined()
})
