import { gunzipSync } from 'node:zlib'
import * as v from 'valibot'
import type { Cluster } from '../cluster/cluster.ts'
import { kinds, type KubeObject, type Ref, refOf } from '../cluster/objects.ts'
import { parseObjects } from '../tree.ts'

const secretSchema = v.object({ data: v.object({ release: v.string() }) })
/** `namespace` is the one that it is deployed to. */
const releaseSchema = v.object({ namespace: v.string(), manifest: v.string() })

/** A release as the Secret holds it that Helm keeps it in (helm/helm pkg/storage/driver, decodeRelease). */
export function decodeRelease(secret: KubeObject): v.InferOutput<typeof releaseSchema> {
  const { release } = v.parse(secretSchema, secret).data
  const zipped = Buffer.from(Buffer.from(release, 'base64').toString(), 'base64')
  return v.parse(v.pipe(v.string(), v.parseJson(), releaseSchema), gunzipSync(zipped).toString())
}

/** The objects of a release; one that names no namespace is given this one. */
export function objectsOfRelease(secret: KubeObject, namespace: string): Ref[] {
  const { manifest } = decodeRelease(secret)
  // Helm's manifest may leave the namespace out; a cluster-scoped object with one is still found by name.
  return parseObjects(manifest).map((object) => ({ namespace, ...refOf(object) }))
}

/** The Secret of a release's newest revision, or undefined where Helm has none of that name there. */
export async function newestRevision(cluster: Cluster, namespace: string, release: string): Promise<KubeObject | undefined> {
  const secrets = await cluster.list(kinds.secret, { namespace, labels: `owner=helm,name=${release}` })
  const revisionOf = ({ metadata }: KubeObject): number => Number(metadata.labels.version ?? 0)
  return secrets.sort((one, other) => revisionOf(other) - revisionOf(one))[0]
}

/** The Helm release that an object says it belongs to. */
export function releaseOf({ metadata }: KubeObject): { namespace: string; name: string } | undefined {
  const name = metadata.annotations['meta.helm.sh/release-name']
  const namespace = metadata.annotations['meta.helm.sh/release-namespace']
  return name === undefined || namespace === undefined ? undefined : { namespace, name }
}
