import { existsSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { OperatorError } from '../../base/errors.ts'
import type { Chart } from '../../desired-state/chart.ts'
import type { Tree } from '../../desired-state/tree.ts'
import { usualComponents } from '../../flux/components.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import { isInstanceName } from '../../flux/refs.ts'
import { type KubeObject, parseObject } from '../../kubernetes/objects.ts'
import { checkOut, headOf, PathMissing, type Remote } from '../../tools/git.ts'
import { at, textAt } from '../validate/at.ts'
import { createBuilder } from '../validate/builds.ts'
import { workshopOf } from '../validate/check-clusters.ts'
import { buildCluster, type ClusterTree, folderOf, type ManifestObject } from '../validate/cluster-tree.ts'
import { bareRoot, fluxRoots } from '../validate/flux-roots.ts'
import { nothingGiven } from '../validate/given-values.ts'
import { readManifests } from '../validate/manifests.ts'
import { withoutRemoteBases } from '../validate/remote-bases.ts'
import { unknownValue } from '../validate/variables.ts'
import { type FluxInTree, findFluxIn } from './flux-in-tree.ts'

const text = v.string()
const instanceSchema = v.object({
  sync: v.object({
    kind: v.optional(text, 'GitRepository'),
    url: text,
    ref: text,
    interval: v.optional(text, '1m'),
    path: text,
    pullSecret: v.optional(text, ''),
    provider: v.optional(text, 'generic'),
    name: v.optional(text),
  }),
  distribution: v.object({
    version: text,
    registry: v.optional(text, 'ghcr.io/fluxcd'), // as the chart has it
    artifact: v.optional(text, ''),
    artifactPullSecret: v.optional(text, ''),
    imagePullSecret: v.optional(text, ''),
  }),
  components: v.optional(v.array(text), [...usualComponents]),
})

/** What the chart flux-instance has where its values name no artifact. */
const artifactOfChart = 'oci://ghcr.io/controlplaneio-fluxcd/flux-operator-manifests:latest'

/** A tree in any layout, and which path of it a cluster follows. */
export interface OtherTree {
  /** From the top of the repository. */
  readonly path: string
  /** An empty folder for the checkout, which the caller removes; or a checkout. */
  readonly folder: string
  readonly kubectl: string
}

/**
 * Fetches what the remote's head says about the cluster that follows a path, whatever the repository's layout.
 * @throws OperatorError `blocked` where Git cannot be read, or Flux is not found in the tree
 */
export async function fetchOtherTree(remote: Remote, tree: OtherTree, signal: AbortSignal): Promise<Tree> {
  const commit = await headOf(remote, signal)
  await checkOut(remote, commit, '.', tree.folder, signal).catch((error: unknown) => {
    if (!(error instanceof PathMissing)) throw error
    throw blocked(`${remote.url} holds nothing at ${remote.ref}`, 'push your tree')
  })
  const read = await readOtherTree(tree, `${commit.slice(0, 12)} of ${remote.url}`)
  return { ...read, commit, remote }
}

/**
 * Builds the tree that is checked out as Flux does, from the path on, and finds in it what Flux is installed by.
 * @param where what people call the checkout
 * @throws OperatorError `blocked` where the path does not exist, or Flux is not found in what it leads to
 */
export async function readOtherTree({ path, folder, kubectl }: OtherTree, where: string): Promise<Omit<Tree, 'commit' | 'remote'>> {
  const cluster = folderOf(path)
  if (cluster.startsWith('..') || !existsSync(join(folder, cluster)))
    throw blocked(`${where} has no folder ${path}`, 'fix --path, or add it')
  const manifests = await readManifests(folder, '.')
  const local = await withoutRemoteBases(folder, manifests.files)
  try {
    const start = fluxRoots(folder, manifests).find((one) => one.cluster === cluster) ?? bareRoot(cluster)
    const builder = createBuilder(local.root, manifests.files, kubectl)
    const workshop = workshopOf(local.root, manifests.files, { builder, given: nothingGiven, rules: 'flux' })
    const tree = await buildCluster(workshop, start)
    const found = findFluxIn(tree, `${path} at ${where}`, builder.findings)
    return treeOf(tree, found, start.root.name)
  } finally {
    await local.remove()
  }
}

function treeOf(tree: ClusterTree, { operator, instance, spec, parts }: FluxInTree, rootName: string): Omit<Tree, 'commit' | 'remote'> {
  const read = v.safeParse(instanceSchema, spec)
  const what = instance.is === 'chart' ? `the values of HelmRelease ${instance.chart.name}` : 'the spec of the FluxInstance'
  if (!read.success) throw blocked(`${what} are not valid: ${v.summarize(read.issues)}`)
  const { sync, distribution, components } = read.output
  if (sync.kind !== fluxKinds.gitRepository.kind) {
    throw blocked(`Flux would follow ${sync.kind} ${sync.url}, and this run uses what is in Git`, 'let it follow a GitRepository')
  }
  if (instance.is === 'manifest' && !isInstanceName(instance.object.metadata.name)) {
    throw blocked(`FluxInstance ${instance.object.metadata.name} is one that the operator ignores`, 'call it flux')
  }
  // A value that only the cluster has would be missing in what is installed, and Flux would change it right afterwards.
  if (JSON.stringify([operator.values, spec]).includes(unknownValue)) {
    throw blocked(
      `${what}, or of HelmRelease ${operator.name}, use a variable that is encrypted or only in the cluster`,
      'write it plainly',
    )
  }
  const namespace = instance.is === 'chart' ? instance.chart.namespace : (instance.object.metadata.namespace ?? operator.namespace)
  const tracksDigest = !JSON.stringify(spec).includes('DisableChartDigestTracking=true')
  const syncName = sync.name ?? namespace
  const isDefault = instance.is === 'chart' && at(spec, 'distribution', 'artifact') === undefined
  return {
    cluster: tree.cluster,
    settings: {},
    kustomizations: tree.placed.filter((one) => one.kind === fluxKinds.kustomization.kind && hasPath(one)).map(objectOf),
    applied: parts.map(({ one, by }) => ({ object: objectOf(one), by: by ?? rootName })),
    operator: { ...operator, tracksDigest },
    instance: instance.is === 'chart' ? { ...instance.chart, tracksDigest } : standingFor(instance.object, spec, namespace),
    ...(instance.is === 'chart' ? {} : { plainInstance: instance.object }),
    isOther: true,
    placed: new Set(tree.placed.map(({ kind, namespace: at, name }) => `${kind} ${at === '' ? '' : `${at}/`}${name}`)),
    namespace,
    sync: { ...sync, path: sync.path },
    distribution: isDefault ? { ...distribution, artifact: artifactOfChart } : distribution,
    components,
    syncName,
  }
}

const hasPath = ({ object }: ManifestObject): boolean => textAt(object, 'spec', 'path') !== ''

function objectOf({ object }: ManifestObject): KubeObject {
  return parseObject(object)
}

/** What is asked of the instance's chart elsewhere, of an instance that has none. */
function standingFor({ metadata }: KubeObject, spec: unknown, namespace: string): Chart {
  const none = { url: '', version: '', insecure: false, patches: [], tracksDigest: false }
  return { ...none, name: metadata.name, releaseName: metadata.name, namespace, values: { instance: spec } }
}

function blocked(what: string, remedy = 'fix it in Git'): OperatorError {
  return new OperatorError(what, { kind: 'blocked', remedy: `${remedy}, push, and run again` })
}
