/** What every page's header leads to, in this order: each visitor's way begins with one of them. */
export const sections = [
  'download',
  'packages',
  'builds',
  'updates',
  'errata',
  'releases',
  'docs',
] as const
