import { shellQuote } from '../base/shell-line.ts'
import * as v from 'valibot'
import { describeHolders } from '../flux/finalizers.ts'
import { readHolders } from '../ownership/namespace-content.ts'
import { type Cluster, isNotFound } from '../kubernetes/client.ts'
import { listMetadata } from '../kubernetes/metadata.ts'
import { deletionOf, kinds, type KubeObject, nameOf, refOf } from '../kubernetes/objects.ts'
import { blocks, type Finding } from './preflight.ts'
import { conditionsOf } from '../kubernetes/readiness.ts'
import { waitUntil } from '../kubernetes/wait-until.ts'

/** A namespace that is Terminating. */
export interface TerminatingNamespace {
  readonly since: string
  /** What is left in it: the namespace controller tells in its conditions. */
  readonly holding: readonly string[]
  /** The namespace's own finalizers, beside Kubernetes' `spec.finalizers`. */
  readonly finalizers: readonly string[]
  /** Something waits for a finalizer, and does not end by itself. */
  readonly isHeld: boolean
}

/** Undefined for a namespace that stays, or does not exist. */
export async function findTerminatingNamespace(cluster: Pick<Cluster, 'get'>, name: string): Promise<TerminatingNamespace | undefined> {
  const namespace = await cluster.get({ ...kinds.namespace, name })
  if (namespace?.metadata.deletionTimestamp === undefined) return undefined
  const remaining = conditionsOf(namespace).filter(({ status, type }) => status === 'True' && type.startsWith('Namespace'))
  return {
    since: namespace.metadata.deletionTimestamp,
    holding: remaining.map(({ message }) => message),
    finalizers: namespace.metadata.finalizers,
    isHeld: namespace.metadata.finalizers.length > 0 || remaining.some(({ type }) => type === 'NamespaceFinalizersRemaining'),
  }
}

/** `held by Kustomization flux-system/apps (finalizer finalizers.fluxcd.io)`: what keeps a terminating namespace, by name where it can be. */
export async function describeTerminatingNamespace(
  cluster: Cluster,
  name: string,
  { finalizers, holding }: TerminatingNamespace,
): Promise<string> {
  const holders = await readHolders(cluster, name)
  const own = finalizers.length === 0 ? [] : [{ ref: { ...kinds.namespace, name }, finalizers }]
  if (holders.length + own.length > 0) return `held by ${describeHolders([...own, ...holders])}`
  return holding.length === 0 ? 'what blocks it is not reported yet' : `held by: ${holding.join(' ')}`
}

/** Whether the namespace is Terminating, and what holds it. */
export async function checkNamespaceStays(cluster: Cluster, name: string, where: string): Promise<Finding[]> {
  const terminating = await findTerminatingNamespace(cluster, name)
  if (terminating === undefined) return []
  // The namespace controller's own words count what is left, also where this person may not list it.
  const reported = terminating.holding.length === 0 ? '' : `held by: ${terminating.holding.join(' ')}; `
  return [
    blocks(
      `Namespace ${name} is being deleted, since ${terminating.since}; ${reported}${await describeTerminatingNamespace(cluster, name, terminating)}`,
      `npx zx scripts/recover.ts ${where}, which removes Flux's finalizers, and no others, from what blocks it; or wait until it is gone: kubectl wait --for=delete namespace/${name} --timeout=5m`,
    ),
  ]
}

/** Whether a FluxInstance is being deleted: an operator that starts, or continues, uninstalls all of Flux for it. */
export function checkInstancesStay(instances: readonly KubeObject[], where: string): Finding[] {
  return instances.flatMap((instance) => {
    const deletion = deletionOf(instance)
    if (deletion === undefined) return []
    return [
      blocks(
        `${nameOf(refOf(instance))} ${deletion}: the operator will uninstall Flux as soon as it runs`,
        `npx zx scripts/recover.ts ${where}   # lets the deletion finish without that, and recreates it`,
      ),
    ]
  })
}

/** Whether CustomResourceDefinitions of Flux are being deleted (they can't be applied again until they are gone), and what holds them. */
export async function checkCrdsStay(cluster: Cluster, crds: readonly KubeObject[]): Promise<Finding[]> {
  const terminating = crds.filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
  const findings = await Promise.all(
    terminating.map(async ({ metadata }) => {
      const { held, command } = await holdersOf(cluster, metadata.name)
      if (command === undefined && (await isGoneSoon(cluster, metadata.name))) return undefined
      const remedy = command ?? `wait until it is gone: kubectl wait --for=delete crd/${metadata.name} --timeout=5m`
      return blocks(`CustomResourceDefinition ${metadata.name} is being deleted, since ${metadata.deletionTimestamp}; ${held}`, remedy)
    }),
  )
  return findings.filter((finding) => finding !== undefined)
}

/** A CRD of which nothing is left is removed as soon as the API server has seen that (apiextensions-apiserver, finalizer). */
function isGoneSoon(cluster: Cluster, name: string): Promise<boolean> {
  return waitUntil(cluster, {
    watches: [], // a person who may read CRDs need not be allowed to watch them
    timeout: 30_000,
    every: 500,
    check: async () => (await cluster.get({ ...kinds.crd, name })) === undefined,
    isOver: (isGone) => isGone,
  })
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
    command: `if no Flux controller runs, for each: kubectl ${scope}patch ${name} ${shellQuote(first.metadata.name)} --type=merge --patch '{"metadata":{"finalizers":null}}'`,
  }
}
