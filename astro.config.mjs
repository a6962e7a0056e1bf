/** The site: pages rendered by the server, the docs prerendered by Starlight; styles and scripts as files. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import node from '@astrojs/node'
import starlight from '@astrojs/starlight'
import { defineConfig } from 'astro/config'
import { parse } from 'yaml'

const content = process.env.SLIPWAY_CONTENT || 'content'
const site = process.env.SLIPWAY_SITE || 'dist'
const { distribution, docs = {} } = parse(readFileSync(join(content, 'distribution.yaml'), 'utf8'))
const decisions = readdirSync(join(content, 'docs/contributing/decisions'))
  .map((name) => `docs/contributing/decisions/${name.replace(/\.mdx?$/, '')}`)
  .sort()
const part = (name) => `./src/site/docs/${name}.astro`
const group = (label, slugs) => ({
  label,
  items: slugs.map((slug) => ({ slug: slug === '' ? 'docs' : `docs/${slug}` })),
})

/** Starlight remembers which groups of its side bar were open by a script; ours are plain details. */
const withoutScripts = {
  name: 'docs-without-scripts',
  enforce: 'pre',
  resolveId: (id) => (id.endsWith('SidebarPersistState') ? '\0no-script' : undefined),
  load: (id) => (id === '\0no-script' ? 'export {}' : undefined),
}

const whenIdle = 'window.requestIdleCallback || ((cb) => setTimeout(cb, 1))'
const whenTouched = `((load) => {
  const first = new AbortController()
  const begin = async () => {
    first.abort()
    await load()
    if (dialog.open) dialog.querySelector('input')?.focus()
  }
  for (const kind of ['pointerover', 'focusin']) this.addEventListener(kind, begin, { signal: first.signal })
})`

/** Starlight fetches its search (94 kB) with every page; ours when somebody comes near the search's button. */
const searchWhenAsked = {
  name: 'docs-search-when-asked',
  enforce: 'pre',
  transform(code, id) {
    if (!id.includes('starlight') || !/Search\.astro\?.*type=script/.test(id)) return undefined
    if (!code.includes(whenIdle)) throw new Error(`${id} no longer waits for ${whenIdle}`)
    return code.replace(whenIdle, whenTouched)
  },
}

/**
 * Scripts that a prerendered page has inline become files at the same place: the content security policy lets pages
 * run the portal's own files only, and a hash for each would have to follow every version of Starlight.
 */
const scriptsAsFiles = {
  name: 'docs-scripts-as-files',
  hooks: {
    'astro:build:done': ({ dir }) => {
      const folder = fileURLToPath(dir)
      for (const name of readdirSync(folder, { recursive: true })) {
        if (!name.endsWith('.html')) continue
        const file = join(folder, name)
        const page = readFileSync(file, 'utf8')
        const changed = page.replace(/<script>([\s\S]*?)<\/script>/g, (_, script) => {
          const path = `_astro/inline.${createHash('sha256').update(script).digest('hex').slice(0, 8)}.js`
          writeFileSync(join(folder, path), script)
          return `<script src="/${path}"></script>`
        })
        if (changed !== page) writeFileSync(file, changed)
      }
    },
  },
}

export default defineConfig({
  output: 'server',
  // For the docs, which no request makes: without it they have no canonical address and no preview card.
  site: process.env.SLIPWAY_URL || undefined,
  outDir: site,
  // Of each content folder one, since what is kept of a page of the docs names its file.
  cacheDir: join('node_modules/.astro', content),
  integrations: [
    starlight({
      title: distribution.name,
      disable404Route: true,
      favicon: '/brand/icon.svg',
      // No scripts of its own: plain code blocks, in the site's colours.
      expressiveCode: false,
      ...(docs.edit_url && { editLink: { baseUrl: docs.edit_url } }),
      markdown: { processedDirs: [`${content}/docs`] },
      customCss: [
        './src/site/style/font.css',
        './src/site/style/tokens.css',
        './src/site/style/docs.css',
      ],
      routeMiddleware: './src/site/docs/route.ts',
      components: {
        Header: part('Header'),
        PageFrame: part('Frame'),
        Sidebar: part('Pages'),
        TwoColumnContent: part('Columns'),
        PageSidebar: part('OnThisPage'),
        PageTitle: part('Title'),
        MarkdownContent: part('Content'),
        ThemeProvider: part('None'),
        ThemeSelect: part('None'),
      },
      sidebar: [
        { slug: 'docs' },
        group('Use', ['install', 'upgrade', 'migrate']),
        group('Take part', ['groups', 'testing', 'packaging', 'mirrors', 'rules', 'releases']),
        group('Operate', [
          'operating',
          'operating/configuration',
          'operating/backup',
          'operating/retention',
          'operating/scale',
        ]),
        group('Programs', ['api', 'api/errors']),
        {
          label: 'The code',
          items: [
            { slug: 'docs/contributing' },
            { slug: 'docs/contributing/architecture' },
            { slug: 'docs/contributing/security' },
            {
              label: 'Decisions',
              collapsed: true,
              items: decisions.map((slug) => ({ slug })),
            },
          ],
        },
      ],
    }),
    scriptsAsFiles,
  ],
  adapter: node({ mode: 'standalone' }),
  trailingSlash: 'ignore',
  // Starlight would turn it on for every page, with a script.
  prefetch: false,
  compressHTML: true,
  devToolbar: { enabled: false },
  // Sessions are the accounts room's; Astro's own store is not wanted beside them.
  session: false,
  build: { inlineStylesheets: 'never' },
  markdown: {
    shikiConfig: {
      themes: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
      // Colours as custom properties: style sheets choose, by the reader's system.
      defaultColor: false,
    },
  },
  // Images are served as they are.
  image: { service: { entrypoint: 'astro/assets/services/noop' } },
  vite: {
    plugins: [withoutScripts, searchWhenAsked],
    // Nothing is inlined as data: or <script>, which the content security policy would refuse.
    build: { assetsInlineLimit: 0 },
  },
})
