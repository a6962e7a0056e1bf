/** The portal's API as a program calls it over HTTP, with the shapes that tests read. */

export interface Task {
  id: number
  parent_id: number | null
  method: string
  label: string
  state: 'FREE' | 'OPEN' | 'CLOSED' | 'CANCELED' | 'ASSIGNED' | 'FAILED'
  attempts: number
  holder: string | null
  progress: { done: number; total: number; note?: string } | null
  reason: { code: string; sentence: string } | null
  highlights: { line: number; text: string }[] | null
  children: Task[]
  waits_for: { code: string; sentence: string }[]
}

export interface Build {
  nvr: string
  name: string
  state: 'BUILDING' | 'COMPLETE' | 'DELETED' | 'FAILED' | 'CANCELED'
  bootstrap: boolean
  task_id: number
  reason: { code: string; sentence: string } | null
  rpms: { filename: string; arch: string; sha256: string; size_bytes: number }[]
  tags: string[]
}

export interface Update {
  alias: string
  status: 'pending' | 'testing' | 'stable' | 'obsolete' | 'unpushed'
  request: string | null
  karma: number
  waits_for: { code: string; sentence: string }[]
  ejected: { sentence: string }[]
  votes: { username: string; karma: number; withdrawn_at: string | null }[]
  comments: { author: string; text: string; karma: number | null }[]
}

/** What the portal answered when it refused: RFC 9457. */
export class Refusal extends Error {
  readonly status: number
  readonly code: string
  readonly field: string | undefined
  constructor(status: number, body: { detail?: string; code?: string; field?: string }) {
    super(body.detail ?? `no sentence, status ${status}`)
    this.status = status
    this.code = body.code ?? ''
    this.field = body.field
  }
}

export class Api {
  readonly url: string
  private readonly headers: Record<string, string>

  constructor(url: string, headers: Record<string, string> = {}) {
    this.url = url
    this.headers = headers
  }

  /** The personal token, for a command's environment. */
  get token(): string {
    return (this.headers.Authorization ?? '').replace('Bearer ', '')
  }

  /** @throws Refusal with the problem's sentence */
  async ask<T>(method: string, path: string, init: RequestInit = {}): Promise<T> {
    const headers = { ...this.headers, ...(init.headers as Record<string, string>) }
    const response = await fetch(`${this.url}${path}`, { ...init, method, headers })
    const text = await response.text()
    const body: unknown = /json/.test(response.headers.get('Content-Type') ?? '')
      ? JSON.parse(text)
      : {}
    if (!response.ok) throw new Refusal(response.status, body as { detail?: string })
    return body as T
  }

  get<T>(path: string): Promise<T> {
    return this.ask('GET', path)
  }

  private json<T>(method: string, path: string, body: unknown): Promise<T> {
    const headers = { 'Content-Type': 'application/json' }
    return this.ask(method, path, { headers, body: JSON.stringify(body) })
  }

  post<T>(path: string, body: unknown): Promise<T> {
    return this.json('POST', path, body)
  }

  put<T>(path: string, body: unknown): Promise<T> {
    return this.json('PUT', path, body)
  }

  /** Uploads a source package. */
  upload(bytes: Uint8Array<ArrayBuffer>): Promise<{ sha256: string; size_bytes: number }> {
    return this.ask('POST', '/api/sources', { body: bytes })
  }

  task(id: number): Promise<Task> {
    return this.get(`/api/tasks/${id}`)
  }

  update(alias: string): Promise<Update> {
    return this.get(`/api/updates/${alias}`)
  }

  /** All items of a list, page by page. */
  async all<T>(path: string): Promise<T[]> {
    const items: T[] = []
    for (let cursor = ''; ; ) {
      const next = `${path}${path.includes('?') ? '&' : '?'}limit=1000&cursor=${cursor}`
      const page = await this.get<{ items: T[]; next: string | null }>(next)
      items.push(...page.items)
      if (page.next === null) return items
      cursor = page.next
    }
  }
}
