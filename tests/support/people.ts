/** People of a real portal: they sign up by form, read their mail on disk and hold API tokens. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Api } from './api.ts'
import type { Portal } from './portal.ts'
import { until } from './until.ts'

export const password = 'seven knots to windward'

type Scope = 'read' | 'vote' | 'package' | 'admin'

/** Session cookie that an answer sets. */
function cookieOf(response: Response): string {
  const cookie = response.headers
    .getSetCookie()
    .map((line) => line.split(';')[0] ?? '')
    .find((each) => each.startsWith('slipway_session='))
  if (!cookie) throw new Error(`no session: ${response.status} ${response.headers.get('location')}`)
  return cookie
}

function post(portal: Portal, path: string, form: Record<string, string>): Promise<Response> {
  return fetch(`${portal.url}${path}`, {
    method: 'POST',
    headers: { Origin: portal.url },
    body: new URLSearchParams(form),
    redirect: 'manual',
  })
}

/** Undoes quoted-printable (RFC 2045, 6.7), in which letters hold their links. */
const plain = (letter: string) =>
  letter
    .replace(/=\r?\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))

/** Letters to an address, oldest first. */
export function lettersTo(portal: Portal, email: string): string[] {
  const folder = join(portal.data, 'mail')
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => name.endsWith('.eml'))
    .sort()
    .map((name) => plain(readFileSync(join(folder, name), 'utf8')))
    .filter((letter) => letter.includes(`To: ${email}`))
}

/** The link that was mailed to an address last. */
export function mailedLink(portal: Portal, email: string): Promise<string> {
  return until(`a link for ${email}`, () => {
    const last = lettersTo(portal, email).at(-1)
    return last?.match(/http\S+\?token=[\w-]+/)?.[0]
  })
}

const tokenIn = (link: string) => new URL(link).searchParams.get('token') ?? ''

async function withToken(portal: Portal, cookie: string, scopes: Scope[]): Promise<Api> {
  const session = new Api(portal.url, { Cookie: cookie })
  const made = await session.post<{ token: string }>('/api/account/tokens', {
    name: 'test',
    scopes,
  })
  return new Api(portal.url, { Authorization: `Bearer ${made.token}` })
}

/** Takes the printed link and becomes administrator and packager. */
export async function becomeAdmin(portal: Portal, username = 'harbour-master'): Promise<Api> {
  const token = tokenIn(await portal.firstAdminLink())
  const form = { token, username, email: `${username}@example.org`, password }
  const cookie = cookieOf(await post(portal, '/account/first-admin', form))
  return withToken(portal, cookie, ['read', 'vote', 'package', 'admin'])
}

/** Logs in by form. @returns the Cookie header of the session */
export async function logIn(portal: Portal, login: string): Promise<string> {
  return cookieOf(await post(portal, '/account/log-in', { login, password }))
}

/** Signs up, opens the mailed link, makes a token. */
export async function signUp(
  portal: Portal,
  username: string,
  scopes: Scope[] = ['read', 'vote'],
): Promise<Api> {
  const email = `${username}@example.org`
  await post(portal, '/account/sign-up', { username, email, password })
  const token = tokenIn(await mailedLink(portal, email))
  const cookie = cookieOf(await post(portal, '/account/verify', { token, password }))
  return withToken(portal, cookie, scopes)
}

/** A person whom the administrator makes a packager. */
export async function signUpPackager(portal: Portal, admin: Api, username: string): Promise<Api> {
  const packager = await signUp(portal, username, ['read', 'vote', 'package'])
  const reason = 'Builds packages in this test.'
  await admin.put(`/api/people/${username}/roles/packager`, { reason })
  return packager
}
