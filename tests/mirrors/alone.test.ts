/** A portal without mirrors: its own tree is what package managers are led to, and they are counted all the same. */
import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { countme } from '../../db/schema/mirrors.ts'
import { publishSnapshot, snapshotFile } from '../../src/mirrors/snapshots.ts'
import { createPortal } from '../../src/portal.ts'
import { publish } from '../support/mirror-world.ts'
import { type TestApp, testApp } from '../support/test-app.ts'

const PATH = 'keel/10/baseos-10/x86_64/os'

let app: TestApp
let portal: ReturnType<typeof createPortal>
beforeAll(async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  app = await testApp()
  await publish(app, 'baseos-10', 'one')
  portal = createPortal(app)
})
afterAll(async () => {
  vi.useRealTimers()
  await app.end()
})

it('answers while its snapshot is of another version, as after an upgrade', async () => {
  await publishSnapshot(app)
  writeFileSync(snapshotFile(app), 'SLIPWAY-MIRRORS 1\n2\n{}')
  for (const path of ['/metalink', '/mirrorlist'])
    expect((await portal.request(`${path}?repo=baseos-10&arch=x86_64`)).status, path).toBe(200)
  expect((await portal.request('/api/mirrors/explain?repo=baseos-10')).status).toBe(404)
  app.clock.advance(60_000)
  await publishSnapshot(app)
})

it('knows a repository by its path, and leads to a file in it', async () => {
  const own = `${app.config.url}/pub/`
  const list = await portal.request(`/mirrorlist?path=${PATH}`)
  expect([list.status, (await list.text()).trim().split('\n')[1]]).toEqual([200, `${own}${PATH}/`])
  expect((await portal.request(`/metalink?path=/${PATH}/`)).status).toBe(200)
  const file = await portal.request(`/mirrorlist?redirect=1&path=${PATH}/Packages/h/hello.rpm`)
  expect([file.status, file.headers.get('Location')]).toEqual([
    302,
    `${own}${PATH}/Packages/h/hello.rpm`,
  ])
})

it('counts machines', async () => {
  await portal.request('/metalink?repo=baseos-10&arch=x86_64&countme=2')
  vi.advanceTimersByTime(60_000)
  await vi.waitFor(async () =>
    expect(await app.db.select().from(countme)).toMatchObject([
      { repository: 'baseos-10', arch: 'x86_64', bucket: 2, count: 1 },
    ]),
  )
})
