/**
 * Steps in their order; `step` of a push names the one that comes next. `publish` is the commit point: until
 * then a push can be undone, from then on it is only completed.
 */
export const pushSteps = ['gate', 'trees', 'check', 'sign', 'publish', 'switch'] as const

export type PushStep = (typeof pushSteps)[number]
