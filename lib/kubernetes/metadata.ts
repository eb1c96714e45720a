import * as v from 'valibot'
import { type Cluster, restartedPage, isNotFound, segment } from './client.ts'
import { ApiError } from './http.ts'
import { type Kind, type KubeObject, type Page, parseObject, type Ref } from './objects.ts'

/** Objects of which only `metadata` was read. */
export interface MetadataPage {
  readonly objects: readonly KubeObject[]
  /** How many more there are, where the page was limited. */
  readonly remaining: number
}

const objectSchema = v.record(v.string(), v.unknown())
const listSchema = v.object({
  metadata: v.optional(v.object({ remainingItemCount: v.optional(v.number(), 0), continue: v.optional(v.string(), '') }), {}),
  items: v.nullable(v.array(objectSchema)), // null is Go's empty list
})

/**
 * The server leaves out everything but metadata: a hundred CRDs are some kilobytes instead of megabytes. An old server of an aggregated API
 * does not have such a form, and answers with all of it.
 */
const accept = (what: string): string => `application/json;as=${what};g=meta.k8s.io;v=v1,application/json`

/**
 * Lists the metadata of a collection, in one request.
 * @param path from the server's root, query included
 */
export async function listMetadata(cluster: Cluster, path: string, kind: Kind): Promise<MetadataPage> {
  const { metadata, items } = v.parse(listSchema, await read(cluster, path, 'PartialObjectMetadataList'))
  return { objects: (items ?? []).map((item) => parseObject({ ...item, ...kind })), remaining: metadata.remainingItemCount }
}

/**
 * The metadata of a whole collection, in pages, so that ten thousand objects are never held at once; nothing where the kind is gone.
 * @param path from the server's root, query included
 */
export async function* metadataPages(cluster: Cluster, path: string, kind: Kind): AsyncGenerator<readonly KubeObject[], void, void> {
  const query = `${path}${path.includes('?') ? '&' : '?'}limit=500`
  let next = ''
  do {
    let page: Pick<Page, 'objects' | 'next'>
    try {
      const rest = next === '' ? '' : `&continue=${encodeURIComponent(next)}`
      const list = v.parse(listSchema, await read(cluster, `${query}${rest}`, 'PartialObjectMetadataList'))
      page = { objects: (list.items ?? []).map((item) => parseObject({ ...item, ...kind })), next: list.metadata.continue }
    } catch (error) {
      // A kind that says it can be listed and is not: the namespace controller passes it over too.
      if (isNotFound(error) || isNotServed(error)) return
      page = restartedPage(error, next)
    }
    next = page.next
    yield page.objects
  } while (next !== '')
}

/** The metadata of one object, or undefined where neither it nor its kind exists. */
export async function getMetadata(cluster: Cluster, ref: Ref): Promise<KubeObject | undefined> {
  try {
    const path = (await cluster.collection(ref, ref.namespace === undefined ? {} : { namespace: ref.namespace })).replace(/\?$/, '')
    const object = v.parse(objectSchema, await read(cluster, `${path}/${segment(ref.name)}`, 'PartialObjectMetadata'))
    return parseObject({ ...object, apiVersion: ref.apiVersion, kind: ref.kind })
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

function isNotServed(error: unknown): boolean {
  return error instanceof ApiError && error.status === 405
}

function read(cluster: Cluster, path: string, what: string): Promise<unknown> {
  return cluster.read(path, accept(what))
}
