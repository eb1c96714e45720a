import * as v from 'valibot'
import { inParallel } from '../base/parallel.ts'
import { type Cluster, isNotFound } from '../kubernetes/client.ts'
import type { KubeObject } from '../kubernetes/objects.ts'
import { type FluxObject, parseFluxObject } from './object.ts'

/** All objects of Flux in a cluster. */
export interface FluxObjects {
  readonly all: readonly FluxObject[]
  /** `Kustomization apps/shop` */
  readonly byName: ReadonlyMap<string, FluxObject>
  /** The kinds that there are, whether any object is of them or not. */
  readonly kinds: ReadonlySet<string>
}

const crdSchema = v.object({
  spec: v.object({
    group: v.string(),
    scope: v.string(),
    names: v.object({ kind: v.string(), plural: v.string() }),
    versions: v.array(
      v.object({
        name: v.string(),
        served: v.boolean(),
        storage: v.boolean(),
        subresources: v.optional(v.object({ status: v.optional(v.unknown()) }), {}),
      }),
    ),
  }),
})
const pageSchema = v.object({
  metadata: v.object({ continue: v.optional(v.string(), '') }),
  items: v.nullable(v.array(v.unknown())),
})

/** A kind whose objects are read, and the path of its collection. */
interface Collection {
  readonly apiVersion: string
  readonly kind: string
  readonly path: string
  readonly hasStatus: boolean
}

/** They are checked by themselves, or are but accounts of others. */
const leftOut = ['FluxInstance', 'FluxReport']

/** Reads the objects of every kind that the CRDs bring, a few kinds at once, so that other requests are not behind all of them; each in pages. */
export async function readFluxObjects(cluster: Cluster, crds: readonly KubeObject[]): Promise<FluxObjects> {
  const collections = crds.flatMap(collectionOf)
  const largestFirst = [...collections].sort((one, other) => rankOf(one) - rankOf(other))
  const read = new Map(await inParallel(largestFirst, 5, async (one) => [one, await readAll(cluster, one)] as const))
  const all = collections.flatMap((collection) => read.get(collection) ?? [])
  return { all, byName: new Map(all.map((object) => [object.name, object])), kinds: new Set(collections.map(({ kind }) => kind)) }
}

/** Most objects are of the first: where their lists begin late, everything waits for them. */
const usuallyMany = ['HelmRelease', 'Kustomization', 'GitRepository', 'OCIRepository', 'HelmChart']

function rankOf({ kind }: Collection): number {
  const at = usuallyMany.indexOf(kind)
  return at === -1 ? usuallyMany.length : at
}

function collectionOf(crd: KubeObject): Collection[] {
  const { group, scope, names, versions } = v.parse(crdSchema, crd).spec
  const version = versions.find(({ served, storage }) => served && storage) ?? versions.find(({ served }) => served)
  if (version === undefined || scope !== 'Namespaced' || leftOut.includes(names.kind)) return []
  const apiVersion = `${group}/${version.name}`
  return [
    { apiVersion, kind: names.kind, path: `/apis/${apiVersion}/${names.plural}`, hasStatus: version.subresources.status !== undefined },
  ]
}

async function readAll(cluster: Cluster, { path, hasStatus, apiVersion, kind }: Collection): Promise<FluxObject[]> {
  const objects: FluxObject[] = []
  const request = (next: string): Promise<unknown> =>
    cluster.read(`${path}?limit=500${next === '' ? '' : `&continue=${encodeURIComponent(next)}`}`)
  let page: Promise<unknown> | undefined = request('')
  try {
    while (page !== undefined) {
      const { metadata, items }: v.InferOutput<typeof pageSchema> = v.parse(pageSchema, await page)
      page = metadata.continue === '' ? undefined : request(metadata.continue) // the server reads while this one is processed
      page?.catch(() => undefined) // awaited above, unless the page before it is not understood
      for (const item of items ?? []) objects.push(parseFluxObject(item, { apiVersion, kind }, hasStatus))
    }
  } catch (error) {
    if (!isNotFound(error)) throw error // a CRD that is not established yet: there is a probe for that
  }
  return objects
}
