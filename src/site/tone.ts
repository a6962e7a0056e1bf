/** Which signal colour a state has. The word of a state is `state.<kind>.<state>` in content/i18n. */

/** ok: done and good; run: going on; wait: someone or something must act; fail: wrong; off: over. */
export type Tone = 'ok' | 'run' | 'wait' | 'fail' | 'off'

const tones = {
  task: {
    free: 'wait',
    assigned: 'wait',
    open: 'run',
    closed: 'ok',
    canceled: 'off',
    failed: 'fail',
  },
  build: { building: 'run', complete: 'ok', deleted: 'off', failed: 'fail', canceled: 'off' },
  update: { pending: 'wait', testing: 'run', stable: 'ok', obsolete: 'off', unpushed: 'off' },
  request: { testing: 'run', stable: 'run', unpush: 'wait', revoke: 'wait', obsolete: 'off' },
  push: { waiting: 'wait', running: 'run', done: 'ok', failed: 'fail' },
  compose: { running: 'run', done: 'ok', failed: 'fail' },
  severity: { unspecified: 'off', low: 'off', medium: 'wait', high: 'fail', urgent: 'fail' },
  release: { pending: 'wait', frozen: 'wait', current: 'ok', archived: 'off' },
  readiness: { stable: 'ok', testing: 'run', built: 'wait', missing: 'fail' },
  milestone: { reached: 'ok', late: 'fail', next: 'run', later: 'off' },
  blocker: { proposed: 'wait', accepted: 'fail', rejected: 'off', resolved: 'ok' },
  mirror: {
    active: 'ok',
    unproved: 'wait',
    maintenance: 'wait',
    paused: 'off',
    retired: 'off',
  },
  carried: {
    fresh: 'ok',
    stale: 'wait',
    missing: 'fail',
    corrupt: 'fail',
    slow: 'fail',
    down: 'fail',
    excluded: 'off',
    unknown: 'off',
  },
  bug: { fixed: 'ok', testing: 'run', pending: 'run', open: 'wait' },
  verdict: { works: 'ok', late: 'wait', broken: 'fail' },
  builder: { online: 'ok', silent: 'wait', disabled: 'off' },
} as const satisfies Record<string, Record<string, Tone>>

export type StateKind = keyof typeof tones

export const stateKinds = Object.keys(tones) as StateKind[]

export function statesOf(kind: StateKind): string[] {
  return Object.keys(tones[kind])
}

/** A state that nobody gave a colour is shown as neither good nor bad. */
export function toneOf(kind: StateKind, state: string): Tone {
  const known: Record<string, Tone> = tones[kind]
  return known[state] ?? 'off'
}
