/** Package sources named `*.in` are templates: `@NAME@` stands for a value the portal knows. Pure. */

const variable = /@([A-Z][A-Z0-9_]*)@/g

/**
 * Fills each `@NAME@` with the value of NAME, literally and once: a value that looks like a variable
 * stays as it is.
 * @throws Error that names every variable without a value
 */
export function renderSource(text: string, variables: Readonly<Record<string, string>>): string {
  const known = (name: string) => Object.hasOwn(variables, name)
  const names = Array.from(text.matchAll(variable), (match) => match[1] ?? '')
  const unknown = new Set(names.filter((name) => !known(name)))
  if (unknown.size > 0) {
    throw new Error(`The template has no value for ${[...unknown].sort().join(', ')}.`)
  }
  return text.replace(variable, (_, name: string) => variables[name] ?? '')
}

/** The name that a template is rendered into, or undefined for a file that is no template. */
export function renderedName(filename: string): string | undefined {
  return filename.endsWith('.in') && filename.length > 3 ? filename.slice(0, -3) : undefined
}
