import { X509Certificate } from 'node:crypto'

const pem = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** When each certificate in a PEM text ends, in milliseconds; what cannot be read as one is left out. */
export function certificateEnds(text: string): number[] {
  return [...text.matchAll(pem)].flatMap(([one]) => {
    try {
      const end = Date.parse(new X509Certificate(one).validTo)
      return Number.isNaN(end) ? [] : [end]
    } catch {
      return [] // a certificate of a form that this Node does not know says nothing
    }
  })
}

const token = /(?<![\w-])ey[\w-]+\.(ey[\w-]+)\.[\w-]+/g

/** When each JSON Web Token in a text ends, in milliseconds (RFC 7519, `exp`); one without an end is left out. */
export function tokenEnds(text: string): number[] {
  return [...text.matchAll(token)].flatMap(([, payload = '']) => {
    const [, seconds] = /"exp"\s*:\s*(\d{9,11})\b/.exec(Buffer.from(payload, 'base64url').toString()) ?? []
    return seconds === undefined ? [] : [Number(seconds) * 1000]
  })
}
