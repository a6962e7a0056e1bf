/** What people write about their distribution without naming it: `%name%`, `%id%` and others. Pure. */
import type { Distribution } from './distribution.ts'

/** Values of the words. Those of a release are the first one's of distribution.yaml. */
export function distributionWords(distribution: Distribution): Record<string, string> {
  const [release] = distribution.releases
  return {
    name: distribution.name,
    id: distribution.id,
    vendor: distribution.vendor,
    version: release?.version ?? '',
    release: release?.name ?? '',
    dist: release?.dist ?? '',
    upstream: release?.upstream.name ?? '',
  }
}

/**
 * Each `%word%` becomes its value; what is none of them stays. In addresses Markdown writes the second mark, or
 * both, as %25.
 */
export function fillWords(text: string, words: Readonly<Record<string, string>>): string {
  return text.replace(/%(?:25)?([a-z]+)%(?:25)?/g, (whole, key: string) =>
    Object.hasOwn(words, key) ? (words[key] ?? whole) : whole,
  )
}
