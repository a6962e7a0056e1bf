/** updateinfo.xml: what dnf needs is there, in order, and no string can break the file. */

import { describe, expect, it } from 'vitest'
import { create } from 'xmlbuilder2'
import { advisoryNumber, updateinfoSeverity } from '../../src/errata/advisory.ts'
import {
  renderEntry,
  type UpdateinfoEntry,
  updateinfoHead,
  updateinfoTail,
} from '../../src/errata/updateinfo.ts'
import { seededRandom } from '../support/test-app.ts'

const entry = (change: Partial<UpdateinfoEntry> = {}): UpdateinfoEntry => ({
  id: 'KLSA-2026:0001',
  type: 'security',
  status: 'stable',
  title: 'hello-2-1',
  issued_at: Date.UTC(2026, 0, 5, 12),
  updated_at: Date.UTC(2026, 0, 6, 12),
  severity: 'Important',
  summary: 'hello-2-1',
  description: 'Fixes it.',
  rights: 'Copyright',
  release: 'Keel Linux',
  from: 'portal@keel.example',
  references: [{ type: 'cve', id: 'CVE-2026-1', href: 'https://x.example/?a=1&b=2', title: 'CVE' }],
  collection: 'keel10',
  packages: [
    {
      ...{ name: 'hello', epoch: 0, version: '2', release: '1', arch: 'noarch' },
      ...{ filename: 'hello-2-1.noarch.rpm', src: 'hello-2-1.src.rpm', sha256: 'ab' },
    },
  ],
  reboot_suggested: false,
  ...change,
})

const render = (entries: UpdateinfoEntry[]) =>
  [updateinfoHead, ...entries.map(renderEntry), updateinfoTail].join('')

describe('updateinfo', () => {
  it('has the elements in the order that readers know', () => {
    const xml = render([entry()])
    const order = ['<id>', '<title>', '<issued', '<updated', '<rights>', '<release>', '<severity>']
    const places = [...order, '<summary>', '<description>', '<references>', '<pkglist>'].map(
      (each) => xml.indexOf(each),
    )
    expect(places.every((place) => place > 0)).toBe(true)
    expect([...places].sort((a, b) => a - b)).toEqual(places)
    expect(xml).toContain('<issued date="2026-01-05 12:00:00"/>')
    expect(xml).toContain('href="https://x.example/?a=1&amp;b=2"')
  })

  it('stays well-formed whatever people write', () => {
    const random = seededRandom('updateinfo')
    const nasty = [
      '<',
      '>',
      '&',
      '"',
      "'",
      ']]>',
      '<!--',
      '\u0000',
      '\u0008',
      '\ud800',
      '\uffff',
      '\n',
      'é',
      '𝔸',
    ]
    for (let round = 0; round < 200; round++) {
      const text = Array.from(random.bytes(12), (byte) => nasty[byte % nasty.length]).join('')
      const xml = render([
        entry({
          ...{ title: text, description: text, summary: text, rights: text, release: text },
          references: [{ type: 'self', id: text, href: text, title: text }],
        }),
      ])
      const parsed = create(xml).toObject() as { updates: { update: { id: string } } }
      expect(parsed.updates.update.id).toBe('KLSA-2026:0001')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 cannot hold them
      expect(xml).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/)
    }
  })
})

describe('advisories', () => {
  it('are numbered by kind, year and sequence', () => {
    expect(advisoryNumber('KL', 'security', 2026, 1)).toBe('KLSA-2026:0001')
    expect(advisoryNumber('KL', 'bugfix', 2026, 12)).toBe('KLBA-2026:0012')
    expect(advisoryNumber('KL', 'newpackage', 2027, 12345)).toBe('KLEA-2027:12345')
  })

  it('call severities by the words that dnf compares', () => {
    expect(['low', 'medium', 'high', 'urgent', 'unspecified'].map(updateinfoSeverity)).toEqual([
      'Low',
      'Moderate',
      'Important',
      'Critical',
      'None',
    ])
  })
})
