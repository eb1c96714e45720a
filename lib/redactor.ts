/** Stands before console, log and report: what it was told is secret never gets past it. */
export interface Redactor {
  /** Everything equal to this value is hidden from now on, also in base64 and as part of a URL. */
  readonly hide: (secret: string) => void
  readonly clean: (text: string) => string
}

/** Shorter values would hide half of every sentence; nobody's real secret is that short. */
const shortestSecret = 4
const userinfo = /(\b[a-z][a-z0-9+.-]*:\/\/)([^\s/@'"]+)@/gi
/** `ssh://git@…`: the user is everybody's, the key is the secret. */
const isPublic = (scheme: string, login: string): boolean => scheme.toLowerCase() === 'ssh://' && !login.includes(':')

/** A redactor that knows no secret yet; user and password in URLs are hidden without being told. */
export function createRedactor(): Redactor {
  const secrets = new Set<string>()
  return {
    hide(secret) {
      for (const value of [secret, ...secret.split('\n')].map((part) => part.trim())) {
        if (value.length < shortestSecret) continue
        secrets.add(value)
        secrets.add(encodeURIComponent(value))
        secrets.add(Buffer.from(value).toString('base64'))
      }
    },
    clean(text) {
      let cleaned = text.replace(userinfo, (whole, scheme: string, login: string) => (isPublic(scheme, login) ? whole : `${scheme}***@`))
      for (const secret of [...secrets].sort((one, other) => other.length - one.length)) cleaned = cleaned.replaceAll(secret, '***')
      return cleaned
    },
  }
}
