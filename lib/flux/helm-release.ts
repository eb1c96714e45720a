import { gunzipSync } from 'node:zlib'
import * as v from 'valibot'
import { messageOf } from '../base/errors.ts'
import type { Cluster } from '../kubernetes/client.ts'
import { kinds, type KubeObject, type Ref, refOf } from '../kubernetes/objects.ts'
import { parseObjects } from '../kubernetes/manifest.ts'
import { namingLines, plainRefIn } from './manifest-head.ts'

const secretSchema = v.object({ data: v.object({ release: v.string() }) })
/** Helm leaves out what is empty: a chart of CRDs or hooks alone has no manifest. */
const releaseSchema = v.object({
  namespace: v.nullish(v.string(), ''),
  manifest: v.nullish(v.string(), ''),
  config: v.nullish(v.record(v.string(), v.unknown()), {}),
})

/** What Helm keeps of a release's revision, as far as it can be read. */
export type StoredRelease =
  | {
      readonly is: 'read'
      /** The one that it is deployed to. */
      readonly namespace: string
      readonly manifest: string
      /** Those that people gave. */
      readonly values: Readonly<Record<string, unknown>>
    }
  | { readonly is: 'unreadable'; readonly why: string }

/** A Secret holds one megabyte at most; what it unpacks to is text of a chart. */
const largestRelease = 256 * 1024 * 1024

/** How gzip begins; a release of Helm 2's time is plain JSON (helm/helm pkg/storage/driver, decodeRelease). */
const gzip = Buffer.from([0x1f, 0x8b, 0x08])

/** A release as the Secret holds it that Helm keeps it in. A damaged one is said to be, for no run may end at it. */
export function decodeRelease(secret: KubeObject): StoredRelease {
  try {
    const { release } = v.parse(secretSchema, secret).data
    const stored = Buffer.from(Buffer.from(release, 'base64').toString(), 'base64')
    const text = stored.subarray(0, gzip.length).equals(gzip) ? gunzipSync(stored, { maxOutputLength: largestRelease }) : stored
    const { namespace, manifest, config } = v.parse(v.pipe(v.string(), v.parseJson(), releaseSchema), text.toString())
    const own = secret.metadata.namespace ?? ''
    return {
      is: 'read',
      namespace: namespace == null || namespace === '' ? own : namespace,
      manifest: manifest ?? '',
      values: config ?? {},
    }
  } catch (error) {
    return { is: 'unreadable', why: v.isValiError(error) ? 'it holds no release' : messageOf(error) }
  }
}

/** The values that people gave a release, beside those of its chart; none where it cannot be read. */
export function valuesOfRelease(secret: KubeObject): Readonly<Record<string, unknown>> {
  const stored = decodeRelease(secret)
  return stored.is === 'read' ? stored.values : {}
}

/**
 * The objects of a release; one that names no namespace is given this one. None where the release cannot be read, or what stands there is
 * no manifest of objects.
 */
export function objectsOfRelease(secret: KubeObject, namespace: string): Ref[] {
  const stored = decodeRelease(secret)
  if (stored.is === 'unreadable') return []
  // Helm's manifest may leave the namespace out; a cluster-scoped object with one is still found by name.
  return readableObjects(stored.manifest).map((ref) => ({ namespace, ...ref }))
}

/** Document by document: one that a chart has written badly hides none of the others. */
function readableObjects(manifest: string): Ref[] {
  return manifest.split(/^---.*$/m).flatMap((document) => {
    const head = namingLines(document)
    const plain = head === undefined ? undefined : plainRefIn(head)
    if (plain !== undefined) return [plain]
    return ((head === undefined ? undefined : tryParse(head)) ?? tryParse(document) ?? []).map(refOf)
  })
}

function tryParse(document: string): KubeObject[] | undefined {
  try {
    return parseObjects(document)
  } catch {
    return undefined
  }
}

/** The Secret of a release's newest revision that can be read; undefined where Helm has none of that name there. */
export async function newestRevision(cluster: Pick<Cluster, 'list'>, namespace: string, release: string): Promise<KubeObject | undefined> {
  const secrets = await cluster.list(kinds.secret, { namespace, labels: `owner=helm,name=${release}` })
  const revisionOf = ({ metadata }: KubeObject): number => Number(metadata.labels.version ?? 0)
  return secrets.sort((one, other) => revisionOf(other) - revisionOf(one)).find((secret) => decodeRelease(secret).is === 'read')
}

/** The Helm release that an object says it belongs to. */
export function releaseOf({ metadata }: KubeObject): { namespace: string; name: string } | undefined {
  const name = metadata.annotations['meta.helm.sh/release-name']
  const namespace = metadata.annotations['meta.helm.sh/release-namespace']
  return name === undefined || namespace === undefined ? undefined : { namespace, name }
}
