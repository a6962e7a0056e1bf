/** A body that waits for its client: what is not taken is not read. */
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { currentAnswer, drained, followAnswers } from '../../src/kernel/outgoing.ts'
import { until } from '../support/until.ts'

const CHUNK = Buffer.alloc(256 * 1024)
const CHUNKS = 400

let server: Server
let socket: Socket
let written: number
let over: boolean
beforeEach(async () => {
  written = 0
  over = false
  followAnswers()
  server = createServer((_, response) => {
    const answer = currentAnswer()
    expect(answer).toBe(response)
    // As Astro's adapter does it: nobody looks at what `write` returns.
    const send = async () => {
      for (; written < CHUNKS && !response.destroyed; written++) {
        await drained(answer)
        response.write(CHUNK)
      }
      response.end()
      over = true
    }
    void send()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  socket.pause()
})
afterEach(() => {
  socket.destroy()
  server.close()
})

it('stops while the client takes nothing, and goes on when it does', async () => {
  let last = -1
  await until(
    'a standstill',
    () => {
      const stands = written > 0 && written === last
      last = written
      return stands
    },
    10_000,
    300,
  )
  expect(written).toBeLessThan(CHUNKS / 2)
  socket.resume()
  await until('the end', () => over)
  expect(written).toBe(CHUNKS)
})

it('ends when the client is gone', async () => {
  await until('a beginning', () => written > 0)
  socket.destroy()
  await until('the end', () => over)
  expect(written).toBeLessThan(CHUNKS)
})
