/** Keeps the parts of a page that changes fresh: see Live.astro. Without it the page is complete. */
export {}

const box = document.querySelector<HTMLElement>('[data-live]')
let source: EventSource | undefined
let timer: ReturnType<typeof setTimeout> | undefined
let busy = false

/** Takes the new parts from the page as it is now; what someone is using is left alone. */
async function refresh(): Promise<void> {
  if (busy) return
  busy = true
  try {
    const answer = await fetch(location.href, { headers: { Accept: 'text/html' } })
    if (!answer.ok) return
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
    for (const part of document.querySelectorAll<HTMLElement>('[data-part]')) {
      const fresh = page.querySelector(`[data-part="${part.dataset.part}"]`)
      if (!fresh || part.contains(document.activeElement) || fresh.isEqualNode(part)) continue
      part.replaceWith(document.importNode(fresh, true))
    }
    // The page says no longer that it is live: what it showed has ended.
    if (!page.querySelector('[data-live]')) end()
  } catch {
    // The portal is away for a moment; the next turn tries again.
  } finally {
    busy = false
  }
}

function soon(wait_ms: number): void {
  clearTimeout(timer)
  timer = setTimeout(async () => {
    await refresh()
    if (source && box?.dataset.everyS) soon(Number(box.dataset.everyS) * 1000)
  }, wait_ms)
}

function end(): void {
  clearTimeout(timer)
  source?.close()
  source = undefined
}

/** A stream that was refused, or that the portal cannot go on with, is asked for anew. */
const REFUSED_WAIT_MS = 30_000

/** A browser has few connections to one host: pages out of sight hold none. */
function follow(): void {
  end()
  if (!box?.dataset.live || document.hidden) return
  source = new EventSource(box.dataset.live)
  source.addEventListener('error', ({ target }) => {
    if (target !== source || source?.readyState !== EventSource.CLOSED) return
    setTimeout(() => target === source && follow(), REFUSED_WAIT_MS)
  })
  for (const type of box.dataset.types?.split(' ') ?? [])
    source.addEventListener(type, () => soon(300))
  if (box.dataset.everyS) soon(Number(box.dataset.everyS) * 1000)
}

document.addEventListener('visibilitychange', () => {
  if (!document.hidden) void refresh()
  follow()
})
follow()
