/** Rules of images: labels, names, when a compose is due; and the files by which installers know a tree. */
import { describe, expect, it } from 'vitest'
import { imageFacts, spacedFingerprint } from '../../src/downloads/facts.ts'
import {
  type ComposeFacts,
  composeLabel,
  composeWaits,
  imageNames,
  mayCompose,
} from '../../src/downloads/image.ts'
import { isoArgs } from '../../src/downloads/iso.ts'
import { pieceLength, renderMetalink4, withUrls } from '../../src/downloads/metalink4.ts'
import { infoHash, magnetLink, withWebSeeds } from '../../src/downloads/torrent.ts'
import {
  renderDiscinfo,
  renderMediaRepo,
  renderTreeinfo,
  type TreeFacts,
} from '../../src/downloads/treeinfo.ts'
import { HOUR_MS } from '../../src/kernel/clock.ts'
import { readDistribution } from '../../src/kernel/distribution.ts'
import { root } from '../../src/kernel/paths.ts'
import { readWords, sayReason } from '../../src/kernel/words.ts'

const t = readWords(`${root}/content/i18n`).in('en')

describe('a compose by itself', () => {
  const calm: ComposeFacts = {
    ...{ now: 100 * HOUR_MS, packages: 8, seeds_open: 0, pushing: false, running: undefined },
    archived: false,
    ...{ generation_ids: [3, 4], last: undefined, every_hours: 24 },
  }
  const codes = (facts: Partial<ComposeFacts>) =>
    composeWaits({ ...calm, ...facts }).map((each) => each.code)

  it('begins when there is something stable and no image of it', () => {
    expect(codes({})).toEqual([])
  })

  it('waits for the first packages, for all of them, and for a push to end', () => {
    expect(codes({ packages: 0 })).toEqual(['compose.nothing-stable'])
    expect(codes({ seeds_open: 2 })).toEqual(['compose.seeds'])
    expect(codes({ pushing: true })).toEqual(['compose.pushing'])
    expect(codes({ running: 7 })).toEqual(['compose.running'])
    expect(codes({ archived: true })).toEqual(['compose.archived'])
  })

  it('does not repeat what is there, whatever the time', () => {
    const last = { created_at: 0, generation_ids: [4, 3] }
    expect(codes({ last })).toEqual(['compose.unchanged'])
  })

  it('follows a change of stable, but not more often than the distribution wants', () => {
    const last = { created_at: 77 * HOUR_MS, generation_ids: [1, 2] }
    expect(codes({ last })).toEqual(['compose.interval'])
    expect(codes({ last, every_hours: 23 })).toEqual([])
    expect(composeWaits({ ...calm, last })[0]?.params).toEqual({ hours: 1 })
  })

  it('says each reason in a sentence', () => {
    const facts = { packages: 0, seeds_open: 1, pushing: true, running: 1, archived: true }
    for (const each of composeWaits({
      ...calm,
      ...facts,
      last: { created_at: 0, generation_ids: [] },
    }))
      expect(sayReason(t, each)).not.toMatch(/^reason\./)
    expect(mayCompose({ packages: 0 })).toHaveLength(1)
    expect(mayCompose({ packages: 1 })).toEqual([])
  })
})

describe('names', () => {
  it('take the day of the contents and a number that was not used', () => {
    const at = Date.UTC(2026, 10, 24, 23, 59) / 1000
    expect(composeLabel(at, [])).toBe('20261124.0')
    expect(composeLabel(at, ['20261124.0', null, '20261124.1', '20261123.2'])).toBe('20261124.2')
  })

  it('fit into a volume descriptor', () => {
    const names = imageNames('a'.repeat(20), '10.1', 'x86_64', '20261124.0')
    expect(names.volume_id).toMatch(/^[A-Z0-9_]{1,32}$/)
    expect(imageNames('keel', '10', 'x86_64', '20261124.0')).toEqual({
      filename: 'keel-10-20261124.0-x86_64-dvd.iso',
      volume_id: 'KEEL_10_X86_64_DVD',
      path: 'keel/10/isos/x86_64/20261124.0',
      tree_path: 'keel/10/install/x86_64/20261124.0',
    })
  })

  it('are written with a fingerprint as gpg writes it', () => {
    expect(spacedFingerprint('ABCD'.repeat(10))).toBe(
      'ABCD ABCD ABCD ABCD ABCD  ABCD ABCD ABCD ABCD ABCD',
    )
  })
})

describe('a tree', () => {
  const tree: TreeFacts = {
    ...{ name: 'Keel Linux', id: 'keel', version: '10', arch: 'x86_64', timestamp_s: 1795547954 },
    variants: ['BaseOS', 'AppStream'],
    checksums: {
      'images/efiboot.img': 'b'.repeat(64),
      'BaseOS/repodata/repomd.xml': 'a'.repeat(64),
    },
    boot: {
      kernel: 'images/pxeboot/vmlinuz',
      initrd: 'images/pxeboot/initrd.img',
      efi: 'images/efiboot.img',
    },
  }

  /** Sections as an INI reader has them. */
  function sections(text: string): Record<string, Record<string, string>> {
    const found: Record<string, Record<string, string>> = {}
    let current: Record<string, string> = {}
    for (const line of text.split('\n').filter(Boolean)) {
      const name = /^\[(.+)\]$/.exec(line)?.[1]
      if (name !== undefined) {
        current = {}
        found[name] = current
        continue
      }
      const [key = '', value = ''] = line.split(' = ')
      current[key] = value
    }
    return found
  }

  it('is described as productmd 1.2 reads it', () => {
    const info = sections(renderTreeinfo(tree))
    expect(info.header).toEqual({ type: 'productmd.treeinfo', version: '1.2' })
    expect(info.release).toEqual({ name: 'Keel Linux', short: 'keel', version: '10' })
    expect(info.tree).toEqual({
      ...{ arch: 'x86_64', build_timestamp: '1795547954', platforms: 'x86_64' },
      variants: 'AppStream,BaseOS',
    })
    expect(info['variant-AppStream']).toEqual({
      ...{ id: 'AppStream', uid: 'AppStream', name: 'AppStream', type: 'variant' },
      ...{ packages: 'AppStream/Packages', repository: 'AppStream' },
    })
    expect(info['images-x86_64']).toEqual({
      kernel: 'images/pxeboot/vmlinuz',
      initrd: 'images/pxeboot/initrd.img',
      'efiboot.img': 'images/efiboot.img',
    })
    expect(Object.keys(info.checksums ?? {})).toEqual([
      'BaseOS/repodata/repomd.xml',
      'images/efiboot.img',
    ])
    expect(info.general).toMatchObject({ family: 'Keel Linux', variant: 'BaseOS' })
    expect(info.media).toEqual({ discnum: '1', totaldiscs: '1' })
  })

  it('names no images where it does not boot', () => {
    expect(renderTreeinfo({ ...tree, boot: undefined })).not.toContain('[images-')
  })

  it('keeps a value on its line', () => {
    const text = renderTreeinfo({ ...tree, name: 'Keel\n[evil]' })
    expect(text).not.toMatch(/^\[evil\]/m)
  })

  it('has the same number in .discinfo and media.repo, by which installers match them', () => {
    expect(renderDiscinfo(tree)).toBe('1795547954\nKeel Linux 10\nx86_64\nALL\n')
    expect(renderMediaRepo(tree)).toContain('mediaid=1795547954\n')
    expect(renderMediaRepo(tree)).toContain('gpgcheck=1')
  })
})

describe('arguments of xorriso', () => {
  const input = { tree: '/t', out: '/o', volume_id: 'V', mbr: undefined, source_date_s: 5 }
  const boot = { arch: 'x86_64', kernel: 'k', initrd: 'i' }
  const isolinux = { loader: 'isolinux' as const, image: 'x' }

  it('make a plain tree without a boot loader', () => {
    const args = isoArgs({ ...input, boot: undefined }).join(' ')
    expect(args).not.toMatch(/-b |-e |eltorito/)
    expect(args).toContain('--set_all_file_dates =5')
    expect(args.endsWith(' /t')).toBe(true)
  })

  it('name BIOS first and UEFI as the alternative', () => {
    const args = isoArgs({ ...input, mbr: '/m', boot: { ...boot, efi: 'e', bios: isolinux } })
    const text = args.join(' ')
    expect(text).toContain('-b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot')
    expect(text).toContain('-isohybrid-mbr /m -eltorito-alt-boot -e images/efiboot.img')
    expect(text).toContain('-isohybrid-gpt-basdat')
  })

  it('make a partition of the EFI image where there is no BIOS loader', () => {
    const text = isoArgs({ ...input, boot: { ...boot, efi: 'e' } }).join(' ')
    expect(text).not.toContain('-eltorito-alt-boot')
    expect(text).toContain('-e images/efiboot.img -no-emul-boot -efi-boot-part --efi-boot-image')
  })

  it('know GRUB', () => {
    const bios = { loader: 'grub2' as const, image: 'x' }
    const text = isoArgs({ ...input, mbr: '/m', boot: { ...boot, bios } }).join(' ')
    expect(text).toContain('-boot-info-table --grub2-boot-info --grub2-mbr /m')
  })
})

describe('what lies beside an image', () => {
  it('is a metalink 4 with the best address first', () => {
    const xml = renderMetalink4({
      ...{ generator: 'Slipway', published_s: 0, filename: 'a.iso', identity: 'Keel & Co' },
      ...{ version: '1', size_bytes: 5, sha256: 'f'.repeat(64) },
      pieces: { length_bytes: 4, sha256: ['a', 'b'] },
      urls: [
        { url: 'https://mirror.example/a.iso', location: 'DE' },
        { url: 'https://portal.example/a.iso', location: undefined },
      ],
    })
    expect(xml).toContain('xmlns="urn:ietf:params:xml:ns:metalink"')
    expect(xml).toContain('<published>1970-01-01T00:00:00.000Z</published>')
    expect(xml).toContain('<identity>Keel &amp; Co</identity>')
    expect(xml).toMatch(/location="de" priority="1">https:\/\/mirror/)
    expect(xml).toMatch(/<url priority="2">https:\/\/portal/)
    expect(xml).toMatch(/<pieces type="sha-256" length="4">\s*<hash>a<\/hash>\s*<hash>b<\/hash>/)
  })

  it('has few pieces, however large it is', () => {
    expect(pieceLength(1)).toBe(1024 * 1024)
    expect(100e9 / pieceLength(100e9)).toBeLessThanOrEqual(4096)
  })

  it('has an info hash of exactly the bytes of its info', () => {
    // SHA-1 of `d4:infoi1ee`, whatever stands around it.
    const info = 'd6:lengthi3e4:name4:infoe'
    const plain = infoHash(Buffer.from(`d4:info${info}e`))
    const more = `d8:announce6:4:info10:created by1:x4:info${info}8:url-listl3:abcee`
    expect(infoHash(Buffer.from(more))).toBe(plain)
    expect(plain).toMatch(/^[0-9a-f]{40}$/)
    expect(() => infoHash(Buffer.from('d1:a1:be'))).toThrow('no info')
  })

  it('gets other addresses without becoming another', () => {
    const info = 'd6:lengthi3e4:name4:infoe'
    const torrent = Buffer.from(`d8:encoding5:UTF-84:info${info}8:url-listl3:abcee`)
    const changed = withWebSeeds(torrent, ['http://é.example/a', 'b'])
    expect(infoHash(changed)).toBe(infoHash(torrent))
    expect(changed.toString()).toBe(
      `d8:encoding5:UTF-84:info${info}8:url-listl19:http://é.example/a1:bee`,
    )
    const at = (url: string) => ({ url, location: undefined })
    const metalink = renderMetalink4({
      ...{ generator: 'S', published_s: 0, filename: 'a.iso', identity: 'K', version: '1' },
      ...{ size_bytes: 5, sha256: 'f', pieces: { length_bytes: 4, sha256: ['a'] } },
      urls: [at('http://old.example/')],
    })
    const other = withUrls(metalink, [at('http://a.example/'), at('http://b.example/')])
    expect(other).not.toContain('old.example')
    expect(other).toMatch(/priority="1">http:\/\/a\.example\/<[\s\S]*priority="2">http:\/\/b\./)
    expect(withUrls(other, [at('http://old.example/')])).toBe(metalink)
  })

  it('has a magnet link that says where the content is', () => {
    const link = magnetLink({
      ...{
        info_hash: 'ab'.repeat(20),
        name: 'a b.iso',
        size_bytes: 5,
        trackers: ['udp://t.example'],
      },
      torrent_url: 'https://p.example/a.torrent',
      web_seeds: ['https://p.example/a.iso'],
    })
    const fields = new URL(link).searchParams
    expect(Object.fromEntries(fields)).toEqual({
      ...{ xt: `urn:btih:${'ab'.repeat(20)}`, dn: 'a b.iso', xl: '5', tr: 'udp://t.example' },
      ...{ xs: 'https://p.example/a.torrent', ws: 'https://p.example/a.iso' },
    })
  })

  it('has the words that fill every command in', () => {
    const distribution = readDistribution(`${root}/content`)
    const [release] = distribution.releases
    if (!release) throw new Error('no release')
    const names = imageNames('keel', '10', 'x86_64', '20261124.0')
    const facts = imageFacts({
      ...{ portal_url: 'https://p.example', distribution, release, arch: 'x86_64' },
      ...{ label: '20261124.0', names, size_bytes: 5, sha256: 'f'.repeat(64), packages: 8 },
      ...{
        boots: [],
        source_date_s: 0,
        made_at: 0,
        fingerprint: 'ABCD'.repeat(10),
        sources: [],
        magnet: '',
      },
      ...{ has_zsync: false, has_md5: false, notes: [] },
    })
    expect(facts.zsync_url).toBeNull()
    expect(facts.support_until).toBe('2032-05-31')
    expect(facts.verify.map(({ tool }) => tool)).toEqual([
      'curl',
      'sha256sum',
      'gpg',
      'sq',
      'sq-old',
    ])
    for (const { tool, command } of facts.verify) {
      expect(command).not.toMatch(/undefined|null|\$\{/)
      expect(t(`verify.step.${tool}`)).not.toMatch(/^verify/)
      expect(t(`verify.step.${tool}.text`)).not.toMatch(/^verify/)
    }
  })
})
