/** Forms of the pages for mirror admins: each runs one verb and comes back to its page. */
import { type Context, Hono } from 'hono'
import type { Ctx } from '../kernel/context.ts'
import { invalid } from '../kernel/errors.ts'
import { type Form, formRoute } from '../kernel/forms.ts'
import { fromZod, type HttpEnv } from '../kernel/http.ts'
import { reason } from '../kernel/reason.ts'
import {
  changeMirror,
  changeMirrorState,
  proveMirror,
  setMaintenance,
  signUpMirror,
} from './hosts.ts'
import { type MirrorInput, mirrorInput, siteInput } from './mirror.ts'
import { addSource, removeSource, requestTier1, reviewTier1 } from './tiers.ts'

/** Words of a text box, however they are parted. */
const words = (text: string | undefined) => (text ?? '').split(/[\s,]+/).filter(Boolean)
const number = (text: string | undefined) => {
  const given = text?.trim() ?? ''
  return given === '' ? null : Number(given)
}

/** `release arch repository` a line, `*` for any. */
function exclusionsOf(text: string | undefined) {
  const lines = (text ?? '').split('\n').map(words)
  return lines
    .filter((parts) => parts.length > 0)
    .map((parts) => {
      const part = (at: number) => (parts[at] === undefined || parts[at] === '*' ? null : parts[at])
      return { release: part(0), arch: part(1), repository: part(2) }
    })
}

function mirrorOf(ctx: Ctx, form: Form): MirrorInput {
  const parsed = mirrorInput(ctx.app.config.private_mirrors).safeParse({
    ...{ name: form.name, urls: words(form.urls), country: form.country },
    ...{ latitude: number(form.latitude), longitude: number(form.longitude) },
    ...{ asn: number(form.asn), bandwidth_mbps: number(form.bandwidth_mbps) },
    ...{ ipv4: form.ipv4 === 'on', ipv6: form.ipv6 === 'on' },
    visibility: form.private === 'on' ? 'private' : 'public',
    netblocks: words(form.netblocks),
    peer_asns: words(form.peer_asns).map(Number),
    exclusions: exclusionsOf(form.exclusions),
  })
  if (parsed.success) return parsed.data
  const fault = fromZod(parsed.error)
  // An entry of a text box is at fault: the box is the field.
  const field = String(parsed.error.issues[0]?.path[0] ?? '')
  throw invalid(field, fault.details.reasons?.[0] ?? reason('input.fault', { message: '' }))
}

function siteOf(form: Form) {
  const parsed = siteInput.safeParse({
    ...{ name: form.site, url: form.site_url?.trim() ?? '', contacts: words(form.contacts) },
  })
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const key = String(issue?.path[0] ?? '')
  const field = { name: 'site', url: 'site_url' }[key] ?? key
  throw invalid(field, reason('input.fault', { message: issue?.message ?? '' }))
}

/** A moment as `datetime-local` inputs give it, read as UTC; null for an empty one. */
function momentOf(field: string, text: string | undefined): number | null {
  if (!text?.trim()) return null
  const at = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?)?$/.test(text.trim())
    ? Date.parse(text.includes('T') ? `${text.trim()}Z` : text.trim())
    : Number.NaN
  if (Number.isNaN(at)) throw invalid(field, reason('mirror.moment'))
  return at
}

type Named = (ctx: Ctx, name: string, form: Form) => Promise<string>

/** Forms of one mirror: path under its page, and what each does; the key of its sentence comes back. */
const ofOne: Record<string, Named> = {
  prove: async (ctx, name) => {
    await proveMirror(ctx, name)
    return 'mirror.proved'
  },
  state: async (ctx, name, form) => {
    const change = (['pause', 'resume', 'retire'] as const).find((each) => each === form.change)
    if (!change) throw invalid('change', reason('mirror.change-value'))
    await changeMirrorState(ctx, name, change, form.reason)
    return `mirror.${change}d`
  },
  maintenance: async (ctx, name, form) => {
    const from = momentOf('from', form.from)
    const until = momentOf('until', form.until)
    await setMaintenance(ctx, name, { from, until, note: form.note ?? '' })
    return 'mirror.window-set'
  },
  tier: async (ctx, name, form) => {
    await requestTier1(ctx, name, form.reason ?? '')
    return 'mirror.tier-asked'
  },
  review: async (ctx, name, form) => {
    const approve = form.answer === 'approve'
    await reviewTier1(ctx, name, { approve, reason: form.reason ?? '' })
    return approve ? 'mirror.tier-given' : 'mirror.tier-refused'
  },
  sources: async (ctx, name, form) => {
    const expires_at = momentOf('expires_at', form.expires_at)
    await addSource(ctx, name, { cidr: form.cidr ?? '', expires_at })
    return 'mirror.source-added'
  },
  'sources/remove': async (ctx, name, form) => {
    await removeSource(ctx, name, form.cidr ?? '')
    return 'mirror.source-removed'
  },
}

const pageOf = (name: string | undefined) => `/account/mirrors/${encodeURIComponent(name ?? '')}`

export function createMirrorForms(): Hono<HttpEnv> {
  const forms = new Hono<HttpEnv>()
  const back = (c: Context<HttpEnv>) => pageOf(c.req.param('name'))
  forms.post(
    '/account/mirrors',
    formRoute('/account/mirrors', async (c, form) => {
      const ctx = c.get('ctx')
      const input = { site: siteOf(form), mirror: mirrorOf(ctx, form) }
      const { name } = await signUpMirror(ctx, input)
      return { to: pageOf(name), done: 'mirror.made', params: { name } }
    }),
  )
  forms.post(
    '/account/mirrors/:name',
    formRoute(back, async (c, form) => {
      const ctx = c.get('ctx')
      const { name } = await changeMirror(ctx, c.req.param('name') ?? '', mirrorOf(ctx, form))
      return { to: pageOf(name), done: 'mirror.changed' }
    }),
  )
  for (const [path, work] of Object.entries(ofOne))
    forms.post(
      `/account/mirrors/:name/${path}`,
      formRoute(back, async (c, form) => {
        const name = c.req.param('name') ?? ''
        const done = await work(c.get('ctx'), name, form)
        return { to: done === 'mirror.retired' ? '/account/mirrors' : pageOf(name), done }
      }),
    )
  return forms
}
