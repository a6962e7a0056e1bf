/** Why a rule says no, or not yet: a code for programs, parameters for the sentence. Pure. */

/** Its sentence is `reason.<code>` in content/i18n, in which the parameters are filled. */
export interface Reason {
  code: string
  params: Record<string, string | number>
}

/** @example reason('update.minimum-hours', { hours: 3, need_hours: 24 }) */
export function reason(code: string, params: Reason['params'] = {}): Reason {
  return { code, params }
}
