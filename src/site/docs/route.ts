/** Fills the distribution's words into titles, side bar and headings of the docs, and says when a page changed. */
import { defineRouteMiddleware } from '@astrojs/starlight/route-data'
import { fillIn, lastCommitted } from './about.ts'

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

export const onRequest = defineRouteMiddleware(({ locals: { starlightRoute } }) => {
  const { entry, toc, sidebar, head, pagination } = starlightRoute
  const file = entry.filePath?.split('/docs/').slice(1).join('/docs/')
  starlightRoute.lastUpdated = lastCommitted.get(file ?? '')
  entry.data.title = fillIn(entry.data.title)
  if (entry.data.description) entry.data.description = fillIn(entry.data.description)
  for (const each of head) {
    if (each.content) each.content = fillIn(each.content)
    if (typeof each.attrs?.content === 'string') each.attrs.content = fillIn(each.attrs.content)
  }
  fillLabels(sidebar as Labelled[])
  fillLabels((toc?.items ?? []) as Labelled[])
  fillLabels([pagination.prev, pagination.next].filter((each) => each !== undefined))
})
