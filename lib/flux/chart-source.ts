import * as v from 'valibot'
import type { Cluster } from '../kubernetes/client.ts'
import type { KubeObject } from '../kubernetes/objects.ts'
import { fluxKinds } from './kinds.ts'
import { appliedBy, chartLabel } from './labels.ts'

const releaseSchema = v.object({
  spec: v.object({ chartRef: v.optional(v.object({ kind: v.string(), name: v.string(), namespace: v.optional(v.string()) })) }),
})
const repositorySchema = v.object({ spec: v.object({ url: v.string(), insecure: v.optional(v.boolean(), false) }) })

/** Where the chart of an object comes from, and whether over plain http. */
export interface ChartSource {
  readonly url: string
  readonly insecure: boolean
}

/** Where helm-controller has the chart of an object from; undefined where Helm itself installed it, which does not remember that. */
export async function chartSourceOf(cluster: Pick<Cluster, 'get'>, object: KubeObject): Promise<ChartSource | undefined> {
  const { [appliedBy.helmRelease.name]: name, [appliedBy.helmRelease.namespace]: namespace } = object.metadata.labels
  if (name === undefined || namespace === undefined) return undefined
  const release = await cluster.get({ ...fluxKinds.helmRelease, namespace, name })
  const chart = release === undefined ? undefined : v.parse(releaseSchema, release).spec.chartRef
  if (chart?.kind !== fluxKinds.ociRepository.kind) return undefined
  const source = await cluster.get({ ...fluxKinds.ociRepository, namespace: chart.namespace ?? namespace, name: chart.name })
  return source === undefined ? undefined : v.parse(repositorySchema, source).spec
}

/** The chart that an object is of, by its label; helm-controller adds a digest to the version that no registry knows. */
export function chartOf({ metadata }: KubeObject): { readonly name: string; readonly version: string } | undefined {
  const [, name, version] = /^(.+?)-v?(\d.*?)(?:_[0-9a-f]{12})?$/.exec(metadata.labels[chartLabel] ?? '') ?? []
  return name === undefined || version === undefined ? undefined : { name, version }
}
