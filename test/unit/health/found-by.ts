import type { Probe, ProbeFindings } from '../../../lib/health/probe.ts'
import { createSnapshot, type Snapshot } from '../../../lib/health/snapshot.ts'
import { parseFluxObject } from '../../../lib/flux/object.ts'
import { kinds, type KubeObject } from '../../../lib/kubernetes/objects.ts'
import { clusterOf } from '../fake-cluster.ts'
import { keptByOperator } from '../kept-by-operator.ts'

/** Besides other objects those of Flux's controllers, each parsed as a health check reads them; and what of the snapshot is otherwise. */
type More = { readonly flux?: readonly KubeObject[] } & Partial<Snapshot>

/** What a probe says of a cluster of these objects alone, kept by an operator. */
export function foundBy(probe: Probe, objects: readonly KubeObject[], more: More = {}): Promise<ProbeFindings> {
  return probe.check(snapshotOf(objects, more))
}

/** A snapshot of such a cluster. */
export function snapshotOf(objects: readonly KubeObject[], { flux = [], ...more }: More = {}): Snapshot {
  const all = flux.map((one) => parseFluxObject(one, { apiVersion: one.apiVersion, kind: one.kind }, true))
  const snapshot = createSnapshot({
    cluster: clusterOf(() => [...objects, ...flux]),
    kubectl: 'kubectl',
    where: '--context infra',
    login: { kind: 'none' },
    folder: () => '/nowhere',
    monitoring: undefined,
  })
  return {
    ...snapshot,
    installed: () => Promise.resolve(keptByOperator),
    installation: () => Promise.resolve({ ...keptByOperator, follows: undefined }),
    objects: () =>
      Promise.resolve({ all, byName: new Map(all.map((one) => [one.name, one])), kinds: new Set(all.map(({ ref }) => ref.kind)) }),
    crds: () => Promise.resolve([]),
    namespace: () => Promise.resolve(keptByOperator.namespace),
    deployments: () => Promise.resolve(objects.filter(({ kind }) => kind === kinds.deployment.kind)),
    stopped: () => Promise.resolve(() => undefined),
    pods: () => Promise.resolve(objects.filter(({ kind }) => kind === kinds.pod.kind)),
    ...more,
  }
}
