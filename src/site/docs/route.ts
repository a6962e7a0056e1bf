/** Fills the distribution's words into titles, side bar and headings of the docs; says when a page changed; its card. */
import { defineRouteMiddleware } from '@astrojs/starlight/route-data'
import typeface from '@fontsource-variable/archivo/files/archivo-latin-wdth-normal.woff2?url'
import { brandCss, cardMeta } from '../../brand.ts'
import { distribution, fillIn, lastCommitted } from './about.ts'

interface Labelled {
  label?: string
  text?: string
  entries?: Labelled[]
  items?: Labelled[]
  children?: Labelled[]
}

function fillLabels(items: Labelled[]): void {
  for (const item of items) {
    if (item.label !== undefined) item.label = fillIn(item.label)
    if (item.text !== undefined) item.text = fillIn(item.text)
    fillLabels(item.entries ?? item.items ?? item.children ?? [])
  }
}

/** As of all other pages: the typeface is asked for before the style sheet that names it. */
const preload = { rel: 'preload', as: 'font', type: 'font/woff2', href: typeface, crossorigin: '' }

export const onRequest = defineRouteMiddleware(({ site, locals: { starlightRoute } }) => {
  const { entry, toc, sidebar, head, pagination } = starlightRoute
  const file = entry.filePath?.split('/docs/').slice(1).join('/docs/')
  starlightRoute.lastUpdated = lastCommitted.get(file ?? '')
  entry.data.title = fillIn(entry.data.title)
  if (entry.data.description) entry.data.description = fillIn(entry.data.description)
  head.push({ tag: 'link', attrs: preload, content: '' })
  const colours = brandCss(distribution.brand)
  if (colours) head.push({ tag: 'style', attrs: {}, content: colours })
  // Without the portal's address there is no absolute one.
  const shown = site ? cardMeta(distribution, site.href) : []
  head.push(...shown.map((attrs) => ({ tag: 'meta' as const, attrs, content: '' })))
  for (const each of head) {
    if (each.content) each.content = fillIn(each.content)
    if (typeof each.attrs?.content === 'string') each.attrs.content = fillIn(each.attrs.content)
  }
  fillLabels(sidebar as Labelled[])
  fillLabels((toc?.items ?? []) as Labelled[])
  fillLabels([pagination.prev, pagination.next].filter((each) => each !== undefined))
})
