/** A program of its own that plays all mirrors of the crawl's bench and counts what is asked of each. */
import * as http from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { tree } from '../support/mirror-world.ts'

const texts = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`repo${at}-10`, 'one']))
const play = tree(texts)
const now = new Map<string, number>()
let requests = 0
let most = 0

const server = http.createServer(async (request, response) => {
  const mirror = request.socket.localAddress ?? ''
  requests++
  now.set(mirror, (now.get(mirror) ?? 0) + 1)
  most = Math.max(most, now.get(mirror) ?? 0)
  // As far away as a mirror on the same continent.
  await sleep(10)
  play(request, response)
  now.set(mirror, (now.get(mirror) ?? 0) - 1)
})
server.keepAliveTimeout = 60_000
server.listen(0, '0.0.0.0', () => {
  process.send?.({ port: (server.address() as AddressInfo).port })
})
process.on('message', () => process.send?.({ requests, most }))
