import * as v from 'valibot'
import type { Cluster } from '../cluster/cluster.ts'
import { kinds, type KubeObject } from '../cluster/objects.ts'
import type { Tree } from '../tree.ts'
import { blocks, type Finding, notice } from './finding.ts'

/** What there is of Flux in a cluster, wherever it lives. */
export interface FluxThere {
  readonly instances: readonly KubeObject[]
  /** Deployments of Flux's controllers. */
  readonly controllers: readonly KubeObject[]
  readonly operators: readonly KubeObject[]
}

/** Every way to install Flux labels its Deployments so: the operator, `flux install`, `flux bootstrap`, the community's chart. */
const controllerLabel = 'app.kubernetes.io/part-of=flux'
const operatorLabel = 'app.kubernetes.io/name=flux-operator'

export async function lookForFlux(cluster: Cluster): Promise<FluxThere> {
  const [instances, controllers, operators] = await Promise.all([
    cluster.list(kinds.fluxInstance),
    cluster.list(kinds.deployment, { labels: controllerLabel }),
    cluster.list(kinds.deployment, { labels: operatorLabel }),
  ])
  return { instances, controllers, operators }
}

/** A Flux that this one would fight with blocks; one that will be taken over is told of. */
export function judgeFlux({ instances, controllers, operators }: FluxThere, namespace: string): Finding[] {
  return [
    ...instances.flatMap((instance) => judgeInstance(instance, namespace)),
    ...elsewhere(controllers, namespace, 'Flux'),
    ...elsewhere(operators, namespace, 'flux-operator'),
    ...takenOver(controllers.filter(({ metadata }) => metadata.namespace === namespace)),
  ]
}

/** The operator looks at the FluxInstance named flux in its own namespace, and ignores every other in silence. */
function judgeInstance({ metadata }: KubeObject, namespace: string): Finding[] {
  if (metadata.name === 'flux' && metadata.namespace === namespace) return []
  const where = `--namespace ${metadata.namespace}`
  return [
    blocks(
      `FluxInstance ${metadata.namespace}/${metadata.name} is there; this runbook's is ${namespace}/flux, and a cluster has but one`,
      `take it away without what it installed: kubectl ${where} annotate fluxinstance ${metadata.name} fluxcd.controlplane.io/reconcile=disabled, then kubectl ${where} delete fluxinstance ${metadata.name}`,
    ),
  ]
}

function elsewhere(deployments: readonly KubeObject[], namespace: string, what: string): Finding[] {
  const others = new Set(deployments.map(({ metadata }) => metadata.namespace ?? '').filter((other) => other !== namespace))
  return [...others].map((other) => {
    const there = deployments.filter(({ metadata }) => metadata.namespace === other)
    return blocks(
      `${what} runs in namespace ${other} too (${namesOf(there)}), and would fight with the one in ${namespace}`,
      `remove it first, by what installed it: ${removalOf(there, other)}`,
    )
  })
}

function removalOf(deployments: readonly KubeObject[], namespace: string): string {
  const release = deployments.find(({ metadata }) => metadata.annotations['meta.helm.sh/release-name'] !== undefined)
  const name = release?.metadata.annotations['meta.helm.sh/release-name']
  return name === undefined ? `flux uninstall --namespace ${namespace} --keep-namespace` : `helm uninstall --namespace ${namespace} ${name}`
}

/** Controllers that the operator did not make: it takes them over, Deployment by Deployment (flux-operator docs, migration). */
function takenOver(controllers: readonly KubeObject[]): Finding[] {
  const foreign = controllers.filter(({ metadata }) => metadata.labels['app.kubernetes.io/managed-by'] !== 'flux-operator')
  const [first] = foreign
  if (first === undefined) return []
  const release = first.metadata.annotations['meta.helm.sh/release-name']
  const version = first.metadata.labels['app.kubernetes.io/version'] ?? 'of an unknown version'
  const names = namesOf(foreign)
  if (release === undefined) {
    return [notice(`Flux ${version} was installed by the flux CLI (flux install or flux bootstrap): the operator will take over ${names}`)]
  }
  return [
    notice(
      `Flux ${version} was installed by Helm (release ${release}): the operator will take over ${names}, and the release is left behind`,
      `afterwards, never helm uninstall: kubectl --namespace ${first.metadata.namespace} delete secrets --selector owner=helm,name=${release}`,
    ),
  ]
}

const sourceSchema = v.object({ spec: v.object({ url: v.optional(v.string(), '') }) })
const rootSchema = v.object({
  spec: v.object({ path: v.optional(v.string(), ''), prune: v.optional(v.boolean(), false) }),
  status: v.optional(v.object({ inventory: v.optional(v.object({ entries: v.nullish(v.array(v.unknown()), []) }), {}) }), {}),
})

type Followed = Pick<Tree, 'namespace' | 'syncName'> & { readonly sync: Pick<Tree['sync'], 'url' | 'path'> }

/** What the source and root Kustomization under the names that Flux will use follow now. */
export async function checkFollowed(cluster: Cluster, tree: Followed): Promise<Finding[]> {
  const { namespace, syncName: name } = tree
  const [source, root] = await Promise.all([
    cluster.get({ ...kinds.gitRepository, namespace, name }),
    cluster.get({ ...kinds.kustomization, namespace, name }),
  ])
  return judgeFollowed(source, root, tree)
}

/** If they follow something else, they are taken over, and told of: what the old path applied and the new one lacks is pruned. */
export function judgeFollowed(source: KubeObject | undefined, root: KubeObject | undefined, tree: Followed): Finding[] {
  const { namespace, syncName, sync } = tree
  const found: Finding[] = []
  const url = source === undefined ? sync.url : v.parse(sourceSchema, source).spec.url
  if (url !== sync.url) found.push(notice(`GitRepository ${namespace}/${syncName} follows ${url} now, and will follow ${sync.url}`))
  if (root === undefined) return found
  const { spec, status } = v.parse(rootSchema, root)
  if (bare(spec.path) === bare(sync.path)) return found
  const applied = status.inventory.entries?.length ?? 0
  const pruned = spec.prune ? `; it applied ${applied} objects, and those that ${sync.path} does not hold too are deleted` : ''
  found.push(notice(`Kustomization ${namespace}/${syncName} applies ${spec.path} now, and will apply ${sync.path}${pruned}`))
  return found
}

function bare(path: string): string {
  return path.replace(/^\.?\//, '').replace(/\/$/, '')
}

function namesOf(objects: readonly KubeObject[]): string {
  return objects.map(({ metadata }) => metadata.name).join(', ')
}
