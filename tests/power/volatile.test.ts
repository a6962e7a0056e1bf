/** That a loss of power, as the tests of power make it, loses all that was not flushed, and nothing that was. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Power } from './power.ts'

let beside: string
let folder: string
let power: Power
beforeEach(() => {
  beside = mkdtempSync(join(tmpdir(), 'slipway-power-'))
  folder = join(beside, 'folder')
  mkdirSync(folder)
  power = new Power(folder, beside)
})
afterEach(() => rmSync(beside, { recursive: true }))

/** Runs a program in the folder, which then loses power. @returns files and what is in them */
function leavings(program: string): Record<string, string> {
  const prelude = `
    const { open, rename, mkdir, writeFile, link, unlink, symlink } = require('node:fs/promises')
    const flush = async (path) => { const h = await open(path); await h.sync(); await h.close() }
    ;(async () => { ${program} })()`
  const env = { ...process.env, ...power.env }
  execFileSync(process.execPath, ['-e', prelude], { cwd: folder, env, stdio: 'pipe' })
  power.lose()
  const found: Record<string, string> = {}
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const name = path.slice(folder.length + 1)
    found[name] = entry.isDirectory() ? '/' : readFileSync(path, 'utf8')
  }
  return found
}

describe('a loss of power', () => {
  it('takes a file that was only written', () => {
    expect(leavings(`await writeFile('a', 'x')`)).toEqual({})
  })

  it('takes the name of a file whose bytes alone were flushed', () => {
    expect(leavings(`await writeFile('a', 'x'); await flush('a')`)).toEqual({})
  })

  it('takes the bytes of a file whose name alone was flushed', () => {
    expect(leavings(`await writeFile('a', 'x'); await flush('.')`)).toEqual({ a: '' })
  })

  it('leaves a file that was flushed with its folder, as it was then', () => {
    const program = `await writeFile('a', 'x', { flush: true }); await flush('.'); await writeFile('a', 'yy')`
    expect(leavings(program)).toEqual({ a: 'x' })
  })

  it('undoes a rename, a removal and a link until their folder is flushed', () => {
    const made = `for (const n of ['a', 'b', 'c']) await writeFile(n, n, { flush: true }); await flush('.')`
    const changed = `await rename('a', 'b'); await unlink('c'); await link('b', 'd'); await symlink('b', 'e')`
    expect(leavings(`${made}; ${changed}`)).toEqual({ a: 'a', b: 'b', c: 'c' })
    expect(leavings(`${changed}; await flush('.')`)).toEqual({ b: 'a', d: 'a', e: 'a' })
    const [b, d] = ['b', 'd'].map((name) => statSync(join(folder, name)).ino)
    expect(b).toBe(d)
  })

  it('takes what is in a folder that is only named by a flushed one', () => {
    const program = `await mkdir('f'); await writeFile('f/a', 'x', { flush: true }); await flush('.')`
    expect(leavings(program)).toEqual({ f: '/' })
    expect(leavings(`await writeFile('f/a', 'x', { flush: true }); await flush('f')`)).toEqual({
      f: '/',
      'f/a': 'x',
    })
  })

  it('gives no file the bytes of one that is gone, though it has its number', () => {
    const program = `for (let n = 0; n < 50; n++) {
      await writeFile('old', 'old', { flush: true }); await flush('.'); await unlink('old')
      await writeFile('new' + n, 'new'); await flush('.')
    }`
    expect(Object.values(leavings(program)).filter((text) => text !== '')).toEqual([])
  })

  it('leaves a database what it has committed, and not what it has begun', () => {
    const database = join(import.meta.dirname, '../../node_modules/better-sqlite3')
    const program = `
      const db = new (require(${JSON.stringify(database)}))('db')
      db.pragma('journal_mode = WAL'); db.pragma('synchronous = FULL')
      db.exec('create table t (n)'); for (let n = 0; n < 500; n++) db.prepare('insert into t values (?)').run(n)
      db.exec('begin; insert into t values (500)'); process.kill(process.pid, 'SIGKILL')`
    expect(() => leavings(program)).toThrow()
    power.lose()
    const read = `const db = new (require(${JSON.stringify(database)}))('db', { readonly: true })
      console.log(db.prepare('select count(*) from t').pluck().get(), db.pragma('integrity_check', { simple: true }))`
    const said = execFileSync(process.execPath, ['-e', read], { cwd: folder, encoding: 'utf8' })
    expect(said).toBe('500 ok\n')
  })
})
