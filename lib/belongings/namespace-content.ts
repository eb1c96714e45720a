import type { Cluster } from '../cluster/cluster.ts'
import { listResources, pathIn, type Resource } from '../cluster/discovery.ts'
import { metadataPages } from '../cluster/metadata.ts'
import { type KubeObject, type Ref, refOf } from '../cluster/objects.ts'
import { ownersOf } from '../cluster/owners.ts'
import { inParallel } from '../parallel.ts'
import { isFluxGroup } from '../preflight/flux-crds.ts'
import { type Belonging } from './belongings.ts'
import { controllers } from './exact-names.ts'
import { releaseOf } from './helm-release.ts'

/** What lives in Flux's namespace. */
export interface Content {
  /** Proven to be Flux's, beside the objects of its own kinds. */
  readonly flux: readonly Belonging[]
  /** Somebody else's. What belongs to another object of the namespace comes and goes with it, and what Kubernetes makes by itself is nobody's. */
  readonly others: readonly Ref[]
}

/** Kinds that only mirror others, or a moment. */
const passing = ['Event', 'Endpoints', 'EndpointSlice', 'Lease', 'PodMetrics']

/** What is in the namespace, and whose it is. */
export async function readNamespace(cluster: Cluster, namespace: string, belongings: readonly Belonging[]): Promise<Content> {
  const proven = new Map(belongings.map((one) => [one.uid, one]))
  const flux: Belonging[] = []
  const others: Ref[] = []
  for (const object of await listAll(cluster, namespace)) {
    if (ownersOf(object).length > 0 || isFluxGroup(object.apiVersion.split('/')[0] ?? '')) continue
    const { uid = '' } = object.metadata
    const by = proven.get(uid)?.by ?? markOf(object, namespace)
    if (by !== undefined) flux.push({ ref: refOf(object), uid, by })
    else if (!isKubernetes(object)) others.push(refOf(object))
  }
  return { flux, others }
}

/** Every object in the namespace with its finalizers: one of them may hold it there. */
export async function readRemains(cluster: Cluster, namespace: string): Promise<{ ref: Ref; finalizers: readonly string[] }[]> {
  return (await listAll(cluster, namespace)).map((object) => ({ ref: refOf(object), finalizers: object.metadata.finalizers }))
}

/** Each object once, although some kinds are served by two groups. */
async function listAll(cluster: Cluster, namespace: string): Promise<KubeObject[]> {
  const resources = (await listResources(cluster)).filter(({ namespaced, kind }) => namespaced && !passing.includes(kind))
  const found = await inParallel(resources, 16, (resource) => listIn(cluster, resource, namespace))
  return [...new Map(found.flat().map((one) => [one.metadata.uid ?? '', one])).values()]
}

async function listIn(cluster: Cluster, resource: Resource, namespace: string): Promise<KubeObject[]> {
  const objects: KubeObject[] = []
  const { apiVersion, kind } = resource
  for await (const page of metadataPages(cluster, pathIn(resource, namespace), { apiVersion, kind })) objects.push(...page)
  return objects
}

/** What shows by itself whose it is: `flux install` and the operator label all they make so, and Helm's memory of them bears their name. */
function markOf(object: KubeObject, namespace: string): string | undefined {
  const { kind, metadata } = object
  const { labels, annotations, name } = metadata
  if (labels['app.kubernetes.io/part-of'] === 'flux' && labels['app.kubernetes.io/instance'] === namespace) return 'its labels'
  if (labels['app.kubernetes.io/managed-by'] === 'flux-operator' && kind === 'Secret') return 'its labels'
  if (kind === 'Deployment' && labels['app.kubernetes.io/name'] === 'flux-operator') return 'its labels'
  const account = annotations['kubernetes.io/service-account.name']
  if (kind === 'Secret' && account !== undefined && [...controllers, 'flux-operator'].some((one) => one === account)) return 'its account'
  const release = releaseOf(object)
  if (release?.namespace === namespace && ['flux-operator', 'flux-instance'].includes(release.name)) return `Helm release ${release.name}`
  const isStorage = kind === 'Secret' && labels.owner === 'helm' && ['flux-operator', 'flux-instance'].includes(labels.name ?? '')
  return isStorage && name.startsWith('sh.helm.release.v1.') ? `Helm's memory of ${labels.name}` : undefined
}

/** In every namespace. */
function isKubernetes({ kind, metadata: { name } }: KubeObject): boolean {
  return (kind === 'ConfigMap' && name === 'kube-root-ca.crt') || (kind === 'ServiceAccount' && name === 'default')
}
