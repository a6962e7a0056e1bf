/** What is used of parse-torrent, which brings no types (its README). */
declare module 'parse-torrent' {
  interface ParsedTorrent {
    infoHash: string
    name: string
    length: number
    private?: boolean
    announce: string[]
    /** Web seeds. */
    urlList: string[]
  }
  export default function parseTorrent(torrent: Uint8Array): Promise<ParsedTorrent>
}
