import * as v from 'valibot'
import type { Cluster } from './cluster.ts'
import { ask, type Patience } from './http.ts'
import { type Kind, type KubeObject, parseObject } from './objects.ts'

/** Objects of which only `metadata` was read. */
export interface MetadataPage {
  readonly objects: readonly KubeObject[]
  /** How many more there are, where the page was limited. */
  readonly remaining: number
}

const listSchema = v.object({
  metadata: v.object({ remainingItemCount: v.optional(v.number(), 0) }),
  items: v.nullable(v.array(v.record(v.string(), v.unknown()))), // null is Go's empty list
})

/** The server leaves out everything but metadata: a hundred CRDs are some kilobytes instead of megabytes. */
const accept = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1'
const patience: Patience = { milliseconds: 10_000, trouble: () => undefined, over: () => undefined }

/**
 * Lists the metadata of a collection, in one request.
 * @param path from the server's root, query included
 */
export async function listMetadata(cluster: Cluster, path: string, kind: Kind): Promise<MetadataPage> {
  const endpoint = { ...cluster.endpoint, headers: { ...cluster.endpoint.headers, accept } }
  const { metadata, items } = v.parse(listSchema, await ask(endpoint, { method: 'GET', path }, patience, cluster.signal))
  return { objects: (items ?? []).map((item) => parseObject({ ...item, ...kind })), remaining: metadata.remainingItemCount }
}
