import { describe, expect, it } from 'vitest'
import { firstWords, renderMarkdown } from '../../src/kernel/markdown.ts'

describe('renderMarkdown', () => {
  it('writes what people mean', () => {
    const html = renderMarkdown(
      '# Tested\n\n- **boots** with `dnf`\n- https://keel.example/a?b=1&c=2',
    )
    expect(html).toContain('<h3>Tested</h3>')
    expect(html).toContain('<strong>boots</strong>')
    expect(html).toContain('<code>dnf</code>')
    expect(html).toContain('href="https://keel.example/a?b=1&amp;c=2"')
    expect(html).toContain('rel="nofollow noopener ugc"')
  })

  it('keeps the lines that were typed', () => {
    expect(renderMarkdown('one\ntwo')).toContain('<br')
  })

  const hostile = [
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    '![x](javascript:alert(1))',
    '[a](javascript:alert(1))',
    '[a](JaVaScRiPt&#58;alert(1))',
    '[a](java\nscript:alert(1))',
    '[a](data:text/html,<script>alert(1)</script>)',
    '[a](vbscript:x)',
    '[a](//evil.example)',
    '<a href="https://ok.example" onclick="alert(1)">x</a>',
    '<svg/onload=alert(1)>',
    '<iframe src="https://evil.example"></iframe>',
    '<style>*{display:none}</style>',
    '<form action="/account/log-out"><button>x</button></form>',
    '<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>',
    '<p style="position:fixed" id="content" class="notice">x</p>',
    '```"><script>alert(1)</script>\nx\n```',
    '| a |\n|---|\n| <script>alert(1)</script> |',
    '<!--><script>alert(1)</script>-->',
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
  ]
  it.each(hostile)('disarms %j', (text) => {
    const html = renderMarkdown(text)
    const tags = [...html.matchAll(/<\/?([a-z0-9]+)([^>]*)>/gi)]
    for (const [, name = '', attributes = ''] of tags) {
      expect(name).toMatch(
        /^(p|br|hr|strong|em|del|code|pre|blockquote|a|ul|ol|li|h[3-6]|table|thead|tbody|tr|th|td)$/,
      )
      const names = [...attributes.matchAll(/([\w-]+)=/g)].map(([, each]) => each)
      if (name !== 'a') expect(names.filter((each) => each !== 'start')).toEqual([])
      for (const [, href = ''] of attributes.matchAll(/href="([^"]*)"/g))
        expect(href).toMatch(/^(https?:\/\/|mailto:|$)/)
    }
  })

  const bombs: [string, string][] = [
    ['quotes', '> '.repeat(25_000)],
    ['tight quotes', '>'.repeat(50_000)],
    ['lists', '- '.repeat(25_000)],
    ['brackets', '['.repeat(50_000)],
    ['spaced brackets', '[ '.repeat(25_000)],
    ['stars', '*a '.repeat(16_000)],
    ['underscores', '_a'.repeat(25_000)],
    ['backticks', Array.from({ length: 300 }, (_, i) => '`'.repeat(i)).join(' ')],
    ['links', '[a]('.repeat(12_500)],
    ['table', `|${'a|'.repeat(20_000)}\n|${'-|'.repeat(5_000)}`],
    ['short rows', `${'|'.repeat(801)}\n${'|-'.repeat(800)}|\n${'a\n'.repeat(890)}`],
    ['quoted rows', `> ${'|'.repeat(801)}\n> ${'|-'.repeat(800)}|\n${'> a\n'.repeat(890)}`],
    ['addresses', `${'a.'.repeat(24_000)}@`],
    ['tags', '<a '.repeat(16_000)],
    ['entities', '&#'.repeat(25_000)],
  ]
  it.each(bombs)('takes a bomb of %s within two seconds', (_, text) => {
    const started = performance.now()
    const html = renderMarkdown(text)
    expect(performance.now() - started).toBeLessThan(2000)
    expect(html.length).toBeLessThan(600_000)
  })
})

describe('firstWords', () => {
  it('cuts at the length and leaves the marks out', () => {
    expect(firstWords('# Fixes **three** bugs', 100)).toBe('Fixes three bugs')
    expect(firstWords('a'.repeat(50), 10)).toBe(`${'a'.repeat(9)}…`)
  })
})
