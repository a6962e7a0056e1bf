/** Starting: killed in the middle of the first set-up, without rpmbuild, and a second time. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { Api, type Build, type Task } from '../support/api.ts'
import { becomeAdmin } from '../support/people.ts'
import { createPortal, node, type Portal, root } from '../support/portal.ts'
import { slipway } from '../support/slipway.ts'
import { until } from '../support/until.ts'

let portal: Portal
afterEach(() => portal.stop())

/** Starts the first set-up and kills it with all below it after so many milliseconds. */
async function killedSetUp(after_ms: number): Promise<boolean> {
  const child = spawn(node, [join(root, 'src/cli.ts'), 'setup'], {
    env: portal.env,
    stdio: 'ignore',
    detached: true,
  })
  const ended = once(child, 'exit')
  const killed = await Promise.race([sleep(after_ms, true), ended.then(() => false)])
  // The group: a gpg that is making the key dies with it.
  if (killed && child.pid) process.kill(-child.pid, 'SIGKILL')
  await ended
  return killed
}

test('a set-up that was killed at any moment is completed by the next start', async () => {
  portal = await createPortal()
  let kills = 0
  for (let after_ms = 300; after_ms < 2500 && (await killedSetUp(after_ms)); after_ms += 60)
    kills += 1
  expect(kills).toBeGreaterThan(5)
  await portal.start()
  const api = new Api(portal.url)
  await until('all seeds in stable', async () => {
    const builds = await api.all<Build>('/api/builds')
    const done = builds.filter((each) => each.state === 'COMPLETE')
    return done.length === 5
  })
  const tasks = await api.all<Task>('/api/tasks')
  expect(tasks.filter((task) => task.method === 'build')).toHaveLength(5)
  await until('a signed repository', async () => {
    const answer = await fetch(`${portal.url}/metalink?repo=baseos-10&arch=x86_64`)
    return answer.ok
  })
})

/** A PATH with every program of this machine except some. */
function pathWithout(folder: string, ...programs: string[]): string {
  mkdirSync(folder)
  const known = new Set(programs)
  for (const from of ['/usr/sbin', '/usr/bin', '/sbin', '/bin'])
    for (const name of readdirSync(from)) {
      if (known.has(name)) continue
      known.add(name)
      symlinkSync(join(from, name), join(folder, name))
    }
  return folder
}

test('without rpmbuild all but building works, and a task says what is missing', async () => {
  portal = await createPortal()
  const path = pathWithout(join(portal.folder, 'bin'), 'rpmbuild')
  portal.env.PATH = [join(root, 'node_modules/.bin'), path].join(delimiter)
  await portal.start()
  expect(portal.said()).toContain('Building is off until these are installed: rpm')
  const admin = await becomeAdmin(portal)
  const waiting = await until('a task that waits for a builder with tools', async () => {
    const [task] = await admin.all<Task>('/api/tasks?method=buildSRPM')
    const whole = task && (await admin.task(task.id))
    return whole?.waits_for.some((each) => each.code === 'task.builder-tools') && whole
  })
  expect(waiting.waits_for.map((each) => each.sentence)).toContain(
    'The builders that are connected lack the tools to build. The builders page names them.',
  )
  const builders = await admin.all<{ missing: string[] }>('/api/builders')
  expect(builders[0]?.missing).toContain('rpmbuild')
  expect((await fetch(`${portal.url}/`)).status).toBe(200)
  expect(await slipway(portal, ['builder', 'list'])).toMatch(/lacks: .*rpmbuild/)
})
