/**
 * Writes XML 1.0 of values, so that no value can become markup: for feeds and for metadata that is too large
 * for a document in memory. Pure.
 */

/** What XML 1.0 can't hold (section 2.2) goes: one such character would make a client drop the whole file. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that it removes
const impossible = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g

const marks: Record<string, string> = {
  ...{ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' },
  // In an attribute a parser would make spaces of these.
  ...{ '\n': '&#10;', '\r': '&#13;', '\t': '&#9;' },
}

/** Text between tags. */
export function xmlText(value: string): string {
  const possible = value.toWellFormed().replace(impossible, '')
  return possible.replace(/[&<>\r]/g, (mark) => marks[mark] ?? mark)
}

function xmlAttribute(value: string): string {
  const possible = value.toWellFormed().replace(impossible, '')
  return possible.replace(/[&<>"\n\r\t]/g, (mark) => marks[mark] ?? mark)
}

export type XmlAttributes = Record<string, string | number>

/** Part of a document that is XML already. */
export class Xml {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

export function openTag(name: string, attributes: XmlAttributes = {}): string {
  const each = Object.entries(attributes).map(
    ([key, value]) => ` ${key}="${xmlAttribute(String(value))}"`,
  )
  return `<${name}${each.join('')}>`
}

/** An element. @param children text as values, elements as what this returns */
export function element(
  name: string,
  attributes: XmlAttributes,
  ...children: (string | Xml)[]
): Xml {
  const content = children.map((each) => (each instanceof Xml ? each.text : xmlText(each))).join('')
  const open = openTag(name, attributes)
  return new Xml(content === '' ? `${open.slice(0, -1)}/>` : `${open}${content}</${name}>`)
}
