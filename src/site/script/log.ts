/** Appends to a log while it grows (`data-follow` of LogView), and stays at its end if the reader is there. */
export {}

const MAX_READ_BYTES = 1024 * 1024
const PAUSE_MS = 1000

function isAtEnd(log: HTMLElement): boolean {
  return log.scrollHeight - log.scrollTop - log.clientHeight < 40
}

async function readMore(log: HTMLElement, offset: number): Promise<number> {
  const answer = await fetch(`${log.dataset.follow}?offset=${offset}`)
  if (!answer.ok) return offset
  const text = await answer.text()
  if (text !== '') {
    const stay = isAtEnd(log)
    if (log.dataset.empty !== undefined) log.textContent = ''
    delete log.dataset.empty
    log.append(text)
    if (stay) log.scrollTop = log.scrollHeight
  }
  return Math.min(Number(answer.headers.get('X-Log-Size')), offset + MAX_READ_BYTES)
}

async function follow(log: HTMLElement): Promise<void> {
  let offset = Number(log.dataset.sizeBytes)
  log.scrollTop = log.scrollHeight
  while (log.isConnected && log.dataset.follow) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    if (document.hidden) continue
    const next = await readMore(log, offset).catch(() => offset)
    // An ended task is not marked as running any more: then there is no more to come.
    if (next === offset && !document.querySelector('[data-running]')) return
    offset = next
  }
}

for (const log of document.querySelectorAll<HTMLElement>('[data-follow]')) void follow(log)
