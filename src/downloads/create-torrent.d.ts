/** What is used of create-torrent, which brings no types (its README, "API"). */
declare module 'create-torrent' {
  interface Options {
    name?: string
    comment?: string
    createdBy?: string
    /** Or a number of milliseconds since the epoch. */
    creationDate?: Date | number
    private?: boolean
    announceList?: string[][]
    /** Web seeds (BEP 19). */
    urlList?: string[]
  }
  export default function createTorrent(
    input: string,
    options: Options,
    done: (error: Error | null, torrent: Uint8Array) => void,
  ): void
}
