/** The portal's API as commands call it, with a personal token. */

export class PortalClient {
  readonly url: string
  private readonly token: string

  /** @param token personal API token, from /account */
  constructor(url: string, token: string) {
    this.url = url
    this.token = token
  }

  get<T>(path: string): Promise<T> {
    return this.ask<T>(path, {})
  }

  post<T>(path: string, body: unknown): Promise<T> {
    const headers = { 'Content-Type': 'application/json' }
    return this.ask<T>(path, { method: 'POST', body: JSON.stringify(body), headers })
  }

  upload<T>(path: string, body: ReadableStream<Uint8Array>, size_bytes: number): Promise<T> {
    const headers = {
      'Content-Type': 'application/octet-stream',
      'Content-Length': String(size_bytes),
    }
    return this.ask<T>(path, { method: 'POST', body, headers, duplex: 'half' })
  }

  /** @throws Error with the sentence of the problem that the portal answered */
  private async ask<T>(path: string, init: RequestInit & { duplex?: 'half' }): Promise<T> {
    const headers = { ...init.headers, Authorization: `Bearer ${this.token}` }
    const response = await fetch(`${this.url}${path}`, { ...init, headers })
    const body: unknown = await response.json().catch(() => ({}))
    if (response.ok) return body as T
    const problem = body as { detail?: string }
    throw new Error(problem.detail ?? `${this.url}${path} answered ${response.status}`)
  }
}
