import type { Cluster } from '../cluster/cluster.ts'
import { getMetadata } from '../cluster/metadata.ts'
import { kinds, type KubeObject, nameOf, refOf } from '../cluster/objects.ts'
import { releaseManager } from '../steps/apply-objects.ts'
import type { Tree } from '../tree.ts'
import { changedPaths, ownedPaths } from './field-paths.ts'
import { type Finding, notice } from './finding.ts'

/** An object as its controller in the cluster will apply it again. */
interface Stated {
  readonly object: KubeObject
  readonly manager: string
}

const applier = 'kustomize-controller'
/** Those that write by themselves. Anybody else on an object of Flux is a person, or a script of one. */
const ownManagers = /^(flux-operator|flux-runbook|flux|kube-apiserver|kube-controller-manager|[a-z-]+-controller|gotk-[a-z-]+)$/

/**
 * What was changed by hand in objects that Git states, and that Flux, where it runs, is going to revert: names and fields, no values.
 * Who changes by hand leaves his mark in `managedFields`; only such objects are compared, by a server-side dry run.
 */
export async function checkDrift(cluster: Cluster, tree: Tree, released: readonly KubeObject[]): Promise<Finding[]> {
  const { namespace, syncName } = tree
  if ((await cluster.get({ ...kinds.kustomization, namespace, name: syncName })) === undefined) return []
  const stated: Stated[] = [
    ...released.map((object) => ({ object, manager: releaseManager })),
    ...tree.applied.map(({ object, by }) => ({ object: labelled(object, by, namespace), manager: applier })),
  ]
  const found = await Promise.all(stated.map((one) => revertedIn(cluster, one)))
  return found.flat()
}

async function revertedIn(cluster: Cluster, { object, manager }: Stated): Promise<Finding[]> {
  const hands = handsOn(await getMetadata(cluster, refOf(object)))
  const live = hands.length === 0 ? undefined : await cluster.get(refOf(object))
  if (live === undefined) return []
  const applied = await cluster.apply(object, { manager, dryRun: true })
  // kustomize-controller takes away whatever kubectl wrote beside Git's fields too (fluxcd/kustomize-controller, field managers override).
  const kubectls = manager === applier ? hands.filter(({ manager: name }) => name.startsWith('kubectl')) : []
  const paths = new Set([...changedPaths(live, applied), ...kubectls.flatMap(({ fieldsV1 }) => ownedPaths(fieldsV1))])
  if (paths.size === 0) return []
  const by = [...new Set(hands.map(({ manager: name }) => name))].join(', ')
  return [notice(`changed by hand (${by}), and Flux will revert it: ${nameOf(refOf(object))}: ${[...paths].join(', ')}`)]
}

type Hand = KubeObject['metadata']['managedFields'][number]

/** What others than controllers own of an object; its status is nobody's to own. */
function handsOn(object: KubeObject | undefined): readonly Hand[] {
  const entries = object?.metadata.managedFields ?? []
  return entries.filter(({ manager, subresource }) => subresource === undefined && !ownManagers.test(manager))
}

/** The labels that kustomize-controller gives to what it applies. */
function labelled(object: KubeObject, by: string, namespace: string): KubeObject {
  const labels = { ...object.metadata.labels, 'kustomize.toolkit.fluxcd.io/name': by, 'kustomize.toolkit.fluxcd.io/namespace': namespace }
  return { ...object, metadata: { ...object.metadata, labels } }
}
