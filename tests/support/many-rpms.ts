/**
 * Thousands of real package files in seconds: one made by rpmbuild, then copies in which its name is another of
 * the same length and the digests over the header are made anew, so that every tool takes them for what they say.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const TOKEN = 'p000000'
const LEAD_BYTES = 96

/** Makes packages that differ in their names only. */
export class RpmTemplate {
  private readonly bytes: Buffer
  private readonly header: { start: number; end: number }
  private readonly digests: { sha1: string; sha256: string }

  private constructor(bytes: Buffer) {
    this.bytes = bytes
    const lengthAt = (at: number) =>
      16 + 16 * bytes.readUInt32BE(at + 8) + bytes.readUInt32BE(at + 12)
    const start = LEAD_BYTES + Math.ceil(lengthAt(LEAD_BYTES) / 8) * 8
    this.header = { start, end: start + lengthAt(start) }
    this.digests = this.digestsOf(bytes.subarray(this.header.start, this.header.end))
  }

  private digestsOf(header: Buffer) {
    const of = (algorithm: string) => createHash(algorithm).update(header).digest('hex')
    return { sha1: of('sha1'), sha256: of('sha256') }
  }

  /** @param requires capabilities that every package asks for */
  static async make(requires: string[] = []): Promise<RpmTemplate> {
    const top = mkdtempSync(join(tmpdir(), 'slipway-template-'))
    const asks = requires.map((each) => `Requires: ${each}\n`).join('')
    const ghosts = ['bin', 'share', 'lib'].map((name) => `%ghost /usr/${name}/${TOKEN}\n`).join('')
    const spec = `Name: ${TOKEN}\nVersion: 1\nRelease: 1\nSummary: A package of the bench\nLicense: MIT\nBuildArch: noarch\n${asks}%description\nIt stands for one of very many.\n%files\n${ghosts}%changelog\n* Mon Jan 05 2026 Bench <bench@keel.example> - 1-1\n- made\n`
    writeFileSync(join(top, 'package.spec'), spec)
    await run('rpmbuild', [
      '-bb',
      '--nodeps',
      '--define',
      `_topdir ${top}`,
      join(top, 'package.spec'),
    ])
    const folder = join(top, 'RPMS/noarch')
    const bytes = readFileSync(join(folder, readdirSync(folder)[0] ?? ''))
    rmSync(top, { recursive: true })
    return new RpmTemplate(bytes)
  }

  /** @returns a package's name, its file name and its bytes */
  one(number: number): { name: string; filename: string; bytes: Buffer; sha256: string } {
    const name = `p${String(number).padStart(6, '0')}`
    const text = this.bytes.toString('latin1').replaceAll(TOKEN, name)
    const renamed = Buffer.from(text, 'latin1')
    const { sha1, sha256 } = this.digestsOf(renamed.subarray(this.header.start, this.header.end))
    const signature = renamed
      .subarray(0, this.header.start)
      .toString('latin1')
      .replace(this.digests.sha1, sha1)
      .replace(this.digests.sha256, sha256)
    const bytes = Buffer.concat([
      Buffer.from(signature, 'latin1'),
      renamed.subarray(this.header.start),
    ])
    const digest = createHash('sha256').update(bytes).digest('hex')
    return { name, filename: `${name}-1-1.noarch.rpm`, bytes, sha256: digest }
  }
}
