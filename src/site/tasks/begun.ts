/** When a task began; pure. */
import type { TaskRow } from '../../tasks/tasks.ts'

/** A task that waited for its parts has begun when the first of them did, not when it was last resumed. */
export function begunAt(task: TaskRow, children: TaskRow[]): number | null {
  const parts = children.filter((child) => child.parent_id === task.id)
  const starts = [task, ...parts].flatMap(({ started_at }) =>
    started_at === null ? [] : started_at,
  )
  return starts.length === 0 ? null : Math.min(...starts)
}
