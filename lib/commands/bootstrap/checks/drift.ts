import type { Cluster } from '../../../kubernetes/client.ts'
import { isByAnother } from '../../../flux/field-owners.ts'
import { getMetadata } from '../../../kubernetes/metadata.ts'
import { type KubeObject, nameOf, refOf } from '../../../kubernetes/objects.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { isRequestAlone } from '../../../flux/reconcile-request.ts'
import { appliers, releaseManager } from '../../../flux/field-managers.ts'
import type { Tree } from '../../../desired-state/tree.ts'
import { changedPaths, ownedPaths } from '../../../kubernetes/field-paths.ts'
import { type Finding, notice } from '../../../preflight/preflight.ts'
import { appliedBy } from '../../../flux/labels.ts'

/** An object as its controller in the cluster will apply it again. */
interface AppliedManifest {
  readonly object: KubeObject
  readonly manager: string
}

/**
 * What was changed by hand in objects that Git states, and that Flux, where it runs, is going to revert: names and fields, no values.
 * A manual change leaves its mark in `managedFields`; only such objects are compared, by a server-side dry run.
 */
export async function checkDrift(cluster: Cluster, tree: Tree, released: readonly KubeObject[]): Promise<Finding[]> {
  const { namespace, syncName } = tree
  if ((await cluster.get({ ...fluxKinds.kustomization, namespace, name: syncName })) === undefined) return []
  const manifests: AppliedManifest[] = [
    ...released.map((object) => ({ object, manager: releaseManager })),
    ...tree.applied.map(({ object, by }) => ({ object: labelled(object, by, namespace), manager: appliers.kustomize })),
  ]
  const found = await Promise.all(manifests.map((one) => revertedIn(cluster, one)))
  return found.flat()
}

async function revertedIn(cluster: Cluster, { object, manager }: AppliedManifest): Promise<Finding[]> {
  const hands = handsOn(await getMetadata(cluster, refOf(object)))
  const live = hands.length === 0 ? undefined : await cluster.get(refOf(object))
  if (live === undefined) return []
  const applied = await cluster.apply(object, { manager, dryRun: true })
  // kustomize-controller removes whatever kubectl wrote beside Git's fields too (fluxcd/kustomize-controller, field managers override).
  const kubectls = manager === appliers.kustomize ? hands.filter(({ manager: name }) => name.startsWith('kubectl')) : []
  const paths = new Set([...changedPaths(live, applied), ...kubectls.flatMap(({ fieldsV1 }) => ownedPaths(fieldsV1))])
  if (paths.size === 0) return []
  const by = [...new Set(hands.map(({ manager: name }) => name))].join(', ')
  return [notice(`changed by hand (${by}), and Flux will revert it: ${nameOf(refOf(object))}: ${[...paths].join(', ')}`)]
}

/** What others than Flux have written to an object; who only requests a reconciliation has changed nothing. */
function handsOn(object: KubeObject | undefined): readonly KubeObject['metadata']['managedFields'][number][] {
  return (object?.metadata.managedFields ?? []).filter((entry) => isByAnother(entry) && !isRequestAlone(entry.fieldsV1))
}

/** The labels that kustomize-controller gives to what it applies. */
function labelled(object: KubeObject, by: string, namespace: string): KubeObject {
  const { kustomization } = appliedBy
  const labels = { ...object.metadata.labels, [kustomization.name]: by, [kustomization.namespace]: namespace }
  return { ...object, metadata: { ...object.metadata, labels } }
}
