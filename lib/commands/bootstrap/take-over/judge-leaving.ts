import * as v from 'valibot'
import { isNewerMinor, order } from '../../../base/version.ts'
import { pruneAnnotation } from '../../../flux/annotations.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { componentsIn, shardsIn } from '../../../flux/installer.ts'
import { identityOf, inventoryOf } from '../../../flux/inventory.ts'
import { appLabels, appliedBy } from '../../../flux/labels.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { kinds, type KubeObject, nameOf, refOf } from '../../../kubernetes/objects.ts'
import { selectorOf } from '../../../kubernetes/selector.ts'
import { blocks, type Finding, notice } from '../../../preflight/preflight.ts'
import { judgeFollowed } from '../checks/other-installations.ts'
import { judgeRoot } from './judge-origin.ts'
import type { LeavingOperator } from './leaving.ts'

const keeperSchema = v.object({ spec: v.object({ prune: v.optional(v.boolean(), false) }) })
const instanceSchema = v.object({
  spec: v.object({
    sync: v.optional(v.object({ name: v.optional(v.string()) })),
    kustomize: v.optional(v.object({ patches: v.optional(v.array(v.unknown()), []) }), {}),
  }),
})

/** What would restore, or lose, what the operator lets go of. */
export async function checkLeaving(cluster: Cluster, leaving: LeavingOperator, syncName: string): Promise<Finding[]> {
  const { instance, releases, controllers } = leaving
  const kept = [...(instance === undefined ? [] : [instance]), ...releases]
  const keepers = await Promise.all(kept.map((one) => checkKeeper(cluster, one)))
  const sets = await cluster.list(fluxKinds.resourceSet)
  return [
    ...keepers.flat(),
    ...judgeSets(sets),
    ...judgeShards(controllers),
    ...(instance === undefined ? [] : judgeInstance(instance, syncName)),
  ]
}

/** A Kustomization that applies it would bring it back; and one that prunes would have Helm, or the operator, uninstall Flux on its way out of Git. */
async function checkKeeper(cluster: Pick<Cluster, 'get'>, kept: KubeObject): Promise<Finding[]> {
  const { labels, annotations } = kept.metadata
  const { [appliedBy.kustomization.name]: name, [appliedBy.kustomization.namespace]: namespace } = labels
  if (name === undefined || namespace === undefined) return []
  const keeper = await cluster.get({ ...fluxKinds.kustomization, namespace, name })
  const what = nameOf(refOf(kept))
  if (keeper === undefined || !inventoryOf(keeper).some((ref) => identityOf(ref) === identityOf(refOf(kept)))) return []
  const isPruned = v.parse(keeperSchema, keeper).spec.prune && annotations[pruneAnnotation]?.toLowerCase() !== 'disabled'
  const first = isPruned
    ? `in Git, annotate ${what} with ${pruneAnnotation}: disabled, push, and wait until Flux has applied it: pruned, it would uninstall Flux. Then remove`
    : 'remove'
  return [
    blocks(
      `Kustomization ${namespace}/${name} applies ${what} from Git, and would bring it back`,
      `${first} it from Git (or that Kustomization, if it has nothing else), push, and run again once Flux has applied that; flux-operator keeps Flux until then`,
    ),
  ]
}

function judgeSets(sets: readonly KubeObject[]): Finding[] {
  if (sets.length === 0) return []
  const names = sets.map((one) => nameOf(refOf(one))).join(', ')
  return [
    blocks(
      `${names}: only flux-operator reconciles such objects, and it would be gone`,
      'apply what they make in another way; then delete them: kubectl get resourcesets --all-namespaces',
    ),
  ]
}

function judgeShards(controllers: readonly KubeObject[]): Finding[] {
  const sharded = controllers.filter((one) => shardsIn(one).length > 0)
  if (sharded.length === 0) return []
  const names = sharded.map(({ metadata }) => metadata.name).join(', ')
  return [
    blocks(`${names} run for shards, which the chart has none of`, 'remove spec.sharding of the FluxInstance in Git, push, and run again'),
  ]
}

function judgeInstance(instance: KubeObject, syncName: string): Finding[] {
  const { sync, kustomize } = v.parse(instanceSchema, instance).spec
  const name = sync === undefined ? undefined : (sync.name ?? instance.metadata.namespace)
  const other =
    name === undefined || name === syncName
      ? []
      : [
          blocks(
            `the FluxInstance calls its source and root Kustomization ${name}, and the Pulumi component calls them ${syncName}: there would be two roots`,
            'set spec.sync.name of the FluxInstance to that name in Git, push, and run again',
          ),
        ]
  const patches = kustomize.patches.length
  if (patches === 0) return other
  return [
    ...other,
    notice(
      `spec.kustomize.patches of the FluxInstance changes Flux's manifests (${patches}), and Pulumi applies none of that`,
      "give the chart the same by its values, in the stack's program",
    ),
  ]
}

/**
 * What the stack would make of what is there.
 * @param planned the objects that it has according to the preview
 */
export function judgePlanned(
  { controllers }: Pick<LeavingOperator, 'controllers'>,
  planned: readonly KubeObject[],
  {
    namespace,
    syncName,
    source,
    root,
  }: {
    readonly namespace: string
    readonly syncName: string
    readonly source: KubeObject | undefined
    readonly root: KubeObject | undefined
  },
): Finding[] {
  const find = ({ kind }: { kind: string }, name: string): KubeObject | undefined =>
    planned.find((one) => one.kind === kind && one.metadata.name === name && one.metadata.namespace === namespace)
  const sync = syncOf(find(fluxKinds.gitRepository, syncName), find(fluxKinds.kustomization, syncName))
  if (sync === undefined) {
    return [
      blocks(
        `the stack's program has no GitRepository and Kustomization ${namespace}/${syncName}: nobody would own what Flux follows`,
        'use the component of pulumi/flux-bootstrap.ts, or give them these names in the program',
      ),
    ]
  }
  const remedy = "set flux:git_path of the stack's config to the same path, and run again"
  return [
    ...(root === undefined ? [] : judgeRoot(root, { namespace, syncName, sync }, remedy)),
    ...judgeFollowed(source, undefined, { namespace, syncName, sync }),
    ...controllers.flatMap((one) => judgeController(one, find(kinds.deployment, one.metadata.name))),
    ...judgePlannedVersion(controllers, planned),
  ]
}

const sourceSchema = v.object({ spec: v.object({ url: v.string() }) })
const pathSchema = v.object({ spec: v.object({ path: v.string() }) })

function syncOf(source: KubeObject | undefined, root: KubeObject | undefined): { url: string; path: string } | undefined {
  const [read, applied] = [v.safeParse(sourceSchema, source), v.safeParse(pathSchema, root)]
  return read.success && applied.success ? { url: read.output.spec.url, path: applied.output.spec.path } : undefined
}

function judgeController(live: KubeObject, planned: KubeObject | undefined): Finding[] {
  if (componentsIn(live).length === 0) return []
  const name = nameOf(refOf(live))
  if (planned === undefined) {
    return [
      blocks(
        `${name} runs, and the stack has no such controller: nothing would manage it`,
        "enable it in the chart's values, in the stack's program; or remove the component from the FluxInstance in Git first",
      ),
    ]
  }
  if (selectorOf(live) === selectorOf(planned)) return []
  return [
    blocks(
      `${name} selects its pods by labels that differ from those of the stack's Deployment, and a selector cannot be changed`,
      `kubectl --namespace ${live.metadata.namespace ?? ''} delete deployment ${live.metadata.name}   # flux-operator recreates it as upstream has it; then run again`,
    ),
  ]
}

function judgePlannedVersion(controllers: readonly KubeObject[], planned: readonly KubeObject[]): Finding[] {
  const versionOf = (some: readonly KubeObject[]): string | undefined =>
    some
      .find((one) => componentsIn(one).length > 0 && one.kind === kinds.deployment.kind)
      ?.metadata.labels[appLabels.version]?.replace(/^v/, '')
  const [runs, wanted] = [versionOf(controllers), versionOf(planned)]
  if (runs === undefined || wanted === undefined || order(wanted, runs) === 0) return []
  if (order(wanted, runs) > 0) return [notice(`Flux ${runs} runs, and ${wanted} will: the take-over is also an upgrade`)]
  const serious = isNewerMinor(runs, wanted) ? ', and objects may be stored in a version of the API that the older one lacks' : ''
  return [
    blocks(
      `Flux ${runs} runs, and the stack's chart installs ${wanted}: that is a downgrade${serious}`,
      `set flux:chart_version of the stack's config to a chart of ${runs}, and run again; change the version afterwards`,
    ),
  ]
}
