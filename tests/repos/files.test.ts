/** Files under /pub as download programs ask for them: parts, resuming, what is known already. */
import { chmodSync, mkdirSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPortal } from '../../src/portal.ts'
import { partOf } from '../../src/repos/range.ts'
import { type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
let portal: ReturnType<typeof createPortal>
let file: string
beforeAll(async () => {
  app = await testApp()
  portal = createPortal(app)
  file = join(app.config.data_dir, 'pub/image.iso')
  writeFileSync(file, '0123456789')
  writeFileSync(join(app.config.data_dir, 'pub/empty'), '')
  writeFileSync(join(app.config.data_dir, 'pub/libstdc++-1.rpm'), 'rpm')
})
afterAll(() => app.end())

const ask = (headers: Record<string, string> = {}, method = 'GET') =>
  portal.request('/pub/image.iso', { method, headers })

describe('a part of a file', () => {
  it('is sent where one is asked for, whichever way', async () => {
    const cases: [string, string, string][] = [
      ['bytes=0-3', '0123', 'bytes 0-3/10'],
      ['bytes=4-', '456789', 'bytes 4-9/10'],
      ['bytes=-2', '89', 'bytes 8-9/10'],
      ['bytes=-200', '0123456789', 'bytes 0-9/10'],
      ['bytes=8-200', '89', 'bytes 8-9/10'],
    ]
    for (const [range, text, said] of cases) {
      const answer = await ask({ Range: range })
      expect(answer.status, range).toBe(206)
      expect(await answer.text(), range).toBe(text)
      expect(answer.headers.get('Content-Range'), range).toBe(said)
      expect(answer.headers.get('Content-Length'), range).toBe(String(text.length))
    }
  })

  it('is refused with the size where the file has no such part', async () => {
    for (const range of ['bytes=10-', 'bytes=11-12', 'bytes=-0']) {
      const answer = await ask({ Range: range })
      expect(answer.status, range).toBe(416)
      expect(answer.headers.get('Content-Range')).toBe('bytes */10')
    }
  })

  it('comes with others in one answer, each under its own head', async () => {
    const answer = await ask({ Range: 'bytes=0-1, 4-5,20-30,-1' })
    expect(answer.status).toBe(206)
    const type = answer.headers.get('Content-Type') ?? ''
    const boundary = /^multipart\/byteranges; boundary=(\w+)$/.exec(type)?.[1] ?? ''
    const text = await answer.text()
    expect(answer.headers.get('Content-Length')).toBe(String(text.length))
    const parts = text.split(`\r\n--${boundary}`).slice(1, -1)
    const read = parts.map((part) => part.split('\r\n\r\n'))
    expect(read.map(([head]) => /Content-Range: (.*)/.exec(head ?? '')?.[1])).toEqual([
      'bytes 0-1/10',
      'bytes 4-5/10',
      'bytes 9-9/10',
    ])
    expect(read.map(([, body]) => body)).toEqual(['01', '45', '9'])
    expect(text.endsWith(`\r\n--${boundary}--\r\n`)).toBe(true)
  })

  it('gives way to the whole for ranges back and forth, too many, other units and nonsense', async () => {
    const many = Array.from({ length: 101 }, (_, at) => `${at}-${at}`).join()
    const wild = ['bytes=4-5,0-1', 'bytes=0-4,2-6', `bytes=${many}`, 'bytes=0-1,x', 'bytes=0-1,']
    for (const range of [...wild, 'lines=1-2', 'bytes=', 'bytes=-', 'bytes=5-2', 'x']) {
      const answer = await ask({ Range: range })
      expect(answer.status, range).toBe(200)
      expect(await answer.text()).toBe('0123456789')
    }
  })

  it('belongs to the version that the client began with, or it begins anew', async () => {
    const first = await ask()
    const etag = first.headers.get('ETag') ?? ''
    const modified = first.headers.get('Last-Modified') ?? ''
    for (const known of [etag, modified])
      expect((await ask({ Range: 'bytes=4-', 'If-Range': known })).status).toBe(206)
    for (const other of ['"other"', `W/${etag}`, 'Mon, 01 Jan 2001 00:00:00 GMT'])
      expect((await ask({ Range: 'bytes=4-', 'If-Range': other })).status, other).toBe(200)
    writeFileSync(`${file}.part`, 'abcdefghij')
    renameSync(`${file}.part`, file)
    const after = await ask({ Range: 'bytes=4-', 'If-Range': etag })
    expect(await after.text()).toBe('abcdefghij')
    writeFileSync(file, '0123456789')
  })
})

describe('a file', () => {
  it('is announced by HEAD without a body, whatever range is asked', async () => {
    const answer = await ask({ Range: 'bytes=0-3' }, 'HEAD')
    expect(answer.status).toBe(200)
    expect(answer.headers.get('Content-Length')).toBe('10')
    expect(answer.headers.get('Accept-Ranges')).toBe('bytes')
    expect(await answer.text()).toBe('')
  })

  it('is not sent again to who has it', async () => {
    const first = await ask()
    expect((await ask({ 'If-None-Match': first.headers.get('ETag') ?? '' })).status).toBe(304)
    const since = { 'If-Modified-Since': new Date(statSync(file).mtimeMs).toUTCString() }
    expect((await ask(since)).status).toBe(304)
    expect((await ask({ ...since, 'If-None-Match': '"other"' })).status).toBe(200)
  })

  it('may be empty, or have signs in its name', async () => {
    const empty = await portal.request('/pub/empty')
    expect([empty.status, await empty.text()]).toEqual([200, ''])
    for (const name of ['libstdc++-1.rpm', 'libstdc%2B%2B-1.rpm'])
      expect(await (await portal.request(`/pub/${name}`)).text(), name).toBe('rpm')
  })
})

it('a folder lists what is in it by addresses that lead there, whatever signs are in a name', async () => {
  const folder = join(app.config.data_dir, 'pub/odd')
  mkdirSync(join(folder, 'deeper#'), { recursive: true })
  writeFileSync(join(folder, 'deeper#/file'), 'x')
  for (const name of ['a#b', 'what?', 'x:y', '100%', 'a&b "c"'])
    writeFileSync(join(folder, name), name)
  const listed = async (path: string) => {
    const html = await (await portal.request(path)).text()
    return [...html.matchAll(/<li><a href="([^"]+)"/g)].map(
      ([, href = '']) =>
        new URL(href.replaceAll('&amp;', '&'), `http://portal.test${path}`).pathname,
    )
  }
  const paths = await listed('/pub/odd/')
  expect(paths).toHaveLength(7)
  for (const path of paths) expect((await portal.request(path)).status, path).toBe(200)
  const deeper = paths.find((path) => path.includes('deeper')) ?? ''
  expect(await listed(deeper)).toEqual(['/pub/odd/', `${deeper}file`])
})

it('what is half made is not there, by no name', async () => {
  const pub = join(app.config.data_dir, 'pub')
  mkdirSync(join(pub, 'tree.part'))
  writeFileSync(join(pub, 'tree.part/file'), 'half')
  writeFileSync(join(pub, 'half.iso.part'), 'half')
  for (const path of ['half.iso.part', 'half.iso%2epart', 'tree.part/', 'tree.part/file'])
    expect((await portal.request(`/pub/${path}`)).status, path).toBe(404)
})

it('a header of nothing but blanks takes no time', () => {
  const version = { size_bytes: 1, etag: '"e"', last_modified: new Date(0).toUTCString() }
  const asked = { range: undefined, if_range: undefined, if_modified_since: undefined }
  const if_none_match = `"a${' '.repeat(100_000)}b"`
  const began = performance.now()
  expect(partOf(version, { ...asked, if_none_match }).status).toBe(200)
  expect(performance.now() - began).toBeLessThan(500)
  expect(partOf(version, { ...asked, if_none_match: 'W/"x" ,  W/"e"' })).toEqual({ status: 304 })
})

it('a range of an empty file is none', () => {
  const version = { size_bytes: 0, etag: '"e"', last_modified: new Date(0).toUTCString() }
  const asked = { if_range: undefined, if_none_match: undefined, if_modified_since: undefined }
  expect(partOf(version, { ...asked, range: 'bytes=0-' })).toEqual({ status: 416 })
})

describe('what is not readable by all', () => {
  const pub = (path: string) => join(app.config.data_dir, 'pub', path)
  const status = async (path: string) => (await portal.request(`/pub/${path}`)).status
  beforeAll(() => {
    mkdirSync(pub('held/os/Packages'), { recursive: true })
    mkdirSync(pub('free'), { recursive: true })
    for (const path of ['held/os/Packages/secret.rpm', 'held/open.iso', 'free/early.iso'])
      writeFileSync(pub(path), 'secret')
    writeFileSync(pub('free/now.iso'), 'now')
    symlinkSync('../held/os', pub('free/os'))
    symlinkSync('../free', pub('held/links'))
    chmodSync(pub('held/os'), 0o750)
    chmodSync(pub('free/early.iso'), 0o640)
  })

  it('is not there for anyone: no file, nothing below a folder, by links or not', async () => {
    for (const path of [
      'free/early.iso',
      'held/os/',
      'held/os/Packages/',
      'held/os/Packages/secret.rpm',
    ])
      expect(await status(path), path).toBe(404)
    for (const path of ['free/os/', 'free/os/Packages/secret.rpm'])
      expect(await status(path), path).toBe(404)
    for (const path of ['free/now.iso', 'held/open.iso', 'held/links/now.iso'])
      expect(await status(path), path).toBe(200)
  })

  it('is in no list', async () => {
    const free = await (await portal.request('/pub/free/')).text()
    expect(free).toContain('now.iso')
    expect(free).not.toMatch(/early|"os/)
    expect(await (await portal.request('/pub/held/')).text()).not.toContain('os/')
  })

  it('is not there for someone who knows a folder on the way that is', async () => {
    chmodSync(pub('held'), 0o700)
    for (const path of ['held/', 'held/open.iso', 'held/links/now.iso'])
      expect(await status(path), path).toBe(404)
    expect(await status('free/now.iso')).toBe(200)
    chmodSync(pub('held'), 0o755)
    chmodSync(pub('free/early.iso'), 0o644)
    expect(await status('held/open.iso')).toBe(200)
    expect(await status('free/early.iso')).toBe(200)
  })
})
