/** A bad line between a client and the portal: it breaks each of the first answers after so many bytes. */
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface CuttingProxy {
  url: string
  /** The Range header of each request for a file, in order; undefined where there was none. */
  ranges: (string | undefined)[]
  close(): void
}

/**
 * @param upstream address of the portal
 * @param cuts how many answers are broken
 * @param after_bytes where
 */
export async function startCuttingProxy(
  upstream: string,
  cuts: number,
  after_bytes: number,
): Promise<CuttingProxy> {
  const ranges: (string | undefined)[] = []
  let left = cuts
  const server = createServer((incoming, outgoing) => {
    ranges.push(incoming.headers.range)
    const url = new URL(incoming.url ?? '/', upstream)
    const { host: _, ...headers } = incoming.headers
    const asked = request(url, { method: incoming.method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
      if (left <= 0 || incoming.method !== 'GET') return answer.pipe(outgoing)
      left -= 1
      let sent = 0
      answer.on('data', (chunk: Buffer) => {
        const room = Math.max(0, after_bytes - sent)
        sent += chunk.length
        // Destroyed only when the bytes are out: the client shall have something to go on with.
        if (room > 0) outgoing.write(chunk.subarray(0, room), () => sent >= after_bytes && cut())
      })
      const cut = () => {
        asked.destroy()
        outgoing.socket?.destroySoon()
      }
      return answer
    })
    asked.on('error', () => outgoing.destroy())
    asked.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ranges,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
