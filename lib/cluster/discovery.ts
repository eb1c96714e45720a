import * as v from 'valibot'
import type { Cluster } from './cluster.ts'
import type { Kind } from './objects.ts'

/** A kind that the API serves, at the version it prefers. */
export interface Resource extends Kind {
  /** `""` for the core group. */
  readonly group: string
  readonly plural: string
  readonly namespaced: boolean
  /** Where all its objects are, of every namespace. */
  readonly path: string
}

const discoverySchema = v.object({
  items: v.array(
    v.object({
      metadata: v.optional(v.object({ name: v.optional(v.string(), '') }), {}),
      versions: v.array(
        v.object({
          version: v.string(),
          resources: v.optional(
            v.array(
              v.object({
                resource: v.string(),
                responseKind: v.object({ kind: v.string() }),
                scope: v.string(),
                verbs: v.array(v.string()),
              }),
            ),
            [],
          ),
        }),
      ),
    }),
  ),
})

/** Everything in one answer: asked group by group it would be thirty. `v2beta1` before Kubernetes 1.30. */
const aggregated = ['v2', 'v2beta1'].map((version) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`)

/** All kinds whose objects can be listed, each once, as the API serves them now. */
export async function listResources(cluster: Cluster): Promise<Resource[]> {
  const answers = await Promise.all(['/api', '/apis'].map((path) => cluster.read(path, aggregated.join(','))))
  const groups = answers.flatMap((answer) => v.parse(discoverySchema, answer).items)
  return groups.flatMap(({ metadata: { name: group }, versions }) => {
    const seen = new Set<string>()
    return versions.flatMap(({ version, resources }) =>
      resources.flatMap(({ resource: plural, responseKind: { kind }, scope, verbs }) => {
        if (!verbs.includes('list') || seen.has(plural)) return []
        seen.add(plural) // versions come in the order of the server's preference
        const apiVersion = group === '' ? version : `${group}/${version}`
        const root = group === '' ? `/api/${version}` : `/apis/${apiVersion}`
        return [{ apiVersion, kind, group, plural, namespaced: scope === 'Namespaced', path: `${root}/${plural}` }]
      }),
    )
  })
}

/** The path of the kind's objects in one namespace. */
export function pathIn({ path, plural }: Resource, namespace: string): string {
  return `${path.slice(0, -plural.length)}namespaces/${encodeURIComponent(namespace)}/${plural}`
}
