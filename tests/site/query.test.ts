import { describe, expect, it } from 'vitest'
import { encodeCursor } from '../../src/kernel/http.ts'
import { cursorOf, oneOf, partsOf, searched, withQuery } from '../../src/site/query.ts'
import { size } from '../../src/site/size.ts'

const at = (query: string) => new URL(`http://portal.test/updates${query}`)

describe('what a list reads from its address', () => {
  it('takes only words that it knows', () => {
    expect(oneOf(at('?status=testing'), 'status', ['testing', 'stable'])).toBe('testing')
    expect(oneOf(at('?status=constructor'), 'status', ['testing'])).toBeUndefined()
    expect(oneOf(at(''), 'status', ['testing'])).toBeUndefined()
  })

  it('bounds what is searched for', () => {
    expect(searched(at('?search=+keel+'), 'search')).toBe('keel')
    expect(searched(at(`?search=${'a'.repeat(5000)}`), 'search')).toHaveLength(100)
    expect(searched(at('?search=+'), 'search')).toBeUndefined()
  })

  it('begins again where the cursor is none of ours', () => {
    const cursor = encodeCursor(42)
    expect(cursorOf(at(`?cursor=${cursor}`))).toBe(cursor)
    for (const bad of ['%00', 'abc', '__proto__', 'e'.repeat(9999)])
      expect(cursorOf(at(`?cursor=${bad}`))).toBeUndefined()
  })

  it('keeps what else is chosen', () => {
    expect(withQuery(at('?status=testing&cursor=x'), { type: 'security', cursor: null })).toBe(
      '/updates?status=testing&type=security',
    )
    expect(withQuery(at('?status=testing'), { status: undefined })).toBe('/updates')
    expect(partsOf(at('?status=testing'), 'abc')).toEqual({
      next: '/updates?status=testing&cursor=abc',
      first: null,
    })
    expect(partsOf(at('?cursor=abc'), null)).toEqual({ next: null, first: '/updates' })
  })
})

describe('a size', () => {
  it.each([
    [0, '0 bytes'],
    [1, '1 byte'],
    [999, '999 bytes'],
    [1000, '1 kB'],
    [6468, '6.5 kB'],
    [4_200_000, '4.2 MB'],
    [12 * 1000 ** 4, '12 TB'],
    [5 * 1000 ** 5, '5,000 TB'],
  ])('of %i bytes reads %s', (bytes, text) => {
    expect(size(bytes, 'en')).toBe(text)
  })
})
