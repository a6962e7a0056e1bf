/** The web pipeline, in reading order: what machines ask (portal.ts), then pages (Astro). */
import { astro, getFetchState } from 'astro/hono'
import { clearFlash, readFlash } from './kernel/forms.ts'
import { followAnswers } from './kernel/outgoing.ts'
import { endWithParent } from './kernel/parent.ts'
import { createPortal } from './portal.ts'
import { webApp } from './web.ts'

endWithParent()
followAnswers()
const app = webApp()
const portal = createPortal(app)

portal.use(async (c, next) => {
  const { locals } = getFetchState(c)
  const flash = readFlash(c)
  const language = c.get('language')
  Object.assign(locals, { ctx: c.get('ctx'), language, say: app.words.in(language), flash })
  await next()
  // A page that a verb refused is no failure of ours.
  if (locals.refusal)
    c.res = new Response(c.res.body, { status: locals.refusal.status, headers: c.res.headers })
  // A page is in the reader's language and shows who is logged in.
  c.header('Vary', 'Accept-Language, Cookie', { append: true })
  // After the page: headers set before it do not reach the answer that Astro makes.
  if (flash) clearFlash(c)
})
portal.use(astro())

export default portal
