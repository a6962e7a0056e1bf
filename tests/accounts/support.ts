/** A browser without a screen: posts forms, keeps cookies, reads the mail that the portal queued. */
import { asc } from 'drizzle-orm'
import { mail } from '../../db/schema/kernel.ts'
import type { Flash } from '../../src/kernel/forms.ts'
import { createPortal } from '../../src/portal.ts'
import type { TestApp } from '../support/test-app.ts'

export const password = 'a quiet harbour at dawn'

export class Browser {
  readonly cookies = new Map<string, string>()
  private readonly portal: ReturnType<typeof createPortal>

  constructor(app: TestApp) {
    this.portal = createPortal(app)
  }

  private async send(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers)
    headers.set('Cookie', [...this.cookies].map(([k, v]) => `${k}=${v}`).join('; '))
    const response = await this.portal.request(`http://portal.test${path}`, { ...init, headers })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (value === '') this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
    return response
  }

  get(path: string, headers: Record<string, string> = {}) {
    return this.send(path, { headers })
  }

  json(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
    return this.send(path, {
      method,
      headers: { 'Content-Type': 'application/json', ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  }

  /** @returns where it leads, and what the next page would say */
  async post(path: string, form: Record<string, string> = {}) {
    const response = await this.send(path, {
      method: 'POST',
      headers: { Origin: 'http://portal.test' },
      body: new URLSearchParams(form),
    })
    const raw = this.cookies.get('slipway_flash')
    this.cookies.delete('slipway_flash')
    const flash = raw ? (JSON.parse(Buffer.from(raw, 'base64url').toString()) as Flash) : undefined
    return { status: response.status, to: response.headers.get('Location'), flash }
  }
}

export function letters(app: TestApp) {
  return app.db.select().from(mail).orderBy(asc(mail.id))
}

/** The token in the newest letter to an address. */
export async function mailedToken(app: TestApp, email: string): Promise<string> {
  const last = (await letters(app)).filter(({ to }) => to === email).at(-1)
  const token = /\?token=([\w-]+)/.exec(last?.body ?? '')?.[1]
  if (!token) throw new Error(`no link was mailed to ${email}`)
  return token
}

/** A verified person in a browser of their own. */
export async function join(app: TestApp, username: string): Promise<Browser> {
  const browser = new Browser(app)
  const email = `${username}@example.org`
  await browser.post('/account/sign-up', { username, email, password })
  const token = await mailedToken(app, email)
  const { to } = await browser.post('/account/verify', { token, password })
  if (to !== '/account') throw new Error(`${username} could not join: ${to}`)
  return browser
}
