/**
 * Packagers and testers who work on while programs are killed. Every call is repeated while the portal
 * is away; what it has accepted is written down, and must be there at the end.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Api, type Build, Refusal, type Task, type Update } from '../support/api.ts'
import { built, makeSrpm, reaches, submitSrpm } from '../support/packages.ts'

/** Repeats a call while nobody answers: fetch throws TypeError then. */
export async function patiently<T>(call: () => Promise<T>, deadline_ms = 60_000): Promise<T> {
  const end = performance.now() + deadline_ms
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof TypeError) || performance.now() > end) throw error
      await sleep(100)
    }
  }
}

export interface Done {
  nvr: string
  alias: string
  votes: { alias: string; username: string; karma: number }[]
}

const specOf = (name: string, number: number) => `Name: ${name}
Version: 1.${number}
Release: 1%{?dist}
Summary: Cargo that is moved while cranes fall over
License: MIT
BuildArch: noarch
%description
Cargo.
%build
for i in 1 2 3 4 5; do echo step $i; sleep 0.2; done
%install
mkdir -p %{buildroot}/usr/share/${name}
head -c 200000 /dev/urandom > %{buildroot}/usr/share/${name}/data
%files
/usr/share/${name}
%changelog
* Mon Jan 05 2026 Test <test@slipway.example> - 1.${number}-1
- Load
`

/** Submits a build; when no answer came, looks whether the portal has it all the same. */
async function submitted(api: Api, path: string): Promise<Task> {
  const label = path.split('/').at(-1)
  for (;;) {
    try {
      return await submitSrpm(api, path)
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      const tasks = await patiently(() => api.all<Task>('/api/tasks?method=build'))
      const known = tasks.find((task) => task.label === label)
      if (known) return known
    }
  }
}

/** Makes an update; one that was made although no answer came is found by the refusal of the second. */
async function made(api: Api, nvr: string): Promise<string> {
  const input = { builds: [nvr], type: 'bugfix', notes: `New: ${nvr}`, title: nvr }
  try {
    return (await patiently(() => api.post<Update>('/api/updates', input))).alias
  } catch (error) {
    const alias = /in (KEEL-\S+) already/.exec(String(error))?.[1]
    if (!alias) throw error
    return alias
  }
}

/** Builds one version of a package. */
export async function load(
  packager: Api,
  name: string,
  number: number,
  deadline_ms: number,
): Promise<Build> {
  const task = await submitted(packager, makeSrpm(specOf(name, number)))
  return patiently(() => built(packager, task, deadline_ms), deadline_ms)
}

/** One version of a package on its whole way. */
export async function carry(
  packager: Api,
  testers: { username: string; api: Api }[],
  name: string,
  number: number,
  deadline_ms: number,
): Promise<Done> {
  const build = await load(packager, name, number, deadline_ms)
  const alias = await made(packager, build.nvr)
  const done: Done = { nvr: build.nvr, alias, votes: [] }
  await patiently(() => reaches(packager, alias, 'testing', deadline_ms), deadline_ms)
  for (const { username, api } of testers) {
    await patiently(() => api.post(`/api/updates/${alias}/votes`, { karma: 1, text: 'Works.' }))
    done.votes.push({ alias, username, karma: 1 })
  }
  await patiently(() => reaches(packager, alias, 'stable', deadline_ms), deadline_ms)
  return done
}

/** Votes again and again on what is in testing. @returns the last vote that was accepted, by alias */
export async function keepVoting(
  api: Api,
  random: () => number,
  signal: AbortSignal,
): Promise<Map<string, number>> {
  const accepted = new Map<string, number>()
  while (!signal.aborted) {
    const updates = await patiently(() => api.all<Update>('/api/updates?status=testing'))
    for (const { alias } of updates) {
      const karma = random() < 0.5 ? 0 : 1
      try {
        await patiently(() => api.post(`/api/updates/${alias}/votes`, { karma }))
        accepted.set(alias, karma)
      } catch (error) {
        // It went stable in the meantime.
        if (!(error instanceof Refusal) || error.code !== 'update.not-votable') throw error
      }
    }
    await sleep(200)
  }
  return accepted
}
