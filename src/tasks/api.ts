/** The queue in the open: tasks, what each waits for, logs as they grow, cancel. */
import { createRoute, z } from '@hono/zod-openapi'
import { personId } from '../accounts/people.ts'
import { USERNAME_MAX_CHARS } from '../accounts/person.ts'
import { iso } from '../kernel/clock.ts'
import { answers, createApi, jsonWithEtag, pageQuery } from '../kernel/http.ts'
import { reasonJson, type Translate } from '../kernel/words.ts'
import { readLog } from './logs.ts'
import { type TaskStateName, taskState, taskStateName } from './task.ts'
import { cancelTask, type TaskRow } from './tasks.ts'
import { listTasks, viewTask } from './view.ts'

const idParams = z.object({ id: z.coerce.number().int() })
const stateNames = Object.keys(taskState) as [TaskStateName, ...TaskStateName[]]
const MAX_LOG_READ_BYTES = 1024 * 1024

/** A task as JSON: no lease, no payload secrets; times in RFC 3339. */
export function taskJson(t: Translate, row: TaskRow) {
  return {
    id: row.id,
    parent_id: row.parent_id || null,
    method: row.method,
    label: row.label,
    arch: row.arch,
    channel: row.channel,
    priority: row.priority,
    state: taskStateName(row.state),
    attempts: row.attempts,
    max_attempts: row.max_attempts,
    holder: row.claimed_by,
    progress: row.progress,
    reason: row.reason && reasonJson(t, row.reason),
    highlights: row.highlights,
    created_at: iso(row.created_at),
    started_at: iso(row.started_at),
    ended_at: iso(row.ended_at),
  }
}

export function createTasksApi() {
  const api = createApi()
  api.openapi(
    createRoute({
      method: 'get',
      path: '/tasks',
      tags: ['tasks'],
      request: {
        query: pageQuery.extend({
          state: z.enum(stateNames).optional(),
          method: z.string().max(100).optional(),
          owner: z.string().max(USERNAME_MAX_CHARS).optional(),
        }),
      },
      responses: answers('Tasks, newest first.'),
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const { state, owner, ...query } = c.req.valid('query')
      const states = state && { states: [taskState[state]] }
      const owned = owner !== undefined && { owner_id: await personId(ctx.app.db, owner) }
      const { items, next } = await listTasks(ctx, { ...query, ...states, ...owned })
      const t = ctx.app.words.in('en')
      return jsonWithEtag(c, { items: items.map((row) => taskJson(t, row)), next })
    },
  )
  api.openapi(
    createRoute({
      method: 'get',
      path: '/tasks/{id}',
      tags: ['tasks'],
      request: { params: idParams },
      responses: answers('One task and why it waits.'),
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const t = ctx.app.words.in('en')
      const view = await viewTask(ctx, c.req.valid('param').id)
      return jsonWithEtag(c, {
        ...taskJson(t, view.task),
        waits_for: view.waits_for.map((each) => reasonJson(t, each)),
        children: view.children.map((row) => taskJson(t, row)),
        log_bytes: view.log_bytes,
      })
    },
  )
  api.openapi(
    createRoute({
      method: 'get',
      path: '/tasks/{id}/log',
      tags: ['tasks'],
      request: {
        params: idParams,
        query: z.object({ offset: z.coerce.number().int().default(0) }),
      },
      responses: answers('Up to 1 MiB of the log from an offset.'),
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const { id } = c.req.valid('param')
      const part = await readLog(ctx.app, id, c.req.valid('query').offset, MAX_LOG_READ_BYTES)
      return c.body(part.text, 200, {
        'Content-Type': 'text/plain; charset=utf-8',
        'X-Log-Offset': String(part.offset),
        'X-Log-Size': String(part.size_bytes),
        'Cache-Control': 'no-cache',
      })
    },
  )
  addCancel(api)
  return api
}

function addCancel(api: ReturnType<typeof createApi>): void {
  api.openapi(
    createRoute({
      method: 'post',
      path: '/tasks/{id}/cancel',
      tags: ['tasks'],
      request: { params: idParams },
      responses: answers('Canceled, with all below it.'),
    }),
    async (c) => {
      await cancelTask(c.get('ctx'), c.req.valid('param').id)
      return c.json({})
    },
  )
}
