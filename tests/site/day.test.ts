/** Days and addresses as the download page writes them. */
import { expect, it } from 'vitest'
import { onThisSite } from '../../src/site/downloads/address.ts'
import { day } from '../../src/site/downloads/day.ts'

it('a day is the one that its data names, wherever the server is', () => {
  expect(day('2032-05-31', 'en')).toBe('31 May 2032')
  expect(day('2026-11-24T23:59:59.000Z', 'en')).toBe('24 November 2026')
})

it('an address that was emitted leads to the site that shows it', () => {
  expect(onThisSite('https://portal.example/pub/a%2Bb.iso')).toBe('/pub/a%2Bb.iso')
})
