import * as v from 'valibot'
import { releaseStateOf } from '../../flux/instance.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import type { Cluster } from '../../kubernetes/client.ts'
import type { Ref } from '../../kubernetes/objects.ts'

/** The operator as its HelmRelease has released it. */
export interface RunningOperator {
  /** The version of its chart; empty where no HelmRelease brings it. */
  readonly version: string
  /** Where its chart is, `oci://…`; empty where that is not said so. */
  readonly url: string
}

const chartSchema = v.object({
  spec: v.object({ chartRef: v.optional(v.object({ kind: v.string(), name: v.string(), namespace: v.optional(v.string()) })) }),
})
const sourceSchema = v.object({ spec: v.object({ url: v.string() }) })

/** Reads what a HelmRelease of the operator has released. */
export async function operatorOf(cluster: Cluster, ref: Ref | undefined): Promise<RunningOperator> {
  const release = ref && (await cluster.get(ref))
  if (release === undefined) return { version: '', url: '' }
  const version = releaseStateOf(release).chart ?? ''
  const { chartRef } = v.parse(chartSchema, release).spec
  if (chartRef?.kind !== fluxKinds.ociRepository.kind) return { version, url: '' }
  const { name, namespace = release.metadata.namespace ?? '' } = chartRef
  const source = await cluster.get({ ...fluxKinds.ociRepository, namespace, name })
  return { version, url: source === undefined ? '' : v.parse(sourceSchema, source).spec.url }
}
