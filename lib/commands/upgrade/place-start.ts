import * as v from 'valibot'
import { isRequestAnnotation } from '../../flux/annotations.ts'
import type { Cluster } from '../../kubernetes/client.ts'
import { kinds, type KubeObject } from '../../kubernetes/objects.ts'
import { deploymentReadiness } from '../../kubernetes/readiness.ts'
import type { UpgradeState } from './state.ts'

const specSchema = v.looseObject({ distribution: v.looseObject({ version: v.string() }) })

/** A FluxInstance as it is applied, with another version: no more than what people and Git say of it. */
export function instanceAt({ apiVersion, kind, metadata, spec }: KubeObject, version: string): NonNullable<UpgradeState['instance']> {
  const { name, namespace, labels, annotations } = metadata
  const { distribution, ...rest } = v.parse(specSchema, spec)
  const kept = Object.fromEntries(Object.entries(annotations).filter(([key]) => !isRequestAnnotation(key) && !key.startsWith('kubectl.')))
  return {
    apiVersion,
    kind,
    metadata: { name, namespace, labels, annotations: kept },
    spec: { ...rest, distribution: { ...distribution, version } },
  }
}

/** What is seen of a Flux before it is rolled back. */
interface FluxBeforeRollback {
  readonly namespace: string
  readonly components: readonly { readonly name: string }[]
  readonly isApplied: boolean
  /** Those that were asked for. */
  readonly versions: { readonly flux: string; readonly operator: string }
  /** What Git says, and what that is called there. */
  readonly name: string
  readonly says: string
}

/** What a rollback finds, and restores if it fails: what Git and the cluster say, whether or not that ran. */
export async function readStartAt(
  cluster: Cluster,
  { namespace, components, isApplied, versions, name, says }: FluxBeforeRollback,
): Promise<NonNullable<UpgradeState['start']>> {
  const readiness = await Promise.all(
    components.map((one) => deploymentReadiness(cluster, { ...kinds.deployment, namespace, name: one.name })),
  )
  // Git may be ahead of the cluster: what it says has not run then.
  const isSaid = says === versions.flux || !/^\d+\.\d+\.\d+$/.test(says)
  return { versions, lines: { [name]: says }, ran: isApplied && isSaid && readiness.every(({ is }) => is === 'ready') }
}
