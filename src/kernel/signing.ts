/**
 * The distribution's OpenPGP key, by GnuPG: made once, kept in SLIPWAY_DATA/keys, used for packages
 * (rpmsign) and for detached signatures of metadata. Only the worker and the CLI call what signs.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { dataPath } from './config.ts'
import type { App } from './context.ts'

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
  await mkdir(gnupgHome(app), { recursive: true, mode: 0o700 })
  const { stdout: known } = await gpg(app, ['--list-secret-keys', '--with-colons'])
  if (!known.includes('sec:'))
    await gpg(app, [
      ...['--passphrase', '', '--quick-generate-key', `${name} <${email}>`],
      ...['rsa3072', 'sign', 'never'],
    ])
  const { stdout: armored } = await gpg(app, ['--armor', '--export', email])
  await writeFile(`${publicKeyFile(app)}.part`, armored)
  await rename(`${publicKeyFile(app)}.part`, publicKeyFile(app))
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

/** Signs packages where they are, header and payload. Files are replaced, so none may be linked. */
export async function signPackages(app: App, files: string[]): Promise<void> {
  const { email } = app.distribution.signing
  await run(
    'rpmsign',
    [
      ...['--define', `_gpg_name ${email}`, '--define', `_gpg_path ${gnupgHome(app)}`],
      ...['--define', '__gpg /usr/bin/gpg', '--addsign', ...files],
    ],
    { env: { ...process.env, GNUPGHOME: gnupgHome(app) }, maxBuffer: 16 * 1024 * 1024 },
  )
}
