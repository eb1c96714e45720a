import * as v from 'valibot'
import { type Cluster, isNotFound } from '../cluster/cluster.ts'
import { listMetadata } from '../cluster/metadata.ts'
import { kinds, type KubeObject } from '../cluster/objects.ts'
import { blocks, type Finding } from './finding.ts'

const namespaceSchema = v.object({
  status: v.optional(
    v.object({
      conditions: v.optional(v.array(v.object({ type: v.string(), status: v.string(), message: v.optional(v.string(), '') })), []),
    }),
    {},
  ),
})

/** A namespace on its way out. */
export interface Going {
  readonly since: string
  /** What is left in it: the namespace controller tells in its conditions. */
  readonly holding: readonly string[]
  /** Something waits for a finalizer, and does not end by itself. */
  readonly isHeld: boolean
}

/** Undefined for a namespace that stays, or is not there. */
export async function findGoing(cluster: Cluster, name: string): Promise<Going | undefined> {
  const namespace = await cluster.get({ ...kinds.namespace, name })
  if (namespace?.metadata.deletionTimestamp === undefined) return undefined
  const { conditions } = v.parse(namespaceSchema, namespace).status
  const remaining = conditions.filter(({ status, type }) => status === 'True' && type.startsWith('Namespace'))
  return {
    since: namespace.metadata.deletionTimestamp,
    holding: remaining.map(({ message }) => message),
    isHeld: namespace.metadata.finalizers.length > 0 || remaining.some(({ type }) => type === 'NamespaceFinalizersRemaining'),
  }
}

/** Whether the namespace is on its way out, and what holds it there. */
export async function checkNamespaceStays(cluster: Cluster, name: string): Promise<Finding[]> {
  const going = await findGoing(cluster, name)
  if (going === undefined) return []
  const held = going.holding.length === 0 ? 'what holds it is not told yet' : `held by: ${going.holding.join(' ')}`
  return [
    blocks(
      `Namespace ${name} is being deleted, since ${going.since}; ${held}`,
      `wait until it is gone: kubectl wait --for=delete namespace/${name} --timeout=5m; what still has finalizers is told by: kubectl describe namespace ${name}`,
    ),
  ]
}

/** Whether CustomResourceDefinitions of Flux are on their way out (they can't be applied again until they are gone), and what holds them. */
export async function checkCrdsStay(cluster: Cluster, crds: readonly KubeObject[]): Promise<Finding[]> {
  const going = crds.filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
  return Promise.all(
    going.map(async ({ metadata }) => {
      const { held, command } = await holdersOf(cluster, metadata.name)
      const remedy = command ?? `wait until it is gone: kubectl wait --for=delete crd/${metadata.name} --timeout=5m`
      return blocks(`CustomResourceDefinition ${metadata.name} is being deleted, since ${metadata.deletionTimestamp}; ${held}`, remedy)
    }),
  )
}

const crdSchema = v.object({
  spec: v.object({
    group: v.string(),
    names: v.object({ plural: v.string(), kind: v.string() }),
    versions: v.array(v.object({ name: v.string(), storage: v.boolean() })),
  }),
})

/** The first few objects that a CRD waits for. Their finalizers are for a controller that may be gone. */
export async function holdersOf(cluster: Cluster, name: string): Promise<{ held: string; command?: string }> {
  const crd = await cluster.get({ ...kinds.crd, name })
  if (crd === undefined) return { held: 'it is gone now' }
  const { group, names, versions } = v.parse(crdSchema, crd).spec
  const version = versions.find(({ storage }) => storage)?.name ?? ''
  const kind = { apiVersion: `${group}/${version}`, kind: names.kind }
  const { objects, remaining } = await listMetadata(cluster, `/apis/${group}/${version}/${names.plural}?limit=3`, kind).catch(
    (error: unknown) => {
      if (isNotFound(error)) return { objects: [], remaining: 0 } // it went meanwhile
      throw error
    },
  )
  const [first] = objects
  if (first === undefined) return { held: 'nothing of it is left' }
  const list = objects.map(({ metadata }) => {
    const finalizers = metadata.finalizers.length === 0 ? '' : ` (finalizer ${metadata.finalizers.join(', ')})`
    return `${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}${finalizers}`
  })
  const more = remaining === 0 ? '' : ` and ${remaining} more`
  const scope = first.metadata.namespace === undefined ? '' : `--namespace ${first.metadata.namespace} `
  return {
    held: `held by ${names.kind} ${list.join(', ')}${more}`,
    command: `if no Flux controller runs any more, for each: kubectl ${scope}patch ${name} ${first.metadata.name} --type=merge --patch '{"metadata":{"finalizers":null}}'`,
  }
}
