/** What a form shows after it was refused: what was typed, and the sentence at its field. Pure. */
import type { Flash } from '../kernel/forms.ts'

export interface FormState {
  value(name: string): string | undefined
  error(name: string): string | undefined
}

/** @example <Field name="email" {...fieldState(form, 'email')} /> */
export function formState(flash: Flash | undefined): FormState {
  const refused = flash?.kind === 'error' ? flash : undefined
  return {
    value: (name) => refused?.values?.[name],
    error: (name) => (refused?.field === name ? refused.sentence : undefined),
  }
}

/** The props of one Field; `fallback` is its value before anything was typed. */
export function fieldState(form: FormState, name: string, fallback = '') {
  return { value: form.value(name) ?? fallback, error: form.error(name) }
}
