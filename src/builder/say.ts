/** A line of the builder's own log. */
export type Say = (message: string, facts?: Record<string, string | number>) => void
