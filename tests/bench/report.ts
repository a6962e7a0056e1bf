/** What every measurement answers, and how it is printed with the machine's own numbers. */
import { cpus, release, totalmem } from 'node:os'

export interface Figure {
  name: string
  value: string
  /** What the project asks of itself. */
  limit?: string
  holds?: boolean
}

export function median(values: number[]): number {
  return percentile(values, 50)
}

/** @param p 0 to 100 */
export function percentile(values: number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * p) / 100))] ?? 0
}

export function machine(): string {
  const [cpu] = cpus()
  const memory_gib = (totalmem() / 1024 ** 3).toFixed(0)
  return `${cpus().length} × ${cpu?.model ?? 'unknown'}, ${memory_gib} GiB, Linux ${release()}, Node ${process.version}`
}

export function print(title: string, figures: Figure[]): void {
  process.stdout.write(`\n${title}\n`)
  for (const { name, value, limit, holds } of figures) {
    const verdict = limit === undefined ? '' : `   ${holds ? 'holds' : 'MISSED'}: ${limit}`
    process.stdout.write(`  ${name.padEnd(58)} ${value.padStart(16)}${verdict}\n`)
  }
}
