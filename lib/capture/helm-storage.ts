import { decodeRelease } from '../belongings/helm-release.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { metadataPages } from '../cluster/metadata.ts'
import { kinds, type KubeObject, type Ref, refOf } from '../cluster/objects.ts'

/** The type of the Secrets in which Helm remembers the revisions of its releases. */
export const storageType = 'helm.sh/release.v1'

/** How Helm labels the Secrets of releases that somebody is at work on, or died at. */
export const pendingLabels = 'owner=helm,status in (pending-install,pending-upgrade,pending-rollback)'

/**
 * Of Helm's storage in one namespace, what belongs to releases that are deployed to another: by their target namespace, or by an object
 * that names its own. They outlive the namespace; their storage does not, and Helm would then install them anew, hooks and all.
 */
export function deployedElsewhere(secrets: readonly KubeObject[]): KubeObject[] {
  const names = new Set(secrets.filter(isElsewhere).map(releaseName))
  return secrets.filter((secret) => names.has(releaseName(secret)))
}

function releaseName(secret: KubeObject): string {
  return secret.metadata.labels.name ?? secret.metadata.name
}

function isElsewhere(secret: KubeObject): boolean {
  const storage = secret.metadata.namespace
  const { namespace, manifest } = decodeRelease(secret)
  if (namespace !== storage) return true
  const named = manifest.matchAll(/^ {2}namespace: ["']?([^\s"']+)/gm)
  return [...named].some(([, other]) => other !== storage)
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
