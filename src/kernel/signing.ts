/**
 * The distribution's OpenPGP key, by GnuPG: made once, kept in SLIPWAY_DATA/keys, used for packages' headers
 * and for detached signatures of metadata. Only the worker and the CLI call what signs; nothing here looks into
 * what is signed.
 */

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { dataPath } from './config.ts'
import type { App } from './context.ts'
import { flushTree, makeFolder, writeDurably } from './durable.ts'

const run = promisify(execFile)

const gnupgHome = (app: App) => dataPath(app.config, 'keys', 'gnupg')
const publicKeyFile = (app: App) => dataPath(app.config, 'keys', 'public.asc')

function gpg(app: App, args: string[]) {
  return run('gpg', ['--homedir', gnupgHome(app), '--batch', '--yes', '--quiet', ...args], {
    maxBuffer: 16 * 1024 * 1024,
  })
}

/**
 * Makes the key where there is none (RSA 3072, which every rpm since EL 7 verifies) and exports its
 * public half. Does nothing when that is done.
 */
export async function ensureSigningKey(app: App): Promise<void> {
  if (existsSync(publicKeyFile(app))) return
  const { name, email } = app.distribution.signing
  await makeFolder(gnupgHome(app), 0o700)
  const { stdout: known } = await gpg(app, ['--list-secret-keys', '--with-colons'])
  if (!known.includes('sec:'))
    await gpg(app, [
      ...['--passphrase', '', '--quick-generate-key', `${name} <${email}>`],
      ...['rsa3072', 'sign', 'never'],
    ])
  // GnuPG itself flushes nothing; a public key whose private one is gone would be for ever.
  await flushTree(gnupgHome(app))
  const { stdout: armored } = await gpg(app, ['--armor', '--export', email])
  await writeDurably(publicKeyFile(app), armored)
}

/** The armored public key. @throws Error when ensureSigningKey has not run */
export function publicKey(app: App): Promise<string> {
  return readFile(publicKeyFile(app), 'utf8')
}

/** Fingerprint of the key, forty hexadecimal digits. */
export async function signingFingerprint(app: App): Promise<string> {
  const { email } = app.distribution.signing
  const { stdout } = await gpg(app, ['--with-colons', '--list-keys', `<${email}>`])
  const found = /^fpr:+([0-9A-F]{40,}):/m.exec(stdout)?.[1]
  if (!found) throw new Error(`gpg lists no fingerprint for ${email}`)
  return found
}

/** An armored detached signature of a file's bytes. */
export async function signDetached(app: App, file: string): Promise<string> {
  const user = app.distribution.signing.email
  const { stdout } = await gpg(app, [
    ...['--local-user', user, '--digest-algo', 'SHA256', '--armor'],
    ...['--detach-sign', '--output', '-', file],
  ])
  return stdout
}

/** A binary detached signature of a file's bytes, as packages carry it. */
export async function signBytes(app: App, file: string): Promise<Buffer> {
  const user = app.distribution.signing.email
  const { stdout } = await run(
    'gpg',
    [
      ...['--homedir', gnupgHome(app), '--batch', '--yes', '--quiet', '--no-armor'],
      ...['--local-user', user, '--digest-algo', 'SHA256', '--detach-sign', '--output', '-', file],
    ],
    { maxBuffer: 1024 * 1024, encoding: 'buffer' },
  )
  return stdout
}
