import { decodeRelease, type StoredRelease } from './helm-release.ts'
import type { Cluster } from '../kubernetes/client.ts'
import { metadataPages } from '../kubernetes/metadata.ts'
import { kinds, type KubeObject, nameOf, type Ref, refOf } from '../kubernetes/objects.ts'
import { releaseNames } from './refs.ts'

/** The type of the Secrets in which Helm remembers the revisions of its releases. */
export const storageType = 'helm.sh/release.v1'

/** How Helm labels the Secrets of releases that someone is changing, or died while changing. */
export const pendingLabels = 'owner=helm,status in (pending-install,pending-upgrade,pending-rollback)'

/** What Helm keeps of releases in one namespace. */
export interface Storage {
  /**
   * What belongs to releases that are deployed to another: by their target namespace, or by an object that names its own. They outlive the
   * namespace; their storage does not, and Helm would then install them again, hooks and all. One that cannot be read may be such a
   * release, unless it is Flux's own.
   */
  readonly elsewhere: readonly KubeObject[]
  /** What cannot be read, and why, in a sentence. */
  readonly unreadable: readonly string[]
}

export function readStorage(secrets: readonly KubeObject[]): Storage {
  const read = secrets.map((secret) => ({ secret, release: releaseName(secret), stored: decodeRelease(secret) }))
  const known = new Set(read.flatMap(({ release, stored }) => (stored.is === 'read' ? [release] : [])))
  const own: readonly string[] = Object.values(releaseNames)
  const isMeant = ({ secret, release, stored }: (typeof read)[number]): boolean =>
    stored.is === 'read' ? isElsewhere(stored, secret.metadata.namespace) : !known.has(release) && !own.includes(release)
  const names = new Set(read.filter(isMeant).map(({ release }) => release))
  return {
    elsewhere: read.filter(({ release }) => names.has(release)).map(({ secret }) => secret),
    unreadable: read.flatMap(({ secret, stored }) =>
      stored.is === 'read' ? [] : [`the Helm release record in ${nameOf(refOf(secret))} cannot be read: ${stored.why}`],
    ),
  }
}

function releaseName(secret: KubeObject): string {
  return secret.metadata.labels.name ?? secret.metadata.name
}

function isElsewhere({ namespace, manifest }: StoredRelease & { is: 'read' }, storage: string | undefined): boolean {
  if (namespace !== storage) return true
  const named = manifest.matchAll(/^ {2}namespace: ["']?([^\s"']+)/gm)
  return [...named].some(([, other]) => other !== storage)
}

/** The name of the Secret in which Helm keeps a revision of a release. */
export function recordName(release: string, revision: number): string {
  return `sh.helm.release.v1.${release}.v${revision}`
}

const secretName = /^sh\.helm\.release\.v1\.(.+)\.v(\d+)$/

/** Which revision of which release a Secret of Helm's storage is, by its name. */
export function revisionOf({ namespace = '', name }: Ref): { release: string; revision: number } | undefined {
  const [, release, revision] = secretName.exec(name) ?? []
  return release === undefined ? undefined : { release: `${namespace}/${release}`, revision: Number(revision) }
}

/**
 * The releases that Helm has taken further since these revisions of them, with the newest there is now: what Helm knew before would only
 * confuse it.
 */
export async function overtaken(cluster: Cluster, captured: readonly Ref[]): Promise<ReadonlyMap<string, number>> {
  const before = newestOf(captured)
  const namespaces = new Set(captured.map(({ namespace = '' }) => namespace))
  const there: Ref[] = []
  for (const namespace of namespaces) {
    const path = await cluster.collection(kinds.secret, { namespace, labels: 'owner=helm' })
    for await (const page of metadataPages(cluster, path, kinds.secret)) there.push(...page.map(refOf))
  }
  return new Map([...newestOf(there)].filter(([release, revision]) => revision > (before.get(release) ?? Infinity)))
}

function newestOf(refs: readonly Ref[]): Map<string, number> {
  const newest = new Map<string, number>()
  for (const ref of refs) {
    const found = revisionOf(ref)
    if (found !== undefined) newest.set(found.release, Math.max(found.revision, newest.get(found.release) ?? 0))
  }
  return newest
}
