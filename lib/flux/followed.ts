import * as v from 'valibot'
import type { Cluster } from '../kubernetes/client.ts'
import { type KubeObject, nameOf, type Ref } from '../kubernetes/objects.ts'
import { fluxKinds } from './kinds.ts'
import { appliedBy } from './labels.ts'
import type { FluxObject } from './object.ts'
import type { FluxObjects } from './read-objects.ts'

/** What a Flux follows: its root source, and the Kustomization that applies what is there. */
export interface FluxSource {
  readonly source: Ref & { readonly namespace: string }
  readonly root: Ref & { readonly namespace: string }
  readonly url: string
  /** `refs/heads/main`, a tag, a digest, a range of versions; empty for a bucket. */
  readonly ref: string
  /** Whether the root Kustomization applies itself, as `flux bootstrap` has it. */
  readonly appliesItself: boolean
}

const text = v.optional(v.string(), '')
const syncSchema = v.object({
  spec: v.object({
    sync: v.optional(
      v.object({ kind: v.optional(v.string(), fluxKinds.gitRepository.kind), name: v.optional(v.string()), url: text, ref: text }),
    ),
  }),
})
const sourceSchema = v.object({
  spec: v.object({
    url: text,
    endpoint: text,
    bucketName: text,
    ref: v.optional(v.object({ name: text, branch: text, tag: text, semver: text, commit: text, digest: text }), {}),
  }),
})

/** What the kinds are called in the API that have to be read to find what a cluster follows. */
export const followedKinds: readonly string[] = ['kustomizations', 'gitrepositories', 'ocirepositories', 'buckets', 'externalartifacts']

/** The kinds of what a root Kustomization may read from, in the versions that they are read in where none is there. */
const sourceKinds = [fluxKinds.gitRepository, fluxKinds.ociRepository, fluxKinds.bucket, fluxKinds.externalArtifact]

/**
 * What a cluster's Flux follows, by any name and in any namespace; undefined where it follows nothing.
 * @param instance its FluxInstance, which names source and root where it has a sync
 */
export async function findFollowed(
  cluster: Pick<Cluster, 'get'>,
  instance: KubeObject | undefined,
  namespace: string,
  objects: FluxObjects,
): Promise<FluxSource | undefined> {
  const sync = syncOf(instance)
  const roots = rootsAmong(objects)
  const root = sync === undefined ? firstOf(roots, namespace) : undefined
  const name = sync === undefined ? root?.source : nameOf(syncSource(sync, namespace))
  const source = name === undefined ? undefined : sourceRef(name, objects)
  if (source === undefined) return undefined
  const live = await cluster.get(source)
  const said = live === undefined ? { url: sync?.url ?? '', ref: sync?.ref ?? '' } : describeSource(live)
  const rootRef = root?.ref ?? { ...fluxKinds.kustomization, namespace: source.namespace, name: source.name }
  return { source, root: rootRef, appliesItself: root !== undefined && isAppliedBy(root, root.ref), ...said }
}

function syncOf(instance: KubeObject | undefined): Sync | undefined {
  return instance === undefined ? undefined : v.parse(syncSchema, instance).spec.sync
}
type Sync = NonNullable<v.InferOutput<typeof syncSchema>['spec']['sync']>

function syncSource({ kind, name }: Sync, namespace: string): Omit<FluxSource['source'], 'apiVersion'> {
  return { kind, namespace, name: name ?? namespace }
}

/** The source that a FluxInstance makes, where it has a sync, without the version of its API; and its URL. */
export function syncSourceOf(instance: KubeObject): (Omit<FluxSource['source'], 'apiVersion'> & { readonly url: string }) | undefined {
  const [sync, namespace] = [syncOf(instance), instance.metadata.namespace]
  return sync === undefined || namespace === undefined ? undefined : { ...syncSource(sync, namespace), url: sync.url }
}

/** The Kustomizations that no other Kustomization applies. */
function rootsAmong({ all, byName }: FluxObjects): readonly FluxObject[] {
  const kustomizations = all.filter(({ ref, source }) => ref.kind === fluxKinds.kustomization.kind && source !== undefined)
  return kustomizations.filter((one) => {
    const { [appliedBy.kustomization.name]: by, [appliedBy.kustomization.namespace]: at = '' } = one.labels
    return by === undefined || isAppliedBy(one, one.ref) || !byName.has(nameOf({ ...fluxKinds.kustomization, namespace: at, name: by }))
  })
}

function isAppliedBy({ labels }: FluxObject, { namespace = '', name }: Ref): boolean {
  return labels[appliedBy.kustomization.name] === name && labels[appliedBy.kustomization.namespace] === namespace
}

/** Of several the one that applies itself, else one of Flux's own namespace, else the oldest. */
function firstOf(roots: readonly FluxObject[], namespace: string): FluxObject | undefined {
  const rank = (one: FluxObject): number => (isAppliedBy(one, one.ref) ? 0 : one.ref.namespace === namespace ? 1 : 2)
  const keyOf = (one: FluxObject): string => `${rank(one)} ${one.createdAt} ${one.name}`
  return [...roots].sort((one, other) => keyOf(one).localeCompare(keyOf(other)))[0]
}

/** The reference of a source by its name, `OCIRepository apps/fleet`; in the version that it was read in, if it is there. */
function sourceRef(name: string, { byName }: FluxObjects): FluxSource['source'] | undefined {
  const found = byName.get(name)?.ref
  if (found !== undefined) return found
  const [, kindName, namespace, own] = /^(\S+) ([^/]+)\/(.+)$/.exec(name) ?? []
  const kind = sourceKinds.find(({ kind: one }) => one === kindName)
  return kind === undefined || namespace === undefined || own === undefined ? undefined : { ...kind, namespace, name: own }
}

/** Where a source takes from, without a login, and which revision it asks for. */
export function describeSource(source: KubeObject): { url: string; ref: string } {
  const { url, endpoint, bucketName, ref } = v.parse(sourceSchema, source).spec
  const { name, branch, tag, semver, commit, digest } = ref
  const isGit = source.kind === fluxKinds.gitRepository.kind
  const ofGit = name || (tag === '' ? '' : `refs/tags/${tag}`) || (branch === '' ? 'refs/heads/master' : `refs/heads/${branch}`)
  const where = url === '' ? [endpoint, bucketName].filter((part) => part !== '').join('/') : url
  const which = isGit ? commit || (name === '' ? semver : '') || ofGit : digest || semver || tag
  return { url: where.replace(/^([a-z+]+:\/\/)[^/@]*:[^/@]*@/, '$1'), ref: which }
}
