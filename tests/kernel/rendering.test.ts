/** Markdown as it is shown: made once, kept with the renderer's version, never on the loop for long. */
import { createHash } from 'node:crypto'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rendered_text } from '../../db/schema/kernel.ts'
import { RENDERER_VERSION, renderMarkdown } from '../../src/kernel/markdown.ts'
import { renderAside, renderText } from '../../src/kernel/rendering.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
beforeAll(async () => {
  app = await testApp()
})
afterAll(() => app.end())

const long = `${'A *word* of it. '.repeat(100)}`
const digestOf = (text: string) => createHash('sha256').update(text).digest('hex')
const rowOf = async (text: string) =>
  (
    await app.db
      .select()
      .from(rendered_text)
      .where(eq(rendered_text.digest, digestOf(text)))
  )[0]

describe('a long text', () => {
  it('is rendered once and kept', async () => {
    const html = await renderText(app, long)
    expect(html).toBe(renderMarkdown(long))
    expect(await rowOf(long)).toMatchObject({ version: RENDERER_VERSION, html })
    await transaction({ app }, (tx) =>
      tx
        .update(rendered_text)
        .set({ html: 'kept' })
        .where(eq(rendered_text.digest, digestOf(long))),
    )
    expect(await renderText(app, long)).toBe('kept')
  })

  it('is rendered anew by another version of the renderer', async () => {
    await transaction({ app }, (tx) =>
      tx
        .update(rendered_text)
        .set({ version: RENDERER_VERSION - 1 })
        .where(eq(rendered_text.digest, digestOf(long))),
    )
    expect(await renderText(app, long)).toBe(renderMarkdown(long))
    expect((await rowOf(long))?.version).toBe(RENDERER_VERSION)
  })

  it('is asked for by many at once and comes to all', async () => {
    const text = `${long} again`
    const all = await Promise.all(Array.from({ length: 20 }, () => renderText(app, text)))
    expect(new Set(all)).toEqual(new Set([renderMarkdown(text)]))
  })

  it('holds up nobody else', async () => {
    const text = '- a\n'.repeat(12_000)
    await renderAside('warm up')
    const delay = monitorEventLoopDelay({ resolution: 5 })
    delay.enable()
    const html = await renderAside(text)
    delay.disable()
    expect(html).toContain('<li>')
    expect(delay.max / 1e6).toBeLessThan(200)
  })
})

describe('the table of 8,000 columns and 8,900 short rows', () => {
  it('is shown as it was typed, at once', async () => {
    const text = `${'|'.repeat(8001)}\n${'|-'.repeat(8000)}|\n${'a\n'.repeat(8900)}`
    const began = performance.now()
    const html = await renderText(app, text)
    expect(performance.now() - began).toBeLessThan(2000)
    expect(html).toMatch(/^<pre>/)
    expect(html.length).toBeLessThan(2 * text.length)
  })
})
