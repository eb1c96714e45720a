import * as v from 'valibot'
import type { Cluster } from './cluster.ts'
import { type Kind, kinds, type KubeObject, nameOf, refOf } from './objects.ts'

/** A CustomResourceDefinition of Flux: which versions of its API there are, and in which its objects are stored. */
export interface FluxCrd {
  readonly name: string
  readonly kind: string
  readonly group: string
  readonly versions: readonly string[]
  readonly served: readonly string[]
  readonly storage: string
  readonly stored: readonly string[]
  readonly isEstablished: boolean
}

const controllerGroups = /\.(toolkit|extensions)\.fluxcd\.io$/

const crdSchema = v.object({
  spec: v.object({
    group: v.string(),
    names: v.object({ kind: v.string() }),
    versions: v.array(v.object({ name: v.string(), served: v.boolean(), storage: v.boolean() })),
  }),
  status: v.optional(
    v.object({
      storedVersions: v.optional(v.array(v.string()), []),
      conditions: v.nullish(v.array(v.object({ type: v.string(), status: v.string() }))),
    }),
    {},
  ),
})

/** The CustomResourceDefinitions of Flux's controllers; the operator's own are not among them. */
export async function listControllerCrds(cluster: Cluster): Promise<FluxCrd[]> {
  const crds = (await cluster.list(kinds.crd)).filter(({ metadata }) => controllerGroups.test(metadata.name))
  return crds.map((crd) => {
    const { spec, status } = v.parse(crdSchema, crd)
    const { group, names, versions } = spec
    return {
      name: crd.metadata.name,
      kind: names.kind,
      group,
      versions: versions.map(({ name }) => name),
      served: versions.filter(({ served }) => served).map(({ name }) => name),
      storage: versions.find(({ storage }) => storage)?.name ?? '',
      stored: status.storedVersions ?? [],
      isEstablished: (status.conditions ?? []).some(({ type, status: is }) => type === 'Established' && is === 'True'),
    }
  })
}

export function kindOf({ group, storage, kind }: FluxCrd): Kind {
  return { apiVersion: `${group}/${storage}`, kind }
}

/** Every object of Flux's controllers, of all kinds and namespaces, in the version it is stored in. */
export async function listFluxObjects(cluster: Cluster, crds: readonly FluxCrd[]): Promise<KubeObject[]> {
  return (await Promise.all(crds.map((crd) => cluster.list(kindOf(crd))))).flat()
}

const statusSchema = v.object({
  spec: v.optional(v.object({ suspend: v.optional(v.boolean(), false) }), {}),
  status: v.optional(
    v.object({
      conditions: v.nullish(
        v.array(
          v.object({ type: v.string(), status: v.string(), reason: v.optional(v.string(), ''), message: v.optional(v.string(), '') }),
        ),
      ),
      artifact: v.nullish(v.object({ revision: v.string() })),
      lastAppliedRevision: v.optional(v.string()),
    }),
    {},
  ),
})

/** How an object of Flux is: some kinds, as Alerts, have no Ready condition and are never anything else. */
export type FluxHealth =
  | { readonly is: 'ready'; readonly revision: string }
  | { readonly is: 'suspended' | 'without' }
  | { readonly is: 'unready'; readonly why: string }

/** The health of each object, by its name. */
export function healthOf(objects: readonly KubeObject[]): Map<string, FluxHealth> {
  return new Map(
    objects.map((object): [string, FluxHealth] => {
      const { spec, status } = v.parse(statusSchema, object)
      const name = nameOf(refOf(object))
      const ready = (status.conditions ?? []).find(({ type }) => type === 'Ready')
      if (spec.suspend) return [name, { is: 'suspended' }]
      if (ready === undefined) return [name, { is: 'without' }]
      if (ready.status !== 'True') return [name, { is: 'unready', why: `${ready.reason}: ${ready.message}` }]
      return [name, { is: 'ready', revision: status.artifact?.revision ?? status.lastAppliedRevision ?? '' }]
    }),
  )
}
