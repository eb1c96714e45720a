import * as v from 'valibot'
import { printable } from '../base/shell-line.ts'

/** Which object: `namespace` is left out for cluster-scoped kinds. */
export interface Kind {
  readonly apiVersion: string
  readonly kind: string
}

export interface Ref extends Kind {
  readonly namespace?: string
  readonly name: string
}

const text = v.optional(v.string())
const metadataSchema = v.looseObject({
  name: v.string(),
  namespace: text,
  uid: text,
  resourceVersion: text,
  generation: v.optional(v.number()),
  creationTimestamp: v.nullish(v.string()),
  deletionTimestamp: text,
  labels: v.optional(v.record(v.string(), v.string()), {}),
  annotations: v.optional(v.record(v.string(), v.string()), {}),
  finalizers: v.optional(v.array(v.string()), []),
  managedFields: v.optional(
    v.array(v.looseObject({ manager: v.optional(v.string(), ''), operation: v.optional(v.string(), ''), subresource: text })),
    [],
  ),
})

const objectSchema = v.looseObject({ apiVersion: v.string(), kind: v.string(), metadata: metadataSchema })

/** An object of the Kubernetes API; what is below `metadata` is known only as far as a schema has checked it. */
export type KubeObject = v.InferOutput<typeof objectSchema>

/** Parses one object; `kind` fills in what the items of a list leave out. Throws where it is not an object of the API. */
export function parseObject(value: unknown, kind?: Kind): KubeObject {
  if (kind === undefined || typeof value !== 'object') return v.parse(objectSchema, value)
  return v.parse(objectSchema, { apiVersion: kind.apiVersion, kind: kind.kind, ...value }) // of a Ref, no more than its kind
}

const listSchema = v.object({
  metadata: v.object({ resourceVersion: v.optional(v.string(), ''), continue: v.optional(v.string(), '') }),
  items: v.optional(v.nullable(v.array(v.unknown())), []),
})

export interface Page {
  readonly objects: KubeObject[]
  readonly resourceVersion: string
  readonly next: string
}

/** Parses one page of a list of the kind. */
export function parsePage(value: unknown, kind: Kind): Page {
  const list = v.parse(listSchema, value)
  const objects = (list.items ?? []).map((item) => parseObject(item, kind))
  return { objects, resourceVersion: list.metadata.resourceVersion, next: list.metadata.continue }
}

export function refOf(object: KubeObject): Ref {
  const { name, namespace } = object.metadata
  return { apiVersion: object.apiVersion, kind: object.kind, name, ...(namespace === undefined ? {} : { namespace }) }
}

/** How an object is named to people: `Deployment flux-system/source-controller`. */
export function nameOf(ref: Omit<Ref, 'apiVersion'>): string {
  return `${ref.kind} ${ref.namespace === undefined ? '' : `${ref.namespace}/`}${ref.name}`
}

/**
 * A kind as a person gives it to kubectl: with its group, for other kinds bear the same name (`Provider` of Crossplane, `HelmChart` of
 * k3s). The groups of Kubernetes itself, without a dot, need none.
 */
export function kindArgument({ apiVersion, kind }: Kind): string {
  const [group = '', version] = apiVersion.split('/')
  return version === undefined || !group.includes('.') ? kind.toLowerCase() : `${kind.toLowerCase()}.${group}`
}

/** The call of kubectl that does this to one object, for people to paste: with the object's namespace, and its kind as `kindArgument` has it. */
export function kubectlCall(verb: string, ref: Ref, ...flags: readonly string[]): string {
  const place = ref.namespace === undefined ? [] : ['--namespace', ref.namespace]
  return printable(['kubectl', ...place, verb, kindArgument(ref), ref.name, ...flags])
}

/** `is being deleted since 2026-11-29T00:00:00Z`; undefined for an object that stays. */
export function deletionOf({ metadata: { deletionTimestamp } }: KubeObject): string | undefined {
  return deletionTimestamp === undefined ? undefined : `is being deleted since ${deletionTimestamp}`
}

/** The kinds of Kubernetes that the scripts speak of by name. */
export const kinds = {
  namespace: { apiVersion: 'v1', kind: 'Namespace' },
  node: { apiVersion: 'v1', kind: 'Node' },
  pod: { apiVersion: 'v1', kind: 'Pod' },
  secret: { apiVersion: 'v1', kind: 'Secret' },
  configMap: { apiVersion: 'v1', kind: 'ConfigMap' },
  serviceAccount: { apiVersion: 'v1', kind: 'ServiceAccount' },
  deployment: { apiVersion: 'apps/v1', kind: 'Deployment' },
  replicaSet: { apiVersion: 'apps/v1', kind: 'ReplicaSet' },
  lease: { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' },
  crd: { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' },
} as const satisfies Record<string, Kind>
