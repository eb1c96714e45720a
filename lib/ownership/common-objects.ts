import * as v from 'valibot'
import { inParallel } from '../base/parallel.ts'
import type { Cluster } from '../kubernetes/client.ts'
import { ApiError } from '../kubernetes/http.ts'
import { kinds, type KubeObject, type Ref } from '../kubernetes/objects.ts'

/** Kubernetes' own, in which controllers that fill every namespace often put nothing. */
const ofKubernetes = ['kube-system', 'kube-public', 'kube-node-lease']

/** What differs from one namespace to the next although the objects are the same: what the cluster gives each, and an account's Secrets. */
const contentSchema = v.pipe(
  v.looseObject({}),
  v.transform(({ metadata: _metadata, status: _status, apiVersion: _version, secrets: _s, imagePullSecrets: _i, ...content }) => content),
)

/**
 * Without what a controller puts into every namespace, and would put into this one again, as istio-ca-root-cert or OpenShift's accounts: of
 * the same kind, name and content in more than half of the others, two at least; and without the tokens of such accounts.
 */
export async function withoutCommon(cluster: Pick<Cluster, 'list'>, namespace: string, objects: readonly Ref[]): Promise<readonly Ref[]> {
  if (objects.length === 0) return []
  const names = (await cluster.list(kinds.namespace)).map(({ metadata }) => metadata.name)
  const others = names.filter((name) => name !== namespace && !ofKubernetes.includes(name))
  const found = await inParallel(objects, 8, async (ref) => ({ ref, ...(await findAcross(cluster, namespace, ref, others)) }))
  const isAccount = ({ kind }: Ref): boolean => kind === kinds.serviceAccount.kind
  const accounts = found.filter(({ ref, isCommon }) => isCommon && isAccount(ref)).map(({ ref }) => ref.name)
  const isLeft = ({ own, isCommon }: (typeof found)[number]): boolean => !isCommon && !(own !== undefined && isTokenOf(own, accounts))
  return found.filter(isLeft).map(({ ref }) => ref)
}

/** The object, and whether most of the other namespaces have the same. */
async function findAcross(
  cluster: Pick<Cluster, 'list'>,
  namespace: string,
  ref: Ref,
  others: readonly string[],
): Promise<{ own?: KubeObject; isCommon: boolean }> {
  const same = await cluster.list(ref, { fields: `metadata.name=${ref.name}` }).catch((error: unknown) => {
    if (error instanceof ApiError && error.status >= 400 && error.status < 500) return [] // not to be selected by name: it stays its own
    throw error
  })
  const own = same.find(({ metadata }) => metadata.namespace === namespace)
  if (own === undefined) return { isCommon: false }
  const content = contentOf(own)
  const alike = same.filter((one) => others.includes(one.metadata.namespace ?? '') && contentOf(one) === content)
  return { own, isCommon: alike.length >= 2 && alike.length > others.length / 2 }
}

/** Whether it is a Secret that Kubernetes before 1.24, or OpenShift, has made for one of these accounts: one by hand has another name. */
export function isTokenOf({ kind, metadata: { name, annotations } }: KubeObject, accounts: readonly string[]): boolean {
  const account =
    annotations['kubernetes.io/service-account.name'] ?? annotations['openshift.io/internal-registry-auth-token.service-account']
  if (kind !== kinds.secret.kind || account === undefined || !accounts.includes(account)) return false
  return name.startsWith(`${account}-`) && /^(token|dockercfg)-[a-z0-9]{5}$/.test(name.slice(account.length + 1))
}

/** The content as text, with the object's own namespace left open: a RoleBinding names accounts of its own. */
function contentOf(object: KubeObject): string {
  const { namespace = '' } = object.metadata
  return JSON.stringify(sorted(v.parse(contentSchema, object)), (_, value: unknown) =>
    typeof value === 'string' ? value.replaceAll(namespace, '*') : value,
  )
}

/** The API keeps the order of fields except for the maps of CustomResources. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const fields: [string, unknown][] = Object.entries(value)
  return Object.fromEntries(fields.sort(([one], [other]) => (one < other ? -1 : 1)).map(([name, field]) => [name, sorted(field)]))
}
