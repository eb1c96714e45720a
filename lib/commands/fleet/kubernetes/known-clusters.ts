import * as v from 'valibot'
import { type Cluster } from '../../../kubernetes/client.ts'
import { kinds, parseObject } from '../../../kubernetes/objects.ts'
import type { SeenCluster } from '../fleet-preflight.ts'
import { ownLabels } from './names.ts'

/** Where the fleets of a namespace remember which cluster each context means. */
const name = 'flux-runbook-clusters'

const knownSchema = v.object({ context: v.string(), uid: v.string(), server: v.string() })
const objectSchema = v.object({ data: v.optional(v.record(v.string(), v.string()), {}) })

/** What a context meant when a fleet was last begun in the namespace; undefined where it never was. */
export type KnownClusters = (context: string) => { readonly uid: string; readonly server: string } | undefined

export async function readKnownClusters(cluster: Cluster, namespace: string): Promise<KnownClusters> {
  const object = await cluster.get({ ...kinds.configMap, namespace, name })
  const entries = object === undefined ? [] : Object.values(v.parse(objectSchema, object).data)
  const known = entries.flatMap((entry) => {
    const read = v.safeParse(v.pipe(v.string(), v.parseJson(), knownSchema), entry)
    return read.success ? [read.output] : []
  })
  return (context) => known.find((one) => one.context === context)
}

/** Remembers the clusters that answered, beside those that are known. */
export async function recordClusters(cluster: Cluster, namespace: string, seen: readonly SeenCluster[]): Promise<void> {
  const entries = seen.flatMap(({ cluster: { context }, uid, server }) =>
    // A context may be an ARN, and the key of a ConfigMap takes no slash and no colon.
    uid === undefined ? [] : [[Buffer.from(context).toString('base64url'), JSON.stringify({ context, uid, server })] as const],
  )
  const ref = { ...kinds.configMap, namespace, name }
  const data = Object.fromEntries(entries)
  if ((await cluster.get(ref)) === undefined) {
    await cluster.apply(parseObject({ ...kinds.configMap, metadata: { name, namespace, labels: ownLabels }, data }))
  } else await cluster.patch(ref, { data })
}
