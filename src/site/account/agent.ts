/** A User-Agent in the few words by which a person knows their browser again; pure. */

const browsers: [RegExp, string][] = [
  [/Edg\//, 'Edge'],
  [/OPR\//, 'Opera'],
  [/Firefox\//, 'Firefox'],
  [/Chrom(e|ium)\//, 'Chrome'],
  [/Safari\//, 'Safari'],
]
const systems: [RegExp, string][] = [
  [/Android/, 'Android'],
  [/iPhone|iPad/, 'iOS'],
  [/Windows/, 'Windows'],
  [/Mac OS X/, 'macOS'],
  [/Linux/, 'Linux'],
  [/BSD/, 'BSD'],
]

const first = (list: [RegExp, string][], agent: string) =>
  list.find(([pattern]) => pattern.test(agent))?.[1]

/** "Firefox, Linux"; an agent that is no browser by its first word; empty for an empty one. */
export function agentName(agent: string): string {
  const known = [first(browsers, agent), first(systems, agent)].filter(Boolean).join(', ')
  return known || (agent.split(/[\s(]/)[0] ?? '').slice(0, 60)
}
