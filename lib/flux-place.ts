import type { Ref } from './cluster/objects.ts'
import { kinds } from './cluster/objects.ts'

/** Where a cluster's Flux is kept: the names of what makes it. */
export interface FluxPlace {
  readonly namespace: string
  /** The GitRepository and root Kustomization, which the operator makes. */
  readonly syncName: string
  /** The Flux Kustomizations that apply Flux itself. */
  readonly kustomizations: readonly string[]
  readonly operatorRelease: string
  readonly instanceRelease: string
}

/** The objects of a place, by what they are for. */
export function refsIn({ namespace, syncName, kustomizations, operatorRelease, instanceRelease }: FluxPlace): {
  instance: Ref
  source: Ref
  kustomizations: readonly Ref[]
  operatorRelease: Ref
  instanceRelease: Ref
} {
  return {
    instance: { ...kinds.fluxInstance, namespace, name: 'flux' },
    source: { ...kinds.gitRepository, namespace, name: syncName },
    kustomizations: [syncName, ...kustomizations].map((name) => ({ ...kinds.kustomization, namespace, name })),
    operatorRelease: { ...kinds.helmRelease, namespace, name: operatorRelease },
    instanceRelease: { ...kinds.helmRelease, namespace, name: instanceRelease },
  }
}
