/** The site: pages rendered by the server; styles and scripts as files of their own, for `default-src 'self'`. */
import mdx from '@astrojs/mdx'
import node from '@astrojs/node'
import { defineConfig } from 'astro/config'

export default defineConfig({
  output: 'server',
  integrations: [mdx()],
  adapter: node({ mode: 'standalone' }),
  trailingSlash: 'ignore',
  compressHTML: true,
  devToolbar: { enabled: false },
  // Sessions are the accounts room's; Astro's own store is not wanted beside them.
  session: false,
  build: { inlineStylesheets: 'never' },
  // Images are served as they are.
  image: { service: { entrypoint: 'astro/assets/services/noop' } },
  vite: {
    // Nothing is inlined as data: or <script>, which the content security policy would refuse.
    build: { assetsInlineLimit: 0 },
  },
})
