import { describe, expect, it } from 'vitest'
import { passwordFaults } from '../../src/accounts/password.ts'
import { hashPassword, requireGoodPassword } from '../../src/accounts/passwords.ts'

const faults = (password: string) =>
  passwordFaults(password, {
    common: new Set(['correcthorse']),
    known: ['marie', 'marie@example.org'],
  }).map((each) => each.code)

describe('a password', () => {
  it.each([
    ['ninechars', 'password.short'],
    ['日本語のパス', 'password.short'],
    ['x'.repeat(257), 'password.long'],
    ['CorrectHorse', 'password.common'],
    ['ＣorrectＨorse', 'password.common'],
    ['ababababababab', 'password.repeats'],
    ['marie12mariemarie', 'password.known'],
    ['Marie@Example.org1', 'password.known'],
  ])('%s is refused: %s', (password, code) => {
    expect(faults(password)).toEqual([code])
  })

  it.each([
    'ten chars!',
    'marie rides an old blue bicycle',
    'とても長いパスワード',
    '🐋🐙🦀🐠🐬🦑🐡🐚🦈🐳',
  ])('%s is fine', (password) => {
    expect(faults(password)).toEqual([])
  })

  it('of the shipped list is refused', () => {
    expect(() => requireGoodPassword('1Q2w3e4r5T', [])).toThrow('input.invalid')
    expect(() => requireGoodPassword('# Passwords of ten', [])).not.toThrow()
  })

  it('is kept as argon2id of at least OWASP cost', async () => {
    expect(await hashPassword('any password')).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  })
})
