import { describe, expect, it } from 'vitest'
import {
  cleanDisplayName,
  emailFaults,
  emailKey,
  rolesOf,
  usernameFaults,
  usernameKey,
} from '../../src/accounts/person.ts'
import { seededRandom } from '../support/test-app.ts'

const codes = (username: string) => usernameFaults(username, 'keel').map((each) => each.code)

describe('a username', () => {
  it.each(['marie', '0ad-fan', 'a-b-c', 'x'.repeat(32)])('may be %s', (username) => {
    expect(codes(username)).toEqual([])
  })

  it.each([
    'anna', // four
    'x'.repeat(33),
    '-marie',
    'marie-',
    'Marie',
    'mar ie',
    'márie',
    'ｍarie', // full-width m
    'маrie', // Cyrillic
    'marie\n',
    'marie\0',
    'ma/rie',
    '../../x',
  ])('may not be %j', (username) => {
    expect(codes(username)).toEqual(['username.form'])
  })

  it.each(['admin', 'a-d-m-i-n', 'keel-linux', 'release-engineering', 'security'])(
    '%s is kept',
    (username) => {
      expect(codes(username)).toEqual(['username.reserved'])
    },
  )

  it('is the same in upper case', () => {
    expect(usernameKey(' MaRie ')).toBe('marie')
  })

  it('of any bytes is refused, or is safe in addresses, mail headers and SQL', () => {
    const random = seededRandom('usernames')
    const alphabet = [...'abz09-_.@/\\\'"<>;%\n\r\0 ÄßＡ日\u202e\u0301']
    let accepted = 0
    for (let i = 0; i < 20_000; i++) {
      const bytes = random.bytes(40)
      const length = 1 + ((bytes[0] ?? 0) % 36)
      const letters = i % 2 === 0 ? alphabet : alphabet.slice(0, 6)
      const name = Array.from(bytes.subarray(1, 1 + length), (b) => letters[b % letters.length])
      const username = name.join('')
      if (codes(username).length > 0) continue
      accepted += 1
      expect(encodeURIComponent(username)).toBe(username)
      expect(username).toBe(usernameKey(username))
      expect(username.length).toBeGreaterThanOrEqual(5)
      expect(username.length).toBeLessThanOrEqual(32)
    }
    expect(accepted).toBeGreaterThan(1000)
  })
})

describe('an address', () => {
  it.each(['ann@example.org', 'ann+x@mail.example.co', 'jörg@exämple.de'])('may be %s', (email) => {
    expect(emailFaults(emailKey(email))).toEqual([])
  })
  it.each([
    'ann',
    'ann@localhost',
    'a@b@example.org',
    'ann@example.org\nBcc: all@example.org',
    'Ann <ann@example.org>',
    'ann@example.org,bob@example.org',
    `${'a'.repeat(250)}@example.org`,
    '',
  ])('may not be %j', (email) => {
    expect(emailFaults(email).map((each) => each.code)).toEqual(['email.form'])
  })
})

describe('a display name', () => {
  it('is one visible line', () => {
    expect(cleanDisplayName('  Ann\u202e\r\nBcc:\u0000  x ')).toBe('AnnBcc: x')
    expect([...cleanDisplayName('é'.repeat(500))].length).toBe(80)
  })
})

it('every person is a member, and more by grant', () => {
  expect(rolesOf([])).toEqual(['member'])
  expect(rolesOf(['packager', 'admin'])).toEqual(['admin', 'packager', 'member'])
})
