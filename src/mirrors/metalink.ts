/**
 * Mirror lists and metalinks as dnf, yum and librepo read them. The order of the elements is that of
 * MirrorManager's answers; librepo takes `alternates` for repomd.xml files that are still right. Pure.
 */
import { create } from 'xmlbuilder2'

export interface RepomdFile {
  /** Seconds since the epoch. */
  timestamp_s: number
  size_bytes: number
  hashes: { md5: string; sha1: string; sha256: string; sha512: string }
}

export interface MirrorUrl {
  protocol: 'http' | 'https' | 'rsync' | 'ftp'
  /** Two-letter country, where it is known. */
  location: string | undefined
  /** 100 and downwards, best first. */
  preference: number
  /** Address of repodata/repomd.xml. */
  url: string
}

const MM0 = 'http://fedorahosted.org/mirrormanager'
const METALINK = 'http://www.metalinker.org/'

type Xml = ReturnType<typeof create>

function addFacts(parent: Xml, facts: RepomdFile): void {
  parent.ele(MM0, 'mm0:timestamp').txt(String(facts.timestamp_s))
  parent.ele('size').txt(String(facts.size_bytes))
  const verification = parent.ele('verification')
  for (const type of ['md5', 'sha1', 'sha256', 'sha512'] as const)
    verification.ele('hash', { type }).txt(facts.hashes[type])
}

/**
 * @param current what clients should get; `alternates` are earlier ones that are still whole
 * @param now milliseconds since the epoch
 */
export function renderMetalink(
  generator: string,
  now: number,
  current: RepomdFile,
  alternates: RepomdFile[],
  urls: MirrorUrl[],
): string {
  const root = create({ version: '1.0', encoding: 'utf-8' }).ele(METALINK, 'metalink', {
    version: '3.0',
    type: 'dynamic',
    pubdate: new Date(now).toUTCString(),
    generator,
  })
  root.att('http://www.w3.org/2000/xmlns/', 'xmlns:mm0', MM0)
  const file = root.ele('files').ele('file', { name: 'repomd.xml' })
  addFacts(file, current)
  if (alternates.length > 0) {
    const list = file.ele(MM0, 'mm0:alternates')
    for (const each of alternates) addFacts(list.ele(MM0, 'mm0:alternate'), each)
  }
  const resources = file.ele('resources', { maxconnections: '1' })
  for (const { protocol, location, preference, url } of urls)
    resources
      .ele('url', {
        protocol,
        type: protocol,
        ...(location && { location }),
        preference: String(preference),
      })
      .txt(url)
  return root.end({ prettyPrint: true })
}
