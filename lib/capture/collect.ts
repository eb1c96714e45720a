import { identityOf } from '../flux/inventory.ts'
import { type Cluster, isNotFound } from '../kubernetes/client.ts'
import { listResources } from '../kubernetes/discovery.ts'
import { type Kind, kinds, type KubeObject, nameOf, type Page, type Ref, refOf } from '../kubernetes/objects.ts'
import { fluxKinds } from '../flux/kinds.ts'
import { inParallel } from '../base/parallel.ts'
import { isFluxGroup } from '../flux/api-groups.ts'
import { type Capture, type CaptureHeader, type Entry, type Role, sortedEntries, entryText } from './capture.ts'
import { readStorage, storageType } from '../flux/helm-storage.ts'
import { externalSecretOf, Inventories, makerOf } from './makers.ts'
import { referencesIn } from '../flux/secret-references.ts'
import { detachedBy, suspendedBy } from '../flux/suspension.ts'
import { appliedRevision, versionOfRevision } from '../flux/revision.ts'

export interface CaptureRequest extends Pick<CaptureHeader, 'context' | 'server' | 'uid' | 'namespace'> {
  /** Objects in Flux's namespace that are not Flux's, and that a person named (`findNamed`). */
  readonly include: readonly Ref[]
}

export interface CollectedCapture extends Capture {
  /** What is referred to and does not exist: `Secret flux-system/x (Provider flux-system/slack: spec.secretRef)`. */
  readonly absent: readonly string[]
  /** What Helm keeps of releases, and cannot be read; captured as it is, except for Flux's own. */
  readonly unreadable: readonly string[]
}

/**
 * Reads what Flux needs to come back, and changes nothing. Fails where something may not be read: a capture is whole, or there is none.
 * @param progress receives the progress
 */
export async function collect(
  cluster: Cluster,
  request: CaptureRequest,
  progress: (text: string) => void = () => undefined,
): Promise<CollectedCapture> {
  const { namespace, include, ...place } = request
  const wanted = new Wanted()
  const flux = await collectFlux(cluster, wanted, progress)
  for (const deployment of await cluster.list(kinds.deployment, { namespace })) wanted.follow(deployment)
  const { entries: referred, absent } = await wanted.fetch(cluster)
  const storage = readStorage(await cluster.list(kinds.secret, { namespace, fields: `type=${storageType}` }))
  const named = await inParallel(
    include.filter((ref) => !wanted.has(ref)),
    atOnce,
    (ref) => cluster.get(ref),
  )
  const entries = [
    ...flux.entries,
    ...referred,
    ...storage.elsewhere.map((object) => entryOf(object, 'helm-storage')),
    ...named.flatMap((object) => (object === undefined ? [] : [entryOf(object, 'named')])),
  ]
  const namespaces = await namespacesOf(cluster, entries)
  const version = flux.version === undefined ? {} : { fluxVersion: flux.version }
  const header = { ...place, namespace, ...version, takenAt: new Date().toISOString() }
  return { header, entries: sortedEntries([...namespaces, ...entries]), absent, unreadable: storage.unreadable }
}

function entryOf(object: KubeObject, role: Role, because: readonly string[] = []): Entry {
  const broughtBy = object.kind === kinds.secret.kind ? externalSecretOf(object) : undefined
  return { ref: refOf(object), role, because, ...(broughtBy === undefined ? {} : { broughtBy }), text: entryText(object, true) }
}

/** Every object of Flux in every namespace, with its status; `version` is the FluxInstance's. */
async function collectFlux(
  cluster: Cluster,
  wanted: Wanted,
  progress: (text: string) => void,
): Promise<{ entries: Entry[]; version: string | undefined }> {
  const served = (await listResources(cluster)).filter(({ group }) => isFluxGroup(group))
  const inventories = new Inventories()
  const found: Omit<Entry, 'role'>[] = []
  let version: string | undefined
  for (const { apiVersion, kind } of served) {
    for await (const object of each(cluster, { apiVersion, kind })) {
      wanted.follow(object)
      inventories.add(object)
      const [broughtBy, suspended] = [makerOf(object), suspendedBy(object) ?? detachedBy(object)]
      found.push({
        ref: refOf(object),
        because: [],
        ...(broughtBy === undefined ? {} : { broughtBy }),
        ...(suspended === undefined ? {} : { suspendedBy: suspended }),
        text: entryText(object, false),
      })
      if (kind === fluxKinds.fluxInstance.kind) {
        const applied = appliedRevision(object)
        if (applied !== '') version = versionOfRevision(applied)
      }
      if (found.length % 500 === 0) progress(`${found.length} objects of Flux read`)
    }
  }
  // Only now are all inventories known.
  const entries = found.map((entry): Entry => {
    const broughtBy = inventories.holderOf(entry.ref) ?? entry.broughtBy
    return broughtBy === undefined ? { ...entry, role: 'flux-by-hand' } : { ...entry, role: 'flux', broughtBy }
  })
  return { entries, version }
}

/** All objects of a kind, a page in memory at a time; none where its kind has gone since. */
async function* each(cluster: Cluster, kind: Kind): AsyncGenerator<KubeObject> {
  let next = ''
  try {
    do {
      const page: Page = await cluster.page(kind, {}, next)
      yield* page.objects
      next = page.next
    } while (next !== '')
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}

/** Requests under way at the same time, as many as there are connections. */
const atOnce = 32
/** How many of those that refer to an object are named. */
const mostReasons = 3

/** What is referred to: gathered while objects are read, fetched once. */
class Wanted {
  readonly #wanted = new Map<string, { readonly ref: Ref; readonly because: string[]; isOptional: boolean }>()

  follow(object: KubeObject): void {
    for (const { ref, by, isOptional } of referencesIn(object)) {
      const key = identityOf(ref)
      const known = this.#wanted.get(key) ?? { ref, because: [], isOptional: true }
      if (known.because.length < mostReasons) known.because.push(by)
      known.isOptional &&= isOptional
      this.#wanted.set(key, known)
    }
  }

  has(ref: Ref): boolean {
    return this.#wanted.has(identityOf(ref))
  }

  /** Reads them all, and what they themselves refer to: a ServiceAccount has pull secrets. */
  async fetch(cluster: Cluster): Promise<{ entries: Entry[]; absent: string[] }> {
    const entries: Entry[] = []
    const absent: string[] = []
    const seen = new Set<string>()
    for (;;) {
      const fresh = [...this.#wanted].filter(([key]) => !seen.has(key)).map(([, wanted]) => wanted)
      if (fresh.length === 0) return { entries, absent: absent.sort() }
      const objects = await inParallel(fresh, atOnce, ({ ref }) => cluster.get(ref))
      for (const [at, { ref, because, isOptional }] of fresh.entries()) {
        seen.add(identityOf(ref))
        const object = objects[at]
        if (object === undefined) {
          if (!isOptional) absent.push(`${nameOf(ref)} (${because.join(', ')})`)
          continue
        }
        if (object.kind === kinds.serviceAccount.kind) this.follow(object)
        entries.push(entryOf(object, object.kind === kinds.serviceAccount.kind ? 'account' : 'referred', because))
      }
    }
  }
}

/** The namespaces that the captured objects are in. */
async function namespacesOf(cluster: Cluster, entries: readonly Entry[]): Promise<Entry[]> {
  const names = new Set(entries.map(({ ref }) => ref.namespace))
  const found = (await cluster.list(kinds.namespace)).filter(({ metadata }) => names.has(metadata.name))
  return found.map((object) => entryOf(object, 'namespace'))
}
