import * as v from 'valibot'
import type { Cluster } from '../../../kubernetes/client.ts'
import { type KubeObject } from '../../../kubernetes/objects.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import type { Tree } from '../../../desired-state/tree.ts'
import { blocks, type Finding, notice } from '../../../preflight/preflight.ts'
import { type FluxThere, removalOf } from '../../../flux/installations.ts'
import { reconcileAnnotation } from '../../../flux/annotations.ts'
import { isInstanceOf } from '../../../flux/refs.ts'

/** A Flux that would conflict with this one blocks. One that may be taken over is judged in take-over/. */
export function judgeFlux({ instances, controllers, operators }: FluxThere, namespace: string): Finding[] {
  return [
    ...instances.flatMap((instance) => judgeInstance(instance, namespace)),
    ...elsewhere(controllers, namespace, 'Flux'),
    ...elsewhere(operators, namespace, 'flux-operator'),
  ]
}

function judgeInstance(instance: KubeObject, namespace: string): Finding[] {
  if (isInstanceOf(instance, namespace)) return []
  const { metadata } = instance
  const where = `--namespace ${metadata.namespace}`
  return [
    blocks(
      `FluxInstance ${metadata.namespace}/${metadata.name} exists; this runbook's is ${namespace}/flux, and a cluster has only one`,
      `remove it, but keep what it installed: kubectl ${where} annotate fluxinstance ${metadata.name} ${reconcileAnnotation}=disabled, then kubectl ${where} delete fluxinstance ${metadata.name}`,
    ),
  ]
}

function elsewhere(deployments: readonly KubeObject[], namespace: string, what: string): Finding[] {
  const others = new Set(deployments.map(({ metadata }) => metadata.namespace ?? '').filter((other) => other !== namespace))
  return [...others].map((other) => {
    const there = deployments.filter(({ metadata }) => metadata.namespace === other)
    return blocks(
      `${what} runs in namespace ${other} too (${namesOf(there)}), and would conflict with the one in ${namespace}`,
      `stop what installs it, such as a Kustomization or a job; then: ${removalOf(there, other)}`,
    )
  })
}

const sourceSchema = v.object({ spec: v.object({ url: v.optional(v.string(), '') }) })
const rootSchema = v.object({
  spec: v.object({ path: v.optional(v.string(), ''), prune: v.optional(v.boolean(), false) }),
  status: v.optional(v.object({ inventory: v.optional(v.object({ entries: v.nullish(v.array(v.unknown()), []) }), {}) }), {}),
})

type SyncSource = Pick<Tree, 'namespace' | 'syncName'> & { readonly sync: Pick<Tree['sync'], 'url' | 'path'> }

/** What the source and root Kustomization under the names that Flux will use follow now. */
export async function checkFollowed(cluster: Cluster, tree: SyncSource): Promise<Finding[]> {
  const { namespace, syncName: name } = tree
  const [source, root] = await Promise.all([
    cluster.get({ ...fluxKinds.gitRepository, namespace, name }),
    cluster.get({ ...fluxKinds.kustomization, namespace, name }),
  ])
  return judgeFollowed(source, root, tree)
}

/** If they follow something else, they are taken over, and reported: what the old path applied and the new one lacks is pruned. */
export function judgeFollowed(source: KubeObject | undefined, root: KubeObject | undefined, tree: SyncSource): Finding[] {
  const { namespace, syncName, sync } = tree
  const found: Finding[] = []
  const url = source === undefined ? sync.url : v.parse(sourceSchema, source).spec.url
  if (url !== sync.url) found.push(notice(`GitRepository ${namespace}/${syncName} follows ${url} now, and will follow ${sync.url}`))
  if (root === undefined) return found
  const { spec, status } = v.parse(rootSchema, root)
  if (bare(spec.path) === bare(sync.path)) return found
  const applied = status.inventory.entries?.length ?? 0
  const pruned = spec.prune ? `; it applied ${applied} objects, and those that ${sync.path} does not contain will be deleted` : ''
  found.push(notice(`Kustomization ${namespace}/${syncName} applies ${spec.path} now, and will apply ${sync.path}${pruned}`))
  return found
}

function bare(path: string): string {
  return path.replace(/^\.?\//, '').replace(/\/$/, '')
}

function namesOf(objects: readonly KubeObject[]): string {
  return objects.map(({ metadata }) => metadata.name).join(', ')
}
