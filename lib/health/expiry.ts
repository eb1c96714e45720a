import * as v from 'valibot'
import { certificateEnds, tokenEnds } from '../base/certificates.ts'
import type { KubeObject } from '../kubernetes/objects.ts'

/** What ends within this much is to be known of, in milliseconds. */
export const soon = 14 * 24 * 60 * 60_000

/** Something of a Secret or a webhook that ends. */
export interface Ending {
  /** `the certificate in ca.crt` */
  readonly what: string
  /** In milliseconds. */
  readonly end: number
}

const dataSchema = v.object({ data: v.nullish(v.record(v.string(), v.string()), {}) })

/** What of a Secret's entries ends and when: certificates, tokens, and those within a kubeconfig. Of a bundle it is the last that ends. */
export function endingsIn(secret: KubeObject): Ending[] {
  return [...invalidated(secret), ...endingsOfEntries(secret)]
}

/** A ServiceAccount's token in a Secret has no end; Kubernetes puts one that was not used for a year out of use (KEP-2799). */
function invalidated({ metadata: { labels } }: KubeObject): Ending[] {
  const end = Date.parse(labels['kubernetes.io/legacy-token-invalid-since'] ?? '')
  return Number.isNaN(end) ? [] : [{ what: "the ServiceAccount's token, which was not used for a year,", end }]
}

function endingsOfEntries(secret: KubeObject): Ending[] {
  return Object.entries(v.parse(dataSchema, secret).data ?? {}).flatMap(([key, value]) => {
    const text = Buffer.from(value, 'base64').toString()
    const embedded = [...text.matchAll(/-data: *["']?([A-Za-z0-9+/=]{40,})/g)].map(([, data = '']) =>
      Buffer.from(data, 'base64').toString(),
    )
    return [
      ...endingOf(`the certificate in ${key}`, [text, ...embedded].flatMap(certificateEnds), isAuthority(key)),
      ...endingOf(`the token in ${key}`, tokenEnds(text), false),
    ]
  })
}

/** A bundle of authorities is good as long as one of them is; a chain only as long as all are. */
export function endingOf(what: string, ends: readonly number[], isBundle: boolean): Ending[] {
  if (ends.length === 0) return []
  return [{ what, end: isBundle ? Math.max(...ends) : Math.min(...ends) }]
}

/** `ca.crt`, `caFile`, as Flux and Kubernetes call it. */
function isAuthority(key: string): boolean {
  return /^(ca\.crt|caFile|ca-bundle\.crt|ca\.pem)$/.test(key)
}
