/**
 * On the search page: hits in the docs by the docs' own index (Pagefind), which knows word stems and ranks, in
 * place of the plain list. Without it, or where it can't be had, the list stays.
 */
interface DocsHit {
  url: string
  excerpt: string
  meta: { title?: string }
}
interface DocsIndex {
  search(words: string): Promise<{ results: { data(): Promise<DocsHit> }[] }>
}

const MOST = 10

/** Excerpts are HTML with the words marked; only their text is shown. */
const textOf = (html: string) =>
  new DOMParser().parseFromString(html, 'text/html').body.textContent ?? ''

function itemOf({ url, excerpt, meta }: DocsHit): HTMLLIElement {
  const item = document.createElement('li')
  const link = document.createElement('a')
  link.href = url
  link.textContent = meta.title ?? url
  const around = document.createElement('span')
  around.className = 'soft small'
  around.textContent = textOf(excerpt)
  item.append(link, ' ', around)
  return item
}

async function rank(list: HTMLElement, words: string): Promise<void> {
  const place = '/pagefind/pagefind.js'
  const index = (await import(/* @vite-ignore */ place)) as DocsIndex
  const { results } = await index.search(words)
  if (results.length === 0) return
  const hits = await Promise.all(results.slice(0, MOST).map((each) => each.data()))
  list.replaceChildren(...hits.map(itemOf))
  list.dataset.by = 'index'
}

const list = document.querySelector<HTMLElement>('#docs ul')
const words = new URLSearchParams(location.search).get('q')
if (list && words) rank(list, words).catch(() => {})
