/**
 * Sentences from content/i18n/<language>/*.json, in ICU MessageFormat. A key that a language lacks
 * falls back to English; a key that English lacks is a bug and shows as itself.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { IntlMessageFormat } from 'intl-messageformat'
import type { Config } from './config.ts'
import type { ErrorDetails, PortalError } from './errors.ts'
import { root } from './paths.ts'
import type { Reason } from './reason.ts'

export type Params = Record<string, string | number | boolean | Date | null | undefined>

/** The sentence of a key in one language, with its parameters filled. */
export type Translate = (key: string, params?: Params) => string

export interface Words {
  languages: string[]
  in(language: string): Translate
}

function readLanguage(folder: string): Map<string, string> {
  const messages = new Map<string, string>()
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.json'))) {
    const content = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Record<string, string>
    for (const [key, message] of Object.entries(content)) {
      if (messages.has(key)) throw new Error(`${folder}: the key ${key} stands in two files`)
      messages.set(key, message)
    }
  }
  return messages
}

/** Folders of languages in a folder; none where there is no such folder. */
function languagesIn(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
}

/**
 * @param folders like content/i18n: one folder a language, flat key-to-message files in it. What a later one says
 *   replaces what the ones before say.
 */
export function readWords(...folders: string[]): Words {
  const messages = new Map<string, Map<string, string>>()
  for (const folder of new Set(folders))
    for (const name of languagesIn(folder)) {
      const known = messages.get(name) ?? new Map<string, string>()
      messages.set(name, new Map([...known, ...readLanguage(join(folder, name))]))
    }
  const languages = [...messages.keys()]
  const compiled = new Map<string, IntlMessageFormat>()

  const translator = (language: string): Translate => {
    const own = messages.get(language)
    const english = messages.get('en')
    return (key, params) => {
      const message = own?.get(key) ?? english?.get(key)
      if (message === undefined) return key
      const id = `${language}\0${key}`
      let format = compiled.get(id)
      if (!format) {
        format = new IntlMessageFormat(message, language, undefined, { ignoreTag: true })
        compiled.set(id, format)
      }
      return String(format.format(params ?? {}))
    }
  }
  const translators = new Map(languages.map((name) => [name, translator(name)]))
  const fallback = translator('en')
  return { languages, in: (language) => translators.get(language) ?? fallback }
}

/** The interface's sentences, with those that a distribution's content folder replaces or adds. */
export function readOwnWords(config: Pick<Config, 'content_dir'>): Words {
  return readWords(join(root, 'content', 'i18n'), join(config.content_dir, 'i18n'))
}

/** The sentence of a reason. */
export function sayReason(t: Translate, reason: Reason): string {
  return t(`reason.${reason.code}`, reason.params)
}

/** A reason as the API says it: its code for programs, its sentence for people. */
export function reasonJson(t: Translate, reason: Reason): { code: string; sentence: string } {
  return { code: reason.code, sentence: sayReason(t, reason) }
}

/** The sentence of an error, with the reasons behind it. */
export function sayError(t: Translate, error: PortalError): string {
  const details: ErrorDetails = error.details
  const sentence = t(`error.${error.code}`, { field: details.field ?? '', ...details.params })
  const reasons = (details.reasons ?? []).map((each) => sayReason(t, each))
  return [sentence, ...reasons].join(' ')
}
