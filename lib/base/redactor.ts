import { visible } from './outside-text.ts'

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
      return visible(cleaned)
    },
  }
}

/** A value as it may travel, which a test looks for as well: in a URL, in JSON, in HTML, and in base64, by itself, as part of something longer, or twice over. */
export function formsOf(value: string): string[] {
  const base64 = Buffer.from(value).toString('base64')
  const quoted = (text: string): string => JSON.stringify(text).slice(1, -1)
  const inJson = quoted(value)
  const inHtml = value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
  const inBase64 = [...new Set([value, inJson])].flatMap((text) => [
    ...partsInBase64(text),
    ...partsInBase64(Buffer.from(text).toString('base64')),
  ])
  const encoded = [base64, base64.replace(/=+$/, ''), ...inBase64]
  return [value, encodeURIComponent(value), inJson, quoted(inJson), inHtml, ...encoded, ...encoded.map(inUrlAlphabet)]
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
