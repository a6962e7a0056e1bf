/** An advisory: its number, its title's kinds, and what updateinfo calls them. Pure. */

export type UpdateType = 'security' | 'bugfix' | 'enhancement' | 'newpackage'

/** Letter of the advisory's kind: security, bug fix, or enhancement (new packages among them). */
const kindLetter: Record<UpdateType, string> = {
  security: 'S',
  bugfix: 'B',
  enhancement: 'E',
  newpackage: 'E',
}

/** @example advisoryNumber('KL', 'security', 2026, 1) is KLSA-2026:0001 */
export function advisoryNumber(
  prefix: string,
  type: UpdateType,
  year: number,
  sequence: number,
): string {
  return `${prefix}${kindLetter[type]}A-${year}:${String(sequence).padStart(4, '0')}`
}

/** Severities as updateinfo and dnf spell them; dnf's --secseverity compares these words. */
export function updateinfoSeverity(severity: string): string {
  const words: Record<string, string> = {
    low: 'Low',
    medium: 'Moderate',
    high: 'Important',
    urgent: 'Critical',
  }
  return words[severity] ?? 'None'
}
