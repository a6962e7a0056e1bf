import { describe, expect, it } from 'vitest'
import { clientAddress } from '../../src/kernel/address.ts'

const trusted = ['10.0.0.0/8', '::1']

describe('the address of a client', () => {
  it.each([
    ['203.0.113.9', null, '203.0.113.9'],
    ['203.0.113.9', '198.51.100.1', '203.0.113.9'],
    ['10.1.2.3', '198.51.100.1', '198.51.100.1'],
    ['10.1.2.3', '192.0.2.66, 198.51.100.1', '198.51.100.1'],
    ['::1', '192.0.2.66, 198.51.100.1, 10.9.9.9', '198.51.100.1'],
    ['::ffff:10.1.2.3', '2001:DB8::1', '2001:db8::1'],
    ['10.1.2.3', 'unknown, <script>', '10.1.2.3'],
    ['10.1.2.3', null, '10.1.2.3'],
  ])('of peer %s with X-Forwarded-For %s is %s', (peer, forwarded, address) => {
    expect(clientAddress(peer, forwarded, trusted)).toBe(address)
  })

  it('is unknown without a socket', () => {
    expect(clientAddress(undefined, '198.51.100.1', trusted)).toBeUndefined()
  })
})
