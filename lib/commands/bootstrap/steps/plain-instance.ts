import { nudgeFetch } from '../../../flux/artifact.ts'
import { appliers } from '../../../flux/field-managers.ts'
import { appliedBy } from '../../../flux/labels.ts'
import { instanceStateOf } from '../../../flux/instance.ts'
import { instanceIn } from '../../../flux/refs.ts'
import { applyObjects, describeDifferences, differences } from '../../../kubernetes/apply.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import type { KubeObject } from '../../../kubernetes/objects.ts'
import type { Step } from '../../../runner/step.ts'
import { instanceWatches, instanceStatus } from './chart.ts'

/** Applies a FluxInstance that Git has as a manifest, as the Kustomization will that owns it from then on, and waits until it is Ready. */
export function ensurePlainInstance(instance: KubeObject, namespace: string): Step {
  const applied = ensurePlainInstanceApplied(instance)
  return {
    ...applied,
    title: 'Install Flux: apply the FluxInstance',
    async check(run) {
      // What applies it gives it labels: once Git does, what it says is Git's business.
      if (await isAppliedByGit(run.cluster, namespace)) return instanceStatus(run, namespace)
      const status = await applied.check(run)
      return status.is === 'done' ? instanceStatus(run, namespace) : status
    },
    nudge: nudgeFetch(instanceIn(namespace)),
    watches: instanceWatches(namespace),
  }
}

async function isAppliedByGit(cluster: Cluster, namespace: string): Promise<boolean> {
  const live = await cluster.get(instanceIn(namespace))
  return live?.metadata.labels[appliedBy.kustomization.name] !== undefined
}

/** The same, where that it is Ready is waited for later. */
export function ensurePlainInstanceApplied(instance: KubeObject): Step {
  return {
    id: 'flux-instance',
    title: 'Restore the FluxInstance as in Git',
    risk: 'change',
    async check(run) {
      const found = await differences(run.cluster, [instance], appliers.kustomize)
      if (found.length === 0) return { is: 'done', detail: 'it is as in Git' }
      const { change, details } = describeDifferences(found)
      const apply = `kubectl apply --server-side --force-conflicts --field-manager=${appliers.kustomize} -f FILE`
      return {
        is: 'todo',
        change: `${change} (Flux ${instanceStateOf(instance).wanted})`,
        commands: [],
        byHand: [`${apply}   # FILE: its manifest in Git`],
        details,
      }
    },
    async apply({ cluster }) {
      await applyObjects(cluster, [instance], appliers.kustomize)
    },
    watches: [],
  }
}
