/**
 * Source packages that rpmbuild would never make: names of files changed to paths, with every digest
 * made right again, so that nothing but the path can be the reason of a refusal. Layout of the file:
 * rpm's format manual (lead of 96 bytes, signature header padded to 8, header, payload).
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const LEAD_BYTES = 96

function headerBytes(file: Buffer, at: number): number {
  return 16 + file.readUInt32BE(at + 8) * 16 + file.readUInt32BE(at + 12)
}

const digest = (algorithm: string, ...parts: Buffer[]) => {
  const hash = createHash(algorithm)
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** Replaces equal lengths of bytes wherever they are. */
function replaceAll(bytes: Buffer, from: Buffer, to: Buffer): Buffer {
  if (from.length !== to.length) throw new Error('a replacement must be of the same length')
  const changed = Buffer.from(bytes)
  let found = 0
  for (let at = changed.indexOf(from); at >= 0; at = changed.indexOf(from, at + 1)) {
    to.copy(changed, at)
    found += 1
  }
  if (found === 0) throw new Error(`${from.toString('latin1')} is not there`)
  return changed
}

const hex = (bytes: Buffer) => Buffer.from(bytes.toString('hex'))

/** @param name path of a source file in it; @returns the whole source package */
export function srpmWithPath(spec: string, name: string): Buffer {
  const top = mkdtempSync(join(tmpdir(), 'slipway-hostile-'))
  const plain = 'x'.repeat(name.length)
  // Not written out in the spec: its text, and with it its digest, must stay as it is.
  const written = `%{lua:print(string.rep("x", ${name.length}))}`
  mkdirSync(join(top, 'SOURCES'))
  writeFileSync(join(top, 'SOURCES', plain), 'harm\n')
  writeFileSync(join(top, 'hostile.spec'), spec.replace('@SOURCE@', written))
  const defines = [
    `_topdir ${top}`,
    'dist .kl10',
    '_source_payload w.ufdio',
    '_source_filedigest_algorithm 8',
  ]
  execFileSync(
    'rpmbuild',
    [
      '-bs',
      '--nodeps',
      ...defines.flatMap((each) => ['--define', each]),
      join(top, 'hostile.spec'),
    ],
    { stdio: 'pipe' },
  )
  const [made = ''] = readdirSync(join(top, 'SRPMS'))
  return rename(readFileSync(join(top, 'SRPMS', made)), plain, name)
}

function rename(file: Buffer, from: string, to: string): Buffer {
  const signatureEnd = LEAD_BYTES + headerBytes(file, LEAD_BYTES)
  const headerAt = Math.ceil(signatureEnd / 8) * 8
  const payloadAt = headerAt + headerBytes(file, headerAt)
  const old = { header: file.subarray(headerAt, payloadAt), payload: file.subarray(payloadAt) }
  const payload = replaceAll(old.payload, Buffer.from(from), Buffer.from(to))
  let header: Buffer = replaceAll(old.header, Buffer.from(`${from}\0`), Buffer.from(`${to}\0`))
  header = replaceAll(header, hex(digest('sha256', old.payload)), hex(digest('sha256', payload)))
  let signature: Buffer = Buffer.from(file.subarray(0, headerAt))
  for (const algorithm of ['sha1', 'sha256'])
    signature = replaceAll(
      signature,
      hex(digest(algorithm, old.header)),
      hex(digest(algorithm, header)),
    )
  signature = replaceAll(
    signature,
    digest('md5', old.header, old.payload),
    digest('md5', header, payload),
  )
  return Buffer.concat([signature, header, payload])
}
