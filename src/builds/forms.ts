/** The form of the builds page: a package, a git address, or an uploaded source package. */
import { Hono } from 'hono'
import { requireRole } from '../kernel/access.ts'
import type { Ctx } from '../kernel/context.ts'
import { invalid } from '../kernel/errors.ts'
import { type Form, formRoute } from '../kernel/forms.ts'
import type { HttpContext, HttpEnv } from '../kernel/http.ts'
import { reason } from '../kernel/reason.ts'
import { rowNumber } from '../kernel/row-number.ts'
import { cancelTask } from '../tasks/tasks.ts'
import { type AskedSource, requestBuild } from './requests.ts'
import { takeUpload } from './uploads.ts'

/** Which of the three the form fills in. */
async function askedSource(c: HttpContext, ctx: Ctx, form: Form): Promise<AskedSource> {
  if (form.package) return { package: form.package.trim() }
  if (form.url) return { url: form.url.trim(), ref: form.ref?.trim() || 'HEAD' }
  const { srpm } = await c.req.parseBody()
  if (!(srpm instanceof File) || srpm.size === 0)
    throw invalid('package', reason('build.nothing-asked'))
  const blob = await takeUpload(ctx, srpm.stream(), { size_bytes: srpm.size })
  return { srpm: { filename: srpm.name, ...blob } }
}

export function createBuildForms(): Hono<HttpEnv> {
  const forms = new Hono<HttpEnv>()
  forms.post(
    '/builds/new',
    formRoute('/builds/new', async (c, form) => {
      const ctx = c.get('ctx')
      requireRole(ctx, 'packager', 'package')
      const source = await askedSource(c, ctx, form)
      const task = await requestBuild(ctx, { ...source, target: form.target || undefined })
      return { to: `/tasks/${task.id}`, done: 'builds.queued' }
    }),
  )
  forms.post(
    '/tasks/:id/cancel',
    formRoute(
      (c) => `/tasks/${encodeURIComponent(c.req.param('id') ?? '')}`,
      async (c) => {
        const id = rowNumber(c.req.param('id'))
        await cancelTask(c.get('ctx'), id)
        return { to: `/tasks/${id}`, done: 'builds.canceled' }
      },
    ),
  )
  return forms
}
