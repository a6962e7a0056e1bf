/** The button on a release's page that makes its images now. */
import { Hono } from 'hono'
import { formRoute } from '../kernel/forms.ts'
import type { HttpEnv } from '../kernel/http.ts'
import { startCompose } from './composes.ts'

export function createDownloadForms(): Hono<HttpEnv> {
  const forms = new Hono<HttpEnv>()
  const page = (release: string | undefined) => `/releases/${encodeURIComponent(release ?? '')}`
  forms.post(
    '/releases/:release/compose',
    formRoute(
      (c) => page(c.req.param('release')),
      async (c) => {
        const { compose, fresh } = await startCompose(c.get('ctx'), c.req.param('release') ?? '')
        const done = fresh ? 'compose.begun' : 'compose.runs'
        return { to: `/tasks/${compose.task_id}`, done, params: { id: compose.id } }
      },
    ),
  )
  return forms
}
