/** The web pipeline, in reading order: what machines ask (portal.ts), then pages (Astro). */
import { astro, getFetchState } from 'astro/hono'
import { takeFlash } from './kernel/forms.ts'
import { createPortal } from './portal.ts'
import { webApp } from './web.ts'

const app = webApp()
const portal = createPortal(app)

portal.use(async (c, next) => {
  const { locals } = getFetchState(c)
  const flash = takeFlash(c)
  Object.assign(locals, { ctx: c.get('ctx'), t: app.words.in('en'), flash })
  await next()
})
portal.use(astro())

export default portal
