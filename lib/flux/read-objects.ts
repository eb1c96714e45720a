import * as v from 'valibot'
import { inParallel } from '../base/parallel.ts'
import { onceEach } from '../base/once.ts'
import { type Cluster, isNotFound } from '../kubernetes/client.ts'
import { listAtOnce, type Resource } from '../kubernetes/discovery.ts'
import type { ListPage } from '../kubernetes/list-page.ts'
import type { KubeObject } from '../kubernetes/objects.ts'
import { isFluxGroup } from './api-groups.ts'
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
/** A kind whose objects are read, and the path of its collection. */
interface Collection {
  readonly apiVersion: string
  readonly kind: string
  readonly path: string
  readonly hasStatus: boolean
}

/** They are checked by themselves, or are but accounts of others. */
const leftOut = ['FluxInstance', 'FluxReport']

/** Reads the objects of a collection; what it has read before, it does not read again. */
export type Reader = (collection: Collection) => Promise<readonly FluxObject[]>

/**
 * Begins to read what the API says it serves of Flux, for `readFluxObjects`: it says so in a tenth of the time that it takes for the CRDs,
 * which say what there is.
 * @returns once these lists are asked for: what reads them, and the kinds; what fails, fails in `readFluxObjects`
 */
export async function beginReading(cluster: Cluster): Promise<{ readonly read: Reader; readonly served: readonly Resource[] }> {
  const read = readerOf(cluster)
  const all = (await listAtOnce(cluster).catch(() => undefined)) ?? []
  const served = all.filter(({ group }) => isFluxGroup(group))
  const listed = served.filter(({ namespaced, kind }) => namespaced && !leftOut.includes(kind))
  readEach(listed, read).catch(() => undefined)
  return { read, served }
}

/** Reads the objects of every kind that the CRDs bring; each in pages. */
export async function readFluxObjects(cluster: Cluster, crds: readonly KubeObject[], read = readerOf(cluster)): Promise<FluxObjects> {
  const collections = crds.flatMap(collectionOf)
  await readEach(collections, read)
  const all = (await Promise.all(collections.map(read))).flat()
  return { all, byName: new Map(all.map((object) => [object.name, object])), kinds: new Set(collections.map(({ kind }) => kind)) }
}

function readerOf(cluster: Cluster): Reader {
  return onceEach(
    ({ path, hasStatus }) => `${path} ${hasStatus}`,
    (collection) => readAll(cluster, collection),
  )
}

/** A few kinds at once, so that other requests are not behind all of them. */
async function readEach(collections: readonly Collection[], read: Reader): Promise<void> {
  const largestFirst = [...collections].sort((one, other) => rankOf(one) - rankOf(other))
  await inParallel(largestFirst, 5, read)
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

/** How much is asked for at once, in characters: few requests for many small objects, and little memory for large ones. */
const pageSize = 4_000_000

async function readAll(cluster: Cluster, { path, hasStatus, apiVersion, kind }: Collection): Promise<FluxObject[]> {
  const objects: FluxObject[] = []
  const of = { apiVersion, kind }
  let limit = 500
  const request = (next: string): Promise<ListPage> =>
    cluster.readPage(`${path}?limit=${limit}${next === '' ? '' : `&continue=${encodeURIComponent(next)}`}`, of)
  let page: Promise<ListPage> | undefined = request('')
  try {
    while (page !== undefined) {
      const { next, size, map }: ListPage = await page
      limit = Math.min(Math.max(Math.round((limit * pageSize) / size), 50), 2500)
      page = next === '' ? undefined : request(next) // the server reads while this one is processed
      page?.catch(() => undefined) // awaited above, unless the page before it is not understood
      for (const object of map((item) => parseFluxObject(item, of, hasStatus))) objects.push(object)
    }
  } catch (error) {
    if (!isNotFound(error)) throw error // a CRD that is not established yet: there is a probe for that
  }
  return objects
}
