import { type Cluster, isNotFound } from '../kubernetes/client.ts'
import { discover, pathIn, type Resource } from '../kubernetes/discovery.ts'
import { getMetadata, metadataPages } from '../kubernetes/metadata.ts'
import { orUnanswered } from '../kubernetes/unanswered.ts'
import { type Kind, type KubeObject, type Ref, refOf } from '../kubernetes/objects.ts'
import { ownersOf } from '../kubernetes/owners.ts'
import { inParallel } from '../base/parallel.ts'
import { isFluxKind } from '../flux/api-groups.ts'
import { type OwnedObject } from './owned-objects.ts'
import { isTokenOf } from './common-objects.ts'
import { accounts } from './known-names.ts'
import type { FinalizerHolder } from '../flux/finalizers.ts'
import { releaseOf } from '../flux/helm-release.ts'
import { appLabels, isMadeByOperator, isOperator, isPartOfFlux } from '../flux/labels.ts'
import { releaseNames } from '../flux/refs.ts'

/** What lives in Flux's namespace. */
export interface Content {
  /** Proven to be Flux's, beside the objects of its own kinds. */
  readonly flux: readonly OwnedObject[]
  /** Someone else's. What belongs to another object of the namespace comes and goes with it, and what Kubernetes makes by itself is not managed by anyone. */
  readonly others: readonly Ref[]
  /** What could not be checked, since what serves it does not answer: `metrics.k8s.io/v1beta1`. */
  readonly unseen: readonly string[]
}

/** Kinds that only mirror others, or a moment. */
const passing = ['Event', 'Endpoints', 'EndpointSlice', 'Lease', 'PodMetrics']

/** What is in the namespace, and whose it is. */
export async function readNamespace(cluster: Cluster, namespace: string, ownedObjects: readonly OwnedObject[]): Promise<Content> {
  const proven = new Map(ownedObjects.map((one) => [one.uid, one]))
  const flux: OwnedObject[] = []
  const others: Ref[] = []
  const { objects, unseen } = await listAll(cluster, namespace)
  const listed = new Set(objects.map(({ metadata }) => metadata.uid ?? ''))
  for (const object of objects) {
    const { uid = '' } = object.metadata
    if (isFluxKind(object) || (await belongsToListed(cluster, namespace, object, listed))) continue
    const by = proven.get(uid)?.by ?? markOf(object, namespace)
    if (by !== undefined) flux.push({ ref: refOf(object), uid, by })
    else if (!isKubernetes(object)) others.push(refOf(object))
  }
  return { flux, others, unseen }
}

/**
 * That the object belongs to another of the namespace, and comes and goes with it. An owner that is elsewhere, as a database is that is of no
 * namespace, keeps nothing here from being lost.
 */
async function belongsToListed(cluster: Cluster, namespace: string, object: KubeObject, listed: ReadonlySet<string>): Promise<boolean> {
  for (const { apiVersion, kind, name, uid } of ownersOf(object)) {
    if (uid !== '' && listed.has(uid)) return true
    // One that was made while the lists were read.
    if (
      (await isNamespaced(cluster, { apiVersion, kind })) &&
      (await getMetadata(cluster, { apiVersion, kind, namespace, name }))?.metadata.uid === uid
    )
      return true
  }
  return false
}

/** false for a kind that no longer exists, too. */
async function isNamespaced(cluster: Cluster, kind: Kind): Promise<boolean> {
  try {
    return await cluster.isNamespaced(kind)
  } catch (error) {
    if (isNotFound(error)) return false
    throw error
  }
}

/** The objects in the namespace that finalizers keep from being deleted, and so the namespace. */
export async function readHolders(cluster: Cluster, namespace: string): Promise<FinalizerHolder[]> {
  const { objects } = await listAll(cluster, namespace)
  return objects
    .filter(({ metadata }) => metadata.finalizers.length > 0)
    .map((object) => ({ ref: refOf(object), finalizers: object.metadata.finalizers }))
}

/** Each object once, although some kinds are served by two groups. */
async function listAll(cluster: Cluster, namespace: string): Promise<{ objects: KubeObject[]; unseen: string[] }> {
  const { resources, unavailable } = await discover(cluster)
  const wanted = resources.filter(({ namespaced, kind }) => namespaced && !passing.includes(kind))
  const found = await inParallel(wanted, 16, async (resource) => ({ resource, objects: await listIn(cluster, resource, namespace) }))
  const unanswered = found.flatMap(({ resource, objects }) => (objects === undefined ? [`${resource.plural}.${resource.group}`] : []))
  const objects = new Map(found.flatMap((one) => one.objects ?? []).map((one) => [one.metadata.uid ?? '', one]))
  return { objects: [...objects.values()], unseen: [...unavailable, ...unanswered] }
}

/** Undefined where a server of its own is to answer for the group, and does not. */
function listIn(cluster: Cluster, resource: Resource, namespace: string): Promise<KubeObject[] | undefined> {
  const { apiVersion, kind, group } = resource
  const list = async (at: Cluster): Promise<KubeObject[]> => {
    const objects: KubeObject[] = []
    for await (const page of metadataPages(at, pathIn(resource, namespace), { apiVersion, kind })) objects.push(...page)
    return objects
  }
  return group === '' ? list(cluster) : orUnanswered(cluster, list)
}

const releases: readonly string[] = Object.values(releaseNames)

/** What shows by itself whose it is: `flux install` and the operator label all they make so, and Helm's memory of them bears their name. */
function markOf(object: KubeObject, namespace: string): string | undefined {
  const { kind, metadata } = object
  const { labels, annotations, name } = metadata
  if (isPartOfFlux(object) && labels[appLabels.instance] === namespace) return 'its labels'
  if (isMadeByOperator(object) && kind === 'Secret') return 'its labels'
  if (kind === 'Deployment' && isOperator(object)) return 'its labels'
  const account = annotations['kubernetes.io/service-account.name']
  if (kind === 'Secret' && account !== undefined && accounts.includes(account)) return 'its account'
  const release = releaseOf(object)
  if (release?.namespace === namespace && releases.includes(release.name)) return `Helm release ${release.name}`
  const isStorage = kind === 'Secret' && labels.owner === 'helm' && releases.includes(labels.name ?? '')
  return isStorage && name.startsWith('sh.helm.release.v1.') ? `Helm's memory of ${labels.name}` : undefined
}

/** In every namespace. */
function isKubernetes(object: KubeObject): boolean {
  const { kind, metadata } = object
  const isOwn = (kind === 'ConfigMap' && metadata.name === 'kube-root-ca.crt') || (kind === 'ServiceAccount' && metadata.name === 'default')
  return isOwn || isTokenOf(object, ['default'])
}
