/** What content/distribution.yaml may say of images and support, and what is refused with the field named. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readDistribution } from '../../src/kernel/distribution.ts'
import { root } from '../../src/kernel/paths.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-distribution-'))
  cpSync(join(root, 'content/brand'), join(folder, 'brand'), { recursive: true })
})
afterEach(() => rmSync(folder, { recursive: true }))

const text = readFileSync(join(root, 'content/distribution.yaml'), 'utf8')

/** The demo's file with more lines in its release. */
function read(lines: string) {
  const anchor = '    critical_packages: [keel-release]'
  writeFileSync(join(folder, 'distribution.yaml'), text.replace(anchor, `${anchor}\n${lines}`))
  return readDistribution(folder)
}

it('a distribution without a word on images gets the usual ones', () => {
  writeFileSync(join(folder, 'distribution.yaml'), text.replace(/^images:[\s\S]*?\n\n/m, ''))
  expect(readDistribution(folder).images).toEqual({
    ...{ every_hours: 24, keep: 2, grace_hours: 24, trackers: [] },
  })
})

it('support dates are days', () => {
  expect(read('    released: 2027-01-15').releases[0]?.released).toBe('2027-01-15')
  expect(() => read('    released: soon')).toThrow('releases.0.released')
})

it('boot files are named for an arch, stay in the content folder, and are of use', () => {
  const entry = (more: string) =>
    `    boot: [{arch: x86_64, kernel: boot/vmlinuz, initrd: boot/initrd.img, ${more}}]`
  expect(read(entry('efi: boot/efi.img')).releases[0]?.boot[0]?.efi).toBe('boot/efi.img')
  expect(() => read(entry('files: boot'))).toThrow('needs efi or bios')
  for (const path of ['/etc/shadow', '../keys', 'boot/../../keys', ''])
    expect(() => read(entry(`efi: "${path}"`)), path).toThrow('a path inside the content folder')
})
