/** What the pages of accounts post: one verb each, then 303 back to a page. Works without scripts. */
import { Hono } from 'hono'
import type { Scope } from '../kernel/context.ts'
import { invalid } from '../kernel/errors.ts'
import { evenTime } from '../kernel/even-time.ts'
import { formRoute, localPath, readForm, setFlash } from '../kernel/forms.ts'
import type { HttpContext, HttpEnv } from '../kernel/http.ts'
import { reason } from '../kernel/reason.ts'
import { rowNumber } from '../kernel/row-number.ts'
import { claimFirstAdmin } from './admins.ts'
import { linkPath } from './link.ts'
import { changePassword, requestReset, resetPassword } from './passwords.ts'
import { changeProfile } from './people.ts'
import { allScopes } from './person.ts'
import { endSession, logIn, logOut, startSession } from './sessions.ts'
import { resendVerification, signUp, verify } from './sign-ups.ts'
import { tokenLives_days } from './token.ts'
import { createToken, revokeToken } from './tokens.ts'

const agentOf = (c: HttpContext) => c.req.header('User-Agent') ?? ''
const setCookie = (c: HttpContext, cookie: string) =>
  c.header('Set-Cookie', cookie, { append: true })

/** The page a token's form stood on, so that a refusal leads back to it with the token. */
async function backTo(c: HttpContext, purpose: 'verify' | 'reset' | 'first-admin') {
  const { token = '' } = await readForm(c)
  return linkPath(purpose, token)
}

/** A life that one may choose; a token without end is never what somebody gets by a slip. */
function lifeOf(typed: string | undefined): number {
  const life_days = tokenLives_days.find((each) => String(each) === typed)
  if (life_days === undefined) throw invalid('life_days', reason('token.life'))
  return life_days
}

async function begin(c: HttpContext, person_id: number): Promise<void> {
  setCookie(c, await startSession(c.get('ctx'), person_id, agentOf(c)))
}

export function createAccountForms(): Hono<HttpEnv> {
  const forms = new Hono<HttpEnv>()
  addEntrance(forms)
  addMailedLinks(forms)
  addSelfService(forms)
  return forms
}

function addEntrance(forms: Hono<HttpEnv>): void {
  forms.post(
    '/account/sign-up',
    formRoute('/account/sign-up', async (c, form) => {
      const { username = '', email = '', password = '' } = form
      await evenTime(() => signUp(c.get('ctx'), { username, email, password }))
      return { to: '/account/verify', done: 'account.sign-up.done', params: { email } }
    }),
  )
  forms.post(
    '/account/log-in',
    formRoute(
      (c) => `/account/log-in?next=${encodeURIComponent(c.req.query('next') ?? '')}`,
      async (c, form) => {
        const { login = '', password = '' } = form
        setCookie(c, await logIn(c.get('ctx'), { login, password, agent: agentOf(c) }))
        return { to: localPath(c.req.query('next'), '/account') }
      },
    ),
  )
  forms.post(
    '/account/log-out',
    formRoute('/', async (c) => {
      setCookie(c, await logOut(c.get('ctx')))
      return { to: '/', done: 'account.log-out.done' }
    }),
  )
}

function addMailedLinks(forms: Hono<HttpEnv>): void {
  forms.post('/account/verify', async (c) =>
    formRoute(await backTo(c, 'verify'), async (_, form) => {
      const { token = '', password = '' } = form
      await begin(c, await verify(c.get('ctx'), { token, password }))
      return { to: '/account', done: 'account.verify.done' }
    })(c),
  )
  forms.post(
    '/account/verify/resend',
    formRoute('/account/verify', async (c, { email = '' }) => {
      await evenTime(() => resendVerification(c.get('ctx'), { email }))
      return { to: '/account/verify', done: 'account.resend.done', params: { email } }
    }),
  )
  forms.post(
    '/account/reset/request',
    formRoute('/account/reset', async (c, { email = '' }) => {
      await evenTime(() => requestReset(c.get('ctx'), { email }))
      return { to: '/account/reset', done: 'account.reset.mailed', params: { email } }
    }),
  )
  forms.post('/account/reset', async (c) =>
    formRoute(await backTo(c, 'reset'), async (_, form) => {
      const { token = '', password = '' } = form
      await begin(c, await resetPassword(c.get('ctx'), { token, password }))
      return { to: '/account', done: 'account.reset.done' }
    })(c),
  )
  forms.post('/account/first-admin', async (c) =>
    formRoute(await backTo(c, 'first-admin'), async (_, form) => {
      const { token = '', username = '', email = '', password = '' } = form
      const input = { token, username, email, password }
      await begin(c, await claimFirstAdmin(c.get('ctx'), input))
      return { to: '/account', done: 'account.first-admin.done' }
    })(c),
  )
}

function addSelfService(forms: Hono<HttpEnv>): void {
  forms.post(
    '/account/profile',
    formRoute('/account', async (c, { display_name = '' }) => {
      await changeProfile(c.get('ctx'), { display_name })
      return { to: '/account', done: 'account.profile.done' }
    }),
  )
  forms.post(
    '/account/password',
    formRoute('/account', async (c, { current = '', password = '' }) => {
      await changePassword(c.get('ctx'), { current, password })
      return { to: '/account', done: 'account.password.done' }
    }),
  )
  forms.post(
    '/account/sessions/end',
    formRoute('/account#sessions', async (c, { id = '' }) => {
      await endSession(c.get('ctx'), id)
      return { to: '/account#sessions', done: 'account.session.done' }
    }),
  )
  forms.post(
    '/account/tokens',
    formRoute('/account#tokens', async (c, form) => {
      const ctx = c.get('ctx')
      const scopes = allScopes.filter((scope: Scope) => form[`scope-${scope}`] !== undefined)
      const life_days = lifeOf(form.life_days)
      const made = await createToken(ctx, { name: form.name ?? '', scopes, life_days })
      // The only place that ever shows it: the page that comes next, by a cookie it then clears.
      const sentence = ctx.app.words.in('en')('account.token.done', { name: made.name })
      setFlash(c, { kind: 'done', sentence, values: { made: made.token } })
      return { to: '/account#tokens' }
    }),
  )
  forms.post(
    '/account/tokens/revoke',
    formRoute('/account#tokens', async (c, { id = '' }) => {
      await revokeToken(c.get('ctx'), rowNumber(id))
      return { to: '/account#tokens', done: 'account.token.revoked' }
    }),
  )
}
