import * as v from 'valibot'
import { ApiError } from './http.ts'
import type { Kind } from './objects.ts'

const resourcesSchema = v.object({
  // An old server of an aggregated API leaves out what it has nothing to say of.
  resources: v.nullish(
    v.array(v.object({ name: v.string(), kind: v.nullish(v.string(), ''), namespaced: v.nullish(v.boolean(), false) })),
    [],
  ),
})

/** How the API calls a kind. */
export interface Served {
  readonly plural: string
  readonly namespaced: boolean
}

/** What every Kubernetes that is supported serves at these versions: not worth a question. */
const everywhere: Readonly<Record<string, { readonly inNamespaces?: readonly string[]; readonly clusterWide?: readonly string[] }>> = {
  v1: {
    inNamespaces: ['Pod', 'Secret', 'ConfigMap', 'Service', 'ServiceAccount', 'ResourceQuota', 'Event'],
    clusterWide: ['Namespace'],
  },
  'apps/v1': { inNamespaces: ['Deployment'] },
  'coordination.k8s.io/v1': { inNamespaces: ['Lease'] },
  'rbac.authorization.k8s.io/v1': { inNamespaces: ['Role', 'RoleBinding'], clusterWide: ['ClusterRole', 'ClusterRoleBinding'] },
  'apiextensions.k8s.io/v1': { clusterWide: ['CustomResourceDefinition'] },
  'apiregistration.k8s.io/v1': { clusterWide: ['APIService'] },
  'networking.k8s.io/v1': { inNamespaces: ['NetworkPolicy'] },
  'admissionregistration.k8s.io/v1': { clusterWide: ['ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration'] },
}

/** All of these are called by their kind, in small letters, with an English plural. */
function knownKinds(): Map<string, Served> {
  return new Map(
    Object.entries(everywhere).flatMap(([apiVersion, { inNamespaces = [], clusterWide = [] }]) =>
      [...inNamespaces, ...clusterWide].map((kind): [string, Served] => [
        `${apiVersion} ${kind}`,
        { plural: `${kind.toLowerCase().replace(/y$/, 'ie')}s`, namespaced: inNamespaces.includes(kind) },
      ]),
    ),
  )
}

export interface ServedKinds {
  /** How the API calls a kind. Throws NotFound where the cluster does not serve it: it is asked again the next time. */
  readonly find: (kind: Kind) => Promise<Served>
  /** Takes over what another answer said of these kinds, which are not asked for then. */
  readonly learn: (kinds: readonly (Kind & Served)[]) => void
}

/**
 * Finds how the API calls a kind; a version of a group is asked for once, however many wait for it.
 * @param read answers a GET of this path
 */
export function servedBy(read: (path: string) => Promise<unknown>): ServedKinds {
  const known = knownKinds()
  const underWay = new Map<string, Promise<void>>()

  const learn: ServedKinds['learn'] = (learned) => {
    for (const { apiVersion, kind, plural, namespaced } of learned) known.set(`${apiVersion} ${kind}`, { plural, namespaced })
  }
  const askFor = async (apiVersion: string): Promise<void> => {
    try {
      const { resources } = v.parse(resourcesSchema, await read(rootOf(apiVersion)))
      const whole = (resources ?? []).filter(({ name }) => !name.includes('/'))
      learn(whole.map(({ name, kind, namespaced }) => ({ apiVersion, kind: kind ?? '', plural: name, namespaced: namespaced ?? false })))
    } finally {
      underWay.delete(apiVersion)
    }
  }

  return {
    learn,
    async find({ apiVersion, kind }) {
      const key = `${apiVersion} ${kind}`
      // Anything else, as an owner's or a reference's may be, would be another path.
      if (!known.has(key) && /^([a-z0-9][a-z0-9.-]*\/)?[a-z0-9][a-z0-9-]*$/i.test(apiVersion)) {
        const asking = underWay.get(apiVersion) ?? askFor(apiVersion)
        underWay.set(apiVersion, asking)
        await asking
      }
      const served = known.get(key)
      if (served === undefined) throw new ApiError(404, 'NotFound', `the cluster has no kind ${kind} in ${apiVersion}`)
      return served
    },
  }
}

/** Where a version of a group is, below the server's root. */
export function rootOf(apiVersion: string): string {
  return apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
}
