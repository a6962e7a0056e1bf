/** Event types that pages listen to: browsers take them by their whole name only. */

export const taskEvents = ['task.ended']

export const buildEvents = ['build.started', 'build.finished', 'build.tagged', 'build.untagged']

export const pushEvents = ['push.started', 'push.published', 'push.done', 'push.failed']

export const updateEvents = [
  ...['created', 'edited', 'requested', 'voted', 'commented', 'gated', 'waived', 'ejected'],
  ...['autopush-stopped', 'pushed', 'testing', 'stable', 'obsolete', 'unpushed'],
].map((each) => `update.${each}`)
