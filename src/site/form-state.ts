/** What a form shows after it was refused: what was typed, and the sentence at its field. Pure. */
import type { Flash } from '../kernel/forms.ts'

export interface FormState {
  value(name: string): string | undefined
  error(name: string): string | undefined
  /** It was posted and refused. */
  refused: boolean
}

/**
 * @param which on a page with several forms: the value of this one's hidden field `form`
 * @example <Field name="email" {...fieldState(form, 'email')} />
 */
export function formState(flash: Flash | undefined, which?: string): FormState {
  const here = which === undefined || flash?.values?.form === which
  const refused = flash?.kind === 'error' && here ? flash : undefined
  return {
    refused: refused !== undefined,
    value: (name) => refused?.values?.[name],
    error: (name) => (refused?.field === name ? refused.sentence : undefined),
  }
}

/** The props of one Field; `fallback` is its value before anything was typed. */
export function fieldState(form: FormState, name: string, fallback = '') {
  return { value: form.value(name) ?? fallback, error: form.error(name) }
}
