import { escapeMarkdown, visible } from './outside-text.ts'

/** Stands before console, log and report: what it knows to be secret never gets past it, and what is not to be seen is shown. */
export interface Redactor {
  /** Everything equal to this value is hidden from now on, in any of the forms in which it travels, and as part of a URL. */
  readonly hide: (secret: string) => void
  readonly clean: (text: string) => string
}

/** Shorter values would hide half of every sentence; no real secret is that short. */
const shortestSecret = 4
/** The same for the part of a secret that stands in the base64 of something longer. */
const shortestPart = 8
/** To the last `@` before the path: a password may hold one. No scheme is longer; without an end, long texts would take minutes. */
const userinfo = /([a-z][a-z0-9+.-]{0,30}:\/\/)([^\s/?#'"]+)@/gi
/** `ssh://git@…`: the user is everyone's, the key is the secret. */
const isPublic = (scheme: string, login: string): boolean => scheme.toLowerCase() === 'ssh://' && !login.includes(':')

/** A redactor without any secret yet; user and password in URLs are always hidden. */
export function createRedactor(): Redactor {
  let forms: readonly string[] = []
  return {
    hide(secret) {
      const values = [secret, ...secret.split('\n')].map((part) => part.trim()).filter((value) => value.length >= shortestSecret)
      forms = [...new Set([...forms, ...values.flatMap(formsOf)])].sort((one, other) => other.length - one.length)
    },
    clean(text) {
      let cleaned = text.replace(userinfo, (whole, scheme: string, login: string) => (isPublic(scheme, login) ? whole : `${scheme}***@`))
      for (const form of forms) cleaned = cleaned.replaceAll(form, '***')
      return visible(withoutCutSecrets(cleaned, forms))
    },
  }
}

/** Where a text was cut: by the scripts, by programs, and by JSON.parse, which quotes what it could not read. */
const cutMark = /…|\.{3}/

/** A secret that was cut is not known by its whole: what is left of it before a mark is its beginning, and its end after one. */
function withoutCutSecrets(text: string, forms: readonly string[]): string {
  if (!cutMark.test(text)) return text
  return text
    .split(/(…|\.{3})/)
    .map((part, at, { length }) => {
      if (at % 2 === 1) return part
      const kept = at === length - 1 ? part : withoutBeginning(part, forms)
      return at === 0 ? kept : withoutEnd(kept, forms)
    })
    .join('')
}

/** The text without the beginning of a secret that it ends with. */
function withoutBeginning(text: string, forms: readonly string[]): string {
  for (const form of forms) {
    const first = form[0] ?? ''
    const from = Math.max(0, text.length - form.length)
    for (let at = text.indexOf(first, from); at !== -1 && text.length - at >= shortestSecret; at = text.indexOf(first, at + 1)) {
      if (form.startsWith(text.slice(at))) return `${text.slice(0, at)}***`
    }
  }
  return text
}

/** The text without the end of a secret that it begins with. */
function withoutEnd(text: string, forms: readonly string[]): string {
  for (const form of forms) {
    const last = form.at(-1) ?? ''
    for (let at = text.lastIndexOf(last, form.length - 1); at + 1 >= shortestSecret; at = text.lastIndexOf(last, at - 1)) {
      if (form.endsWith(text.slice(0, at + 1))) return `***${text.slice(at + 1)}`
    }
  }
  return text
}

/** A value as it may travel, which a test looks for as well: in JSON, HTML, a URL, a line of a shell, Markdown, and base64, by itself, as part of something longer, or twice over. */
export function formsOf(value: string): string[] {
  const inJson = quoted(value)
  const shown = visible(value) // one that begins as a command of a CI does, say
  const texts = [value, shown, inJson, quotedByGo(inJson)]
  const base64 = Buffer.from(value).toString('base64')
  const inBase64 = [...new Set(texts)].flatMap((text) => [...partsInBase64(text), ...partsInBase64(Buffer.from(text).toString('base64'))])
  const encoded = [base64, base64.replace(/=+$/, ''), ...inBase64]
  return [
    ...texts,
    ...texts.map(quoted),
    ...formsInHtml(value),
    ...formsInHtml(shown),
    ...formsInUrl(value),
    ...formsInQuotes(value),
    ...formsInMarkdown(value),
    ...encoded,
    ...encoded.map(inUrlAlphabet),
  ]
}

function quoted(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}

/** Go writes JSON that may stand in HTML, as the API server, helm and flux do (encoding/json, HTMLEscape). */
function quotedByGo(inJson: string): string {
  return inJson.replaceAll('&', '\\u0026').replaceAll('<', '\\u003c').replaceAll('>', '\\u003e')
}

function formsInHtml(value: string): string[] {
  const inHtml = value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  const named = inHtml.replaceAll('"', '&quot;')
  return [named, named.replaceAll("'", '&#39;'), inHtml.replaceAll('"', '&#34;').replaceAll("'", '&#39;')]
}

/** In a path or a query, of JavaScript and of Go, which encode other characters, and with small letters too. */
function formsInUrl(value: string): string[] {
  const inPath = encodeURIComponent(value)
  const all = inPath.replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
  const forms = [inPath, all, all.replaceAll('%20', '+'), new URLSearchParams({ '': value }).toString().slice(1)]
  return [...forms, ...forms.map((form) => form.replace(/%../g, (code) => code.toLowerCase()))]
}

/** In Markdown, which escapes some characters by what is beside them. */
function formsInMarkdown(value: string): string[] {
  const sides = ['x', '.']
  const within = sides.flatMap((before) => sides.map((after) => escapeMarkdown(`${before}${value}${after}`).slice(1, -1)))
  return [escapeMarkdown(value), ...within]
}

/** In the single quotes of a shell, and of YAML. */
function formsInQuotes(value: string): string[] {
  return [value.replaceAll("'", `'\\''`), value.replaceAll("'", "''")]
}

/**
 * What the base64 of any text has in it that holds the value: three bytes are four characters, so the value begins at one of three places
 * among them; the characters at either end depend on what is beside it.
 */
function partsInBase64(value: string): string[] {
  return [0, 1, 2].flatMap((before) => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(value)])
    const whole = bytes.subarray(0, bytes.length - (bytes.length % 3)).toString('base64')
    const part = whole.slice(before === 0 ? 0 : 4)
    return part.length < shortestPart ? [] : [part]
  })
}

function inUrlAlphabet(base64: string): string {
  return base64.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}
