/** The edge as a program: it answers from the snapshot that it kept while the portal is away, and loses no counts. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { root } from '../../src/kernel/paths.ts'
import { encodeSnapshot } from '../../src/mirrors/edge/snapshot.ts'
import { makeSnapshot } from '../support/mirrors.ts'

it('tells what it counted when it is ended', async () => {
  const told: string[] = []
  const portal = createServer(async (request, response) => {
    if (request.method === 'POST') told.push(await text(request))
    response.writeHead(request.method === 'POST' ? 200 : 503).end()
  }).listen(0, '127.0.0.1')
  await once(portal, 'listening')
  const folder = mkdtempSync(join(tmpdir(), 'slipway-edge-'))
  const file = join(folder, 'snapshot')
  const sizes = { mirrors: 3, countries: 1, repositories: 1, netblocks: 0 }
  writeFileSync(file, encodeSnapshot(makeSnapshot(sizes)))
  const { port } = portal.address() as AddressInfo
  const edge = spawn(process.execPath, [join(root, 'src/mirrors/edge/main.ts')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      ...process.env,
      ...{ EDGE_PORT: '0', EDGE_FILE: file, EDGE_TOKEN: 'x' },
      SLIPWAY_URL: `http://127.0.0.1:${port}`,
    },
  })
  try {
    const own = await new Promise<number>((resolve) => {
      let said = ''
      edge.stderr.on('data', (chunk: Buffer) => {
        said += chunk.toString()
        const found = /"msg":"listening","port":(\d+)/.exec(said)?.[1]
        if (found) resolve(Number(found))
      })
    })
    const answer = await fetch(
      `http://127.0.0.1:${own}/metalink?repo=repo0-10&arch=x86_64&countme=3`,
    )
    expect(answer.status).toBe(200)
    expect(Number(answer.headers.get('X-Snapshot-Age'))).toBeGreaterThan(0)
    const ended = once(edge, 'exit')
    edge.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
    expect(told.join()).toMatch(/"[\d-]+\\trepo0-10\\tx86_64\\t3":1/)
  } finally {
    edge.kill('SIGKILL')
    portal.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
