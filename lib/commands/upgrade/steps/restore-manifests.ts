import { OperatorError } from '../../../base/errors.ts'
import { imageOf } from '../../../flux/components.ts'
import { appliers } from '../../../flux/field-managers.ts'
import { unpacked } from '../../../flux/install-manifests.ts'
import type { FluxPlace } from '../../../flux/refs.ts'
import { applyObjects } from '../../../kubernetes/apply.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { kinds } from '../../../kubernetes/objects.ts'
import { waitUntil } from '../../../kubernetes/wait-until.ts'
import type { StepStatus, Step } from '../../../runner/step.ts'
import { keepEvidence } from '../evidence.ts'
import { watchPulls } from './missing-images.ts'
import type { RollbackTarget } from './roll-back.ts'
import { tagsStatus } from './rollout.ts'
import { stayAsGitSays, verifyStored } from './stored-versions.ts'

/** The version that is restored, by Flux's own manifests of it. */
export type RollbackManifests = Omit<RollbackTarget, 'instance' | 'isReinstall'> & {
  /** Packed. */
  readonly manifests: string
}

/** Applies Flux's own manifests of the old version, as its Kustomization will from Git: neither Git nor a controller need work for it. */
export function ensureManifestsRolledBack(former: RollbackManifests): Step {
  const { place, version } = former
  const { namespace } = place
  const pulls = watchPulls(former.images, former.leftImages)
  const statusOf = async (cluster: Cluster): Promise<StepStatus> => {
    const others = await differing(cluster, place, former.images)
    if (others.length === 0) {
      if (!former.ran) return { is: 'done', detail: `the controllers are at ${version}, which did not run before` }
      const seen = await tagsStatus(cluster, namespace, former.images, pulls)
      if (seen.is === 'done') former.arrived()
      return seen
    }
    return {
      is: 'todo',
      change: `apply the manifests of Flux ${version}, for ${others.join(', ')}`,
      commands: [`kubectl apply --server-side --force-conflicts --field-manager=${appliers.kustomize} -f flux-${version}.yaml`],
    }
  }
  return {
    id: 'put-back',
    title: `Roll Flux back to ${version}`,
    risk: 'change',
    check: ({ cluster }) => statusOf(cluster),
    async apply(run, progress) {
      const { cluster, timeout } = run
      await keepEvidence(run, namespace)
      await verifyStored(cluster, former, stayAsGitSays(former.place))
      await applyObjects(cluster, unpacked(former.manifests), appliers.kustomize)
      const last = await waitUntil<StepStatus>(cluster, {
        watches: [kinds.deployment, kinds.pod].map((kind) => ({ kind, query: { namespace } })),
        timeout,
        check: () => statusOf(cluster),
        isOver: ({ is }) => is === 'done',
        meanwhile(seen) {
          if (seen.is === 'waiting') progress(seen.on)
        },
      })
      if (last.is === 'done') return
      throw new OperatorError(`Flux is not back at ${version} yet: ${last.is === 'waiting' ? last.on : 'something else changes it'}`, {
        remedy: `kubectl --namespace ${namespace} get deployments,pods`,
      })
    },
    watches: [kinds.deployment, kinds.pod].map((kind) => ({ kind, query: { namespace } })),
  }
}

/** The controllers whose Deployments ask for another tag. */
async function differing(cluster: Cluster, { namespace }: FluxPlace, images: Readonly<Record<string, string>>): Promise<string[]> {
  const found = await Promise.all(
    Object.entries(images).map(async ([name, tag]) => {
      const image = await imageOf(cluster, { ...kinds.deployment, namespace, name })
      return image.endsWith(`:${tag}`) ? [] : [name]
    }),
  )
  return found.flat()
}
