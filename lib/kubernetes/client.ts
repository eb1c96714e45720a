import { setMaxListeners } from 'node:events'
import { ApiError, type ApiRequest, ask, parseJson, type Patience } from './http.ts'
import { type ListPage, pageOf } from './list-page.ts'
import { type Kind, type KubeObject, nameOf, parseObject, parsePage, type Page, type Ref } from './objects.ts'
import { rootOf, servedBy, type ServedKinds } from './served.ts'
import type { Endpoint } from './transport.ts'

/** The field manager of every write, except for objects that Git's Helm release is to own. */
export const fieldManager = 'flux-runbook'

export interface Query {
  readonly namespace?: string
  readonly labels?: string
  readonly fields?: string
}

export interface ApplyOptions {
  readonly manager?: string
  /** Asks the server what would be, and changes nothing. */
  readonly dryRun?: boolean
}

/** One cluster's API. Reads and writes wait out an API that cannot be reached, as long as its patience lasts. */
export interface Cluster {
  readonly endpoint: Endpoint
  readonly signal: AbortSignal
  /** The object, or undefined where neither it nor its kind exists. */
  readonly get: (ref: Ref) => Promise<KubeObject | undefined>
  /** All objects of the kind, read in pages; none where the kind is not installed. */
  readonly list: (kind: Kind, query?: Query) => Promise<KubeObject[]>
  /** One page of at most 500, with what is needed to watch from there. Throws NotFound where the kind is not installed. */
  readonly page: (kind: Kind, query: Query, next?: string) => Promise<Page>
  /** One page of the list of a kind at a path, its query included, for lists of many of which little is kept. */
  readonly readPage: (path: string, kind: Kind) => Promise<ListPage>
  /** Takes over what the API has said of these kinds, so that it is not asked again. */
  readonly learn: ServedKinds['learn']
  readonly isInstalled: (kind: Kind) => Promise<boolean>
  readonly isNamespaced: (kind: Kind) => Promise<boolean>
  /** Server-side apply, forced: what we state is ours. Returns what the server made of it. */
  readonly apply: (object: KubeObject, options?: ApplyOptions) => Promise<KubeObject>
  /** JSON merge patch; `subresource` such as `status`. */
  readonly patch: (ref: Ref, patch: unknown, subresource?: string, options?: { dryRun?: boolean }) => Promise<KubeObject>
  readonly create: (object: KubeObject, subresource?: { ref: Ref; name: string }, options?: { dryRun?: boolean }) => Promise<unknown>
  /** Replaces; fails with Conflict when `metadata.resourceVersion` has moved. */
  readonly replace: (object: KubeObject) => Promise<KubeObject>
  /** Deletes the very object that was checked: fails with Conflict where its UID is another. Gone already is fine. */
  readonly remove: (ref: Ref, options: { uid: string; graceSeconds?: number; dryRun?: boolean }) => Promise<void>
  /** Any other GET below the server's root; `accept` asks for another form than the object itself. */
  readonly read: (path: string, accept?: string, options?: { isTriedAgain?: boolean }) => Promise<unknown>
  /** The path of the kind's collection; watches are built on it. Throws NotFound where the kind is not installed. */
  readonly collection: (kind: Kind, query: Query) => Promise<string>
}

/** A cluster behind an endpoint. `signal` ends everything that is under way. */
// oxlint-disable-next-line max-lines-per-function -- one client: its methods share the endpoint, the patience and the discovery
export function clusterAt(endpoint: Endpoint, patience: Patience, signal: AbortSignal): Cluster {
  setMaxListeners(0, signal) // every request listens to it: Node would warn of a leak at eleven
  const call = (request: ApiRequest): Promise<unknown> => ask(endpoint, request, { patience, parse: parseJson, signal })
  const callOnce = (request: ApiRequest): Promise<unknown> =>
    ask(endpoint, request, { patience: { ...patience, milliseconds: 0 }, parse: parseJson, signal })
  const { find: discover, learn } = servedBy((path) => call({ method: 'GET', path }))

  const collection = async (kind: Kind, query: Query): Promise<string> => {
    const { plural, namespaced } = await discover(kind)
    const scope = namespaced && query.namespace !== undefined ? `/namespaces/${segment(query.namespace)}` : ''
    const search = new URLSearchParams()
    if (query.labels !== undefined) search.set('labelSelector', query.labels)
    if (query.fields !== undefined) search.set('fieldSelector', query.fields)
    return `${rootOf(kind.apiVersion)}${scope}/${plural}?${search.toString()}`
  }

  const pathOf = async (ref: Ref, subresource?: string): Promise<string> => {
    const { plural, namespaced } = await discover(ref)
    if (namespaced && ref.namespace === undefined) throw new ApiError(400, 'BadRequest', `${nameOf(ref)} needs a namespace`)
    const scope = namespaced ? `/namespaces/${segment(ref.namespace ?? '')}` : ''
    const below = subresource === undefined ? '' : `/${subresource}`
    return `${rootOf(ref.apiVersion)}${scope}/${plural}/${segment(ref.name)}${below}`
  }

  const page = async (kind: Kind, query: Query, next = ''): Promise<Page> => {
    const path = await collection(kind, query)
    const rest = next === '' ? '' : `&continue=${encodeURIComponent(next)}`
    return parsePage(await call({ method: 'GET', path: `${path}&limit=500${rest}` }), kind)
  }

  return {
    endpoint,
    signal,
    collection,
    learn,
    page,
    read: (path, accept, { isTriedAgain = true } = {}) =>
      (isTriedAgain ? call : callOnce)({ method: 'GET', path, ...(accept === undefined ? {} : { accept }) }),

    readPage: (path, kind) => ask(endpoint, { method: 'GET', path }, { patience, parse: (text) => pageOf(text, kind), signal }),

    async get(ref) {
      try {
        return parseObject(await call({ method: 'GET', path: await pathOf(ref) }))
      } catch (error) {
        if (isNotFound(error)) return undefined
        throw error
      }
    },

    async list(kind, query = {}) {
      const objects: KubeObject[] = []
      try {
        let next = ''
        do {
          const from = next
          const read: Pick<Page, 'objects' | 'next'> = await page(kind, query, from).catch((error: unknown) => restartedPage(error, from))
          for (const object of read.objects) objects.push(object)
          next = read.next
        } while (next !== '')
      } catch (error) {
        if (isNotFound(error)) return []
        throw error
      }
      return objects
    },

    async isInstalled(kind) {
      try {
        await discover(kind)
        return true
      } catch (error) {
        if (isNotFound(error)) return false
        throw error
      }
    },

    async isNamespaced(kind) {
      return (await discover(kind)).namespaced
    },

    async apply(object, options = {}) {
      const path = await pathOf({ apiVersion: object.apiVersion, kind: object.kind, ...namedAs(object) })
      const search = new URLSearchParams({ fieldManager: options.manager ?? fieldManager, force: 'true' })
      if (options.dryRun === true) search.set('dryRun', 'All')
      const body = JSON.stringify(withoutDefaults(object))
      const applied = await call({
        method: 'PATCH',
        path: `${path}?${search.toString()}`,
        body,
        contentType: 'application/apply-patch+yaml',
      })
      return parseObject(applied)
    },

    async patch(ref, patch, subresource, options = {}) {
      const path = `${await pathOf(ref, subresource)}?fieldManager=${fieldManager}${options.dryRun === true ? '&dryRun=All' : ''}`
      const body = JSON.stringify(patch)
      return parseObject(await call({ method: 'PATCH', path, body, contentType: 'application/merge-patch+json' }))
    },

    async create(object, subresource, options = {}) {
      const path =
        subresource === undefined
          ? (await collection(object, namedAs(object))).replace(/\?$/, '')
          : await pathOf(subresource.ref, subresource.name)
      const dryRun = options.dryRun === true ? '&dryRun=All' : ''
      return call({ method: 'POST', path: `${path}?fieldManager=${fieldManager}${dryRun}`, body: JSON.stringify(withoutDefaults(object)) })
    },

    async replace(object) {
      const path = await pathOf({ apiVersion: object.apiVersion, kind: object.kind, ...namedAs(object) })
      return parseObject(await call({ method: 'PUT', path: `${path}?fieldManager=${fieldManager}`, body: JSON.stringify(object) }))
    },

    async remove(ref, { uid, graceSeconds, dryRun }) {
      const options = {
        preconditions: { uid },
        propagationPolicy: 'Background',
        ...(graceSeconds === undefined ? {} : { gracePeriodSeconds: graceSeconds }),
        ...(dryRun === true ? { dryRun: ['All'] } : {}),
      }
      // The body counts. An audit log shows the query: without it, a rehearsal looks like a deletion there.
      const rehearsed = dryRun === true ? '?dryRun=All' : ''
      try {
        await call({ method: 'DELETE', path: `${await pathOf(ref)}${rehearsed}`, body: JSON.stringify(options) })
      } catch (error) {
        ignoreNotFound(error)
      }
    },
  }
}

/**
 * The page of a list that took so long that its snapshot is gone: an empty one, from which the list continues with what there is now. What else
 * failed is thrown again.
 * @param from where the page was asked from; the first of a list never expires
 */
export function restartedPage(error: unknown, from: string): { objects: KubeObject[]; next: string } {
  if (error instanceof ApiError && error.status === 410 && error.next !== '' && error.next !== from)
    return { objects: [], next: error.next }
  throw error
}

export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404
}

/** Catches what a write to an object says that someone else has deleted meanwhile; what else failed is thrown again. */
export function ignoreNotFound(error: unknown): undefined {
  if (!isNotFound(error)) throw error
  return undefined
}

export function isConflict(error: unknown): boolean {
  return error instanceof ApiError && error.status === 409
}

/**
 * A name in a path. A reference, or an owner, may hold any text; no object has a name that would make it another path (apimachinery
 * api/validation/path).
 */
export function segment(name: string): string {
  if (name !== '' && name !== '.' && name !== '..' && !/[/%]/.test(name)) return encodeURIComponent(name)
  throw new ApiError(404, 'NotFound', `no object can have the name "${name}"`)
}

function namedAs(object: KubeObject): { name: string; namespace?: string } {
  const { name, namespace } = object.metadata
  return { name, ...(namespace === undefined ? {} : { namespace }) }
}

/** Parsing fills in empty maps, which server-side apply would take for a statement. */
function withoutDefaults(object: KubeObject): unknown {
  const { labels, annotations, finalizers, managedFields: _, ...metadata } = object.metadata
  return {
    ...object,
    metadata: {
      ...metadata,
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      ...(finalizers.length === 0 ? {} : { finalizers }),
    },
  }
}
