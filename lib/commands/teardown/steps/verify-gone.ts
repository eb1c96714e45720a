import { counted } from '../../../base/counted.ts'
import type { OwnedObject } from '../../../ownership/owned-objects.ts'
import { findByName } from '../../../ownership/owned-objects.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { kinds, nameOf } from '../../../kubernetes/objects.ts'
import { listFluxCrds } from '../../../flux/crds.ts'
import type { Observation, ObservingStep } from '../../../runner/step.ts'
import { compareSurvival, type Survival } from '../../../continuity/compare.ts'
import { takeFingerprint } from '../../../continuity/fingerprint.ts'
import { keptFingerprint } from './fingerprint.ts'
import { deploymentsOf } from '../../../flux/components.ts'
import { remainingOf } from './delete-objects.ts'

/** What the last checks found, for the report; undefined where it did not come to that. */
export interface Proof {
  readonly residue: readonly string[] | undefined
  readonly survival: Survival | undefined
}

/** Looks afresh for anything that is left of Flux. */
export function verifyNoResidue(
  namespace: string,
  keepsNamespace: boolean,
  ownedObjects: readonly OwnedObject[],
): ObservingStep<readonly string[]> {
  let observed: Observation<readonly string[]> | undefined
  return {
    observed: () => observed,
    id: 'residue',
    title: 'Search for leftovers of Flux',
    risk: 'safe',
    async check({ cluster }) {
      const residue = await findResidue(cluster, namespace, keepsNamespace, ownedObjects)
      observed = { value: residue, at: performance.now() }
      if (residue.length === 0) return { is: 'done', detail: 'none' }
      return { is: 'blocked', reason: `left of Flux: ${residue.join(', ')}`, remedy: 'to check again: --resume' }
    },
    apply: () => Promise.resolve(),
  }
}

async function findResidue(
  cluster: Cluster,
  namespace: string,
  keepsNamespace: boolean,
  ownedObjects: readonly OwnedObject[],
): Promise<string[]> {
  const [crds, left, named, at, controllers, operators] = await Promise.all([
    listFluxCrds(cluster),
    remainingOf(cluster, ownedObjects),
    findByName(cluster, namespace),
    cluster.get({ ...kinds.namespace, name: namespace }),
    deploymentsOf(cluster, namespace, 'controllers'),
    deploymentsOf(cluster, namespace, 'operator'),
  ])
  const names = [
    ...(at === undefined || keepsNamespace ? [] : [`Namespace ${namespace}`]),
    ...crds.map(({ metadata: { name } }) => nameOf({ ...kinds.crd, name })),
    ...[...left, ...named].map(({ ref }) => nameOf(ref)),
    ...[...controllers, ...operators].map(({ metadata: { name } }) => nameOf({ ...kinds.deployment, namespace, name })),
  ]
  return [...new Set(names)]
}

/** Takes the fingerprint again: what stood for itself must exist, and be the same object. */
export function verifySurvival(namespace: string): ObservingStep<Survival> {
  let observed: Observation<Survival> | undefined
  return {
    observed: () => observed,
    id: 'survival',
    title: 'Verify by the fingerprint that everything that Flux deployed is alive',
    risk: 'safe',
    async check({ cluster, memory }) {
      const before = keptFingerprint(memory)
      if (before === undefined) return { is: 'done', isSkipped: true, detail: 'nothing was removed' }
      const survival = compareSurvival(before, await takeFingerprint(cluster, namespace))
      observed = { value: survival, at: performance.now() }
      const { checked, changed, missing, reported } = survival
      if (changed.length === 0 && missing.length === 0) {
        return {
          is: 'done',
          detail: [`${counted(checked, 'object')} without an owner reference, each with the same UID`, ...reported].join('; '),
        }
      }
      const gone = missing.length === 0 ? [] : [`gone: ${some(missing)}`]
      const other = changed.length === 0 ? [] : [`there, but recreated: ${some(changed)}`]
      return {
        is: 'blocked',
        reason: `not everything survived. ${[...gone, ...other].join('; ')}`,
        remedy: 'see who deleted them: kubectl get events --all-namespaces --sort-by=.lastTimestamp',
      }
    },
    apply: () => Promise.resolve(),
  }
}

/** The report names them all. */
function some(names: readonly string[]): string {
  return names.length <= 20 ? names.join(', ') : `${names.slice(0, 20).join(', ')} and ${names.length - 20} more`
}
