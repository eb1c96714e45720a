import * as v from 'valibot'
import { inParallel } from '../base/parallel.ts'
import type { Cluster } from './client.ts'
import type { Kind } from './objects.ts'
import { orUnanswered } from './unanswered.ts'

type Reading = Pick<Cluster, 'read'>

/** A kind that the API serves, at the version it prefers. */
export interface Resource extends Kind {
  /** `""` for the core group. */
  readonly group: string
  readonly plural: string
  readonly namespaced: boolean
  /** Whether the status of its objects is written by itself. */
  readonly hasStatus: boolean
  /** Where all its objects are, of every namespace. */
  readonly path: string
}

/** What the API serves, and what of it cannot be asked now. */
export interface Discovery {
  /** All kinds whose objects can be listed, each once. */
  readonly resources: readonly Resource[]
  /** Versions of groups whose own server does not say what it serves: `metrics.k8s.io/v1beta1`. */
  readonly unavailable: readonly string[]
}

/** Go writes an empty list, map or pointer as null: an old server of an aggregated API has neither verbs nor a kind for what it serves. */
const listOf = <T extends v.GenericSchema>(item: T) => v.nullish(v.array(item), [])
const word = v.nullish(v.string(), '')
const kindSchema = v.nullish(v.object({ kind: word }))

const aggregatedSchema = v.object({
  kind: v.literal('APIGroupDiscoveryList'),
  items: listOf(
    v.object({
      metadata: v.nullish(v.object({ name: word })),
      versions: listOf(
        v.object({
          version: v.string(),
          /** `Stale` where the server of an aggregated API did not answer when it was last asked. */
          freshness: word,
          resources: listOf(
            v.object({
              resource: v.string(),
              responseKind: kindSchema,
              scope: word,
              verbs: listOf(v.string()),
              subresources: listOf(v.object({ subresource: word })),
            }),
          ),
        }),
      ),
    }),
  ),
})

/** What a server without aggregated discovery answers: Kubernetes before 1.26, and some that stand in front of another. */
const coreSchema = v.object({ kind: v.literal('APIVersions'), versions: listOf(v.string()) })
const groupsSchema = v.object({
  kind: v.literal('APIGroupList'),
  groups: listOf(
    v.object({
      name: v.string(),
      versions: listOf(v.object({ version: v.string() })),
      preferredVersion: v.nullish(v.object({ version: v.string() })),
    }),
  ),
})
const resourcesSchema = v.object({
  resources: listOf(v.object({ name: v.string(), kind: word, namespaced: v.nullish(v.boolean(), false), verbs: listOf(v.string()) })),
})

/** Everything in one answer: asked group by group it would be thirty. `v2beta1` before Kubernetes 1.30. */
const accept = [
  ...['v2', 'v2beta1'].map((version) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`),
  'application/json',
].join(',')

/** What one version of a group serves; `undefined` where its server does not say. */
interface ServedVersion {
  readonly group: string
  readonly version: string
  readonly resources: readonly (Pick<Resource, 'plural' | 'kind' | 'namespaced' | 'hasStatus'> & { verbs: readonly string[] })[] | undefined
}

/** All kinds whose objects can be listed, each once, as the API serves them now; without those of a server that does not answer. */
export async function listResources(cluster: Reading): Promise<readonly Resource[]> {
  return (await discover(cluster)).resources
}

/** The same, and which versions are not among them. */
export async function discover(cluster: Reading): Promise<Discovery> {
  const served = (await Promise.all(['/api', '/apis'].map((root) => readServed(cluster, root)))).flat()
  return { resources: resourcesIn(served), unavailable: served.filter(({ resources }) => resources === undefined).map(apiVersionOf) }
}

/**
 * All that can be listed of every group but the core one, by one question, asked once; undefined where the API does not answer it all at
 * once. Throws ApiError where it does not answer.
 */
export async function listAtOnce(cluster: Reading): Promise<readonly Resource[] | undefined> {
  const served = aggregatedIn(await cluster.read('/apis', accept, { isTriedAgain: false }))
  return served === undefined ? undefined : resourcesIn(served)
}

function resourcesIn(served: readonly ServedVersion[]): Resource[] {
  const seen = new Set<string>()
  return served.flatMap((one) =>
    (one.resources ?? []).flatMap(({ plural, kind, namespaced, hasStatus, verbs }): Resource[] => {
      const { group } = one
      const key = `${plural}.${group}`
      if (!verbs.includes('list') || kind === '' || plural.includes('/') || seen.has(key)) return []
      seen.add(key) // versions come in the order of the server's preference
      const apiVersion = apiVersionOf(one)
      return [{ apiVersion, kind, group, plural, namespaced, hasStatus, path: `${rootOf(one)}/${plural}` }]
    }),
  )
}

async function readServed(cluster: Reading, root: string): Promise<ServedVersion[]> {
  const answer = await cluster.read(root, accept)
  return aggregatedIn(answer) ?? readEach(cluster, versionsIn(answer))
}

/** What an aggregated answer says; undefined where it is none. */
function aggregatedIn(answer: unknown): ServedVersion[] | undefined {
  const aggregated = v.safeParse(aggregatedSchema, answer)
  if (!aggregated.success) return undefined
  return (aggregated.output.items ?? []).flatMap(({ metadata, versions }) =>
    (versions ?? []).map(({ version, freshness, resources }) => ({
      group: metadata?.name ?? '',
      version,
      resources: freshness === 'Stale' ? undefined : (resources ?? []).map(resourceOf),
    })),
  )
}

function resourceOf({
  resource,
  responseKind,
  scope,
  verbs,
  subresources,
}: AggregatedResource): NonNullable<ServedVersion['resources']>[number] {
  const hasStatus = (subresources ?? []).some(({ subresource }) => subresource === 'status')
  return { plural: resource, kind: responseKind?.kind ?? '', namespaced: scope === 'Namespaced', hasStatus, verbs: verbs ?? [] }
}
type AggregatedDiscovery = v.InferOutput<typeof aggregatedSchema>
type AggregatedResource = NonNullable<
  NonNullable<NonNullable<AggregatedDiscovery['items']>[number]['versions']>[number]['resources']
>[number]

/** The versions of each group, the preferred one first. Throws where the answer is of no shape that is known. */
function versionsIn(answer: unknown): Omit<ServedVersion, 'resources'>[] {
  const core = v.safeParse(coreSchema, answer)
  if (core.success) return (core.output.versions ?? []).map((version) => ({ group: '', version }))
  return (v.parse(groupsSchema, answer).groups ?? []).flatMap(({ name: group, versions, preferredVersion }) => {
    const names = [...(preferredVersion == null ? [] : [preferredVersion.version]), ...(versions ?? []).map(({ version }) => version)]
    return [...new Set(names)].map((version) => ({ group, version }))
  })
}

/** Asks version by version. One that an aggregated API's server does not answer for is named, and holds nobody up. */
function readEach(cluster: Reading, versions: readonly Omit<ServedVersion, 'resources'>[]): Promise<ServedVersion[]> {
  return inParallel(versions, 8, async (one) => {
    const answer = await orUnanswered(cluster, ({ read }) => read(rootOf(one)))
    const parsed = v.safeParse(resourcesSchema, answer)
    if (!parsed.success) return { ...one, resources: undefined }
    const listed = parsed.output.resources ?? []
    const resources = listed.map(({ name, kind, namespaced, verbs }) => ({
      plural: name,
      kind: kind ?? '',
      namespaced: namespaced ?? false,
      hasStatus: listed.some((other) => other.name === `${name}/status`),
      verbs: verbs ?? [],
    }))
    return { ...one, resources }
  })
}

function apiVersionOf({ group, version }: Omit<ServedVersion, 'resources'>): string {
  return group === '' ? version : `${group}/${version}`
}

function rootOf(one: Omit<ServedVersion, 'resources'>): string {
  return one.group === '' ? `/api/${one.version}` : `/apis/${apiVersionOf(one)}`
}

/** The path of the kind's objects in one namespace. */
export function pathIn({ path, plural }: Resource, namespace: string): string {
  return `${path.slice(0, -plural.length)}namespaces/${encodeURIComponent(namespace)}/${plural}`
}
