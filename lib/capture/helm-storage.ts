import { gunzipSync } from 'node:zlib'
import * as v from 'valibot'
import type { KubeObject } from '../cluster/objects.ts'

/** The type of the Secrets in which Helm remembers the revisions of its releases. */
export const storageType = 'helm.sh/release.v1'

const storageSchema = v.object({
  metadata: v.object({ namespace: v.string(), labels: v.object({ name: v.string() }) }),
  data: v.object({ release: v.string() }),
})
const releaseSchema = v.object({ namespace: v.string(), manifest: v.optional(v.string(), '') })

/**
 * Of Helm's storage in one namespace, what belongs to releases that are deployed to another: by their target namespace, or by an object
 * that names its own. They outlive the namespace; their storage does not, and Helm would then install them anew, hooks and all.
 */
export function deployedElsewhere(secrets: readonly KubeObject[]): KubeObject[] {
  const names = new Set(secrets.filter(isElsewhere).map(releaseName))
  return secrets.filter((secret) => names.has(releaseName(secret)))
}

function releaseName(secret: KubeObject): string {
  return secret.metadata.labels.name ?? secret.metadata.name
}

function isElsewhere(secret: KubeObject): boolean {
  const { metadata, data } = v.parse(storageSchema, secret)
  // Base64 twice: the API's own, and Helm's around its gzip.
  const packed = Buffer.from(Buffer.from(data.release, 'base64').toString(), 'base64')
  const release = v.parse(v.pipe(v.string(), v.parseJson(), releaseSchema), gunzipSync(packed).toString())
  if (release.namespace !== metadata.namespace) return true
  const named = release.manifest.matchAll(/^ {2}namespace: ["']?([^\s"']+)/gm)
  return [...named].some(([, namespace]) => namespace !== metadata.namespace)
}
