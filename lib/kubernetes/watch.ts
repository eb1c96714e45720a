import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import * as v from 'valibot'
import { type Cluster, isNotFound, type Query } from './client.ts'
import { ApiError, isPassing, pauseAfter, send } from './http.ts'
import { type Kind, type KubeObject, parseObject } from './objects.ts'

/** What a watch tells: first all there is, then each change; all there is again after a gap. */
export type WatchEvent =
  | { readonly type: 'all'; readonly objects: KubeObject[] }
  | { readonly type: 'set'; readonly object: KubeObject }
  | { readonly type: 'gone'; readonly object: KubeObject }

/** Node's HTTP clients and many proxies cut what is silent for 300 s: ask for less and start again. */
const watchSeconds = 240

const lineSchema = v.object({ type: v.string(), object: v.unknown() })
const expired = 410

/** Before a watch is opened again, in milliseconds: twice as long after each that ended early and brought nothing, up to the longest. */
const firstDelay = 200
const longestDelay = 5000

/**
 * Watches a collection until `until` aborts, or the way to the API is closed: nothing else that ends a run has to think of it. Survives
 * silence, an API that restarts and an expired resourceVersion; while the kind is not installed its header says an empty collection and looks
 * again every second. However a watch ends, the next one is opened after a pause: a proxy may end each at once.
 */
export async function* watch(cluster: Cluster, kind: Kind, query: Query, until: AbortSignal): AsyncGenerator<WatchEvent, void, void> {
  const signal = AbortSignal.any([until, cluster.endpoint.closed])
  let version = ''
  let reportedEmpty = false
  let delay = firstDelay
  while (!signal.aborted) {
    try {
      if (version === '') {
        const objects: KubeObject[] = []
        let next = ''
        let listed = ''
        do {
          const page = await cluster.page(kind, query, next)
          for (const object of page.objects) objects.push(object)
          next = page.next
          listed = page.resourceVersion
        } while (next !== '')
        version = listed // only of a complete list: what is missing from half a one would never be reported
        yield { type: 'all', objects }
      }
      const opened = Date.now()
      for await (const change of changesSince(cluster, kind, query, version, signal)) {
        delay = firstDelay
        version = change.version
        if (change.event !== undefined) yield change.event
      }
      if (Date.now() - opened > longestDelay) delay = firstDelay // it was open, and silent
    } catch (error) {
      if (signal.aborted) return
      if (isNotFound(error)) {
        version = ''
        if (!reportedEmpty) yield { type: 'all', objects: [] }
        reportedEmpty = true
        delay = 1000
      } else if (error instanceof ApiError && error.status === expired) version = ''
      else if (isPassing(error)) delay = pauseAfter(error, delay)
      else throw error
    }
    await pause(delay, undefined, { signal }).catch(() => undefined)
    delay = Math.min(delay * 2, longestDelay)
  }
}

const bookmarkSchema = v.object({ metadata: v.object({ resourceVersion: v.string() }) })
const errorSchema = v.object({ code: v.optional(v.number(), 0), message: v.optional(v.string(), '') })

/** What changed after `version`, each with the version to continue from; a bookmark brings that alone. */
async function* changesSince(
  cluster: Cluster,
  kind: Kind,
  query: Query,
  version: string,
  signal: AbortSignal,
): AsyncGenerator<{ version: string; event?: WatchEvent }, void, void> {
  const collection = await cluster.collection(kind, query)
  const path = `${collection}&watch=true&allowWatchBookmarks=true&timeoutSeconds=${watchSeconds}&resourceVersion=${version}`
  const body = await send(cluster.endpoint, { method: 'GET', path }, signal)
  const lines = createInterface({ input: body, crlfDelay: Infinity })
  lines.on('error', () => lines.close()) // a cut connection ends the loop; the watch starts again from the last version seen
  try {
    for await (const line of lines) {
      const read = v.safeParse(v.pipe(v.string(), v.parseJson(), lineSchema), line)
      if (!read.success) return // the connection was cut in the middle of a line
      const { type } = read.output
      if (type === 'ERROR') {
        const status = v.parse(errorSchema, read.output.object)
        throw new ApiError(status.code, 'WatchError', status.message)
      }
      if (type === 'BOOKMARK') {
        yield { version: v.parse(bookmarkSchema, read.output.object).metadata.resourceVersion }
        continue
      }
      const object = parseObject(read.output.object, kind)
      yield { version: object.metadata.resourceVersion ?? version, event: { type: type === 'DELETED' ? 'gone' : 'set', object } }
    }
  } finally {
    body.on('error', () => undefined).destroy() // anyone who stops reading closes the connection
  }
}

export interface WatchTarget {
  readonly kind: Kind
  readonly query: Query
}

/**
 * Resolves a promise each time something in the collections may have changed, so that a check can be repeated.
 * @returns `next(ms)`: waits for the next change, at most that long; `stop()` ends the watches.
 */
export function onChange(
  cluster: Cluster,
  watched: readonly WatchTarget[],
): { next: (milliseconds: number) => Promise<void>; stop: () => void } {
  const stopped = new AbortController()
  const signal = AbortSignal.any([cluster.signal, stopped.signal])
  let changed = false
  let failure: unknown
  let wake: () => void = () => undefined
  signal.addEventListener('abort', () => wake(), { once: true })
  const follow = async ({ kind, query }: WatchTarget): Promise<void> => {
    for await (const _ of watch(cluster, kind, query, signal)) {
      changed = true
      wake()
    }
  }
  for (const one of watched) {
    follow(one).catch((error: unknown) => {
      failure = error
      wake()
    })
  }
  return {
    async next(milliseconds) {
      if (!changed && failure === undefined) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, milliseconds)
          wake = () => {
            clearTimeout(timer)
            resolve()
          }
        })
      }
      if (failure !== undefined) throw failure
      cluster.signal.throwIfAborted()
      changed = false
    },
    stop: () => stopped.abort(),
  }
}
