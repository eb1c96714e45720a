import * as v from 'valibot'
import type { Cluster } from '../../../kubernetes/client.ts'
import { kubectlCall, type KubeObject, nameOf, type Ref, refOf } from '../../../kubernetes/objects.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { appliedBy } from '../../../flux/labels.ts'
import { instanceIn } from '../../../flux/refs.ts'
import { readinessOf } from '../../../flux/readiness.ts'
import { describeSuspension, isSuspended, suspensionIn } from '../../../flux/suspension.ts'
import { isRequested, requestReconcile } from '../../../flux/reconcile-request.ts'
import { headOf } from '../../../tools/git.ts'
import type { StepStatus, Step } from '../../../runner/step.ts'
import { type Chart, exactVersion } from '../../../desired-state/chart.ts'
import type { Tree } from '../../../desired-state/tree.ts'
import { stepStatusOf } from '../../../runner/step-status.ts'
import { appliedRevision, fetchedRevision } from '../../../flux/revision.ts'

/** Waits until Flux has fetched the remote's head and applied it: GitRepository and root Kustomization Ready at that commit. */
export function ensureSynced(tree: Pick<Tree, 'namespace' | 'syncName' | 'commit' | 'remote'>): Step {
  const { namespace } = tree
  const source: Ref = { ...fluxKinds.gitRepository, namespace, name: tree.syncName }
  const root: Ref = { ...fluxKinds.kustomization, namespace, name: tree.syncName }
  return {
    id: 'sync',
    title: `Follow Git at ${tree.commit.slice(0, 12)}`,
    risk: 'change',
    async check({ cluster, signal, where }) {
      const [repository, kustomization] = await Promise.all([cluster.get(source), cluster.get(root)])
      if (repository === undefined) return { is: 'waiting', on: `GitRepository ${source.name} to be created` }
      const fetched = fetchedRevision(repository)
      const behind = unready(repository, source, where)
      if (behind !== undefined) return behind
      // Someone may have pushed since this run began: then the newer head is as good.
      const head = fetched.endsWith(tree.commit) ? tree.commit : await headOf(tree.remote, signal)
      if (!fetched.endsWith(head)) {
        return {
          is: 'todo',
          change: `GitRepository ${source.name} is at ${fetched === '' ? 'nothing' : fetched}: ask for ${head.slice(0, 12)} now`,
          commands: [`flux --namespace ${namespace} reconcile source git ${source.name}`],
        }
      }
      if (kustomization === undefined) return { is: 'waiting', on: `Kustomization ${root.name} to be created` }
      const applying = unready(kustomization, root, where)
      if (applying !== undefined) return applying
      const applied = appliedRevision(kustomization)
      if (!applied.endsWith(head))
        return { is: 'waiting', on: `Kustomization ${root.name} to apply ${head.slice(0, 12)}; it is at ${applied}` }
      return { is: 'done', detail: `GitRepository and Kustomization ${root.name} are Ready at ${head.slice(0, 12)}` }
    },
    apply: ({ cluster }) => requestReconcile(cluster, source),
    watches: [
      { kind: fluxKinds.gitRepository, query: { namespace } },
      { kind: fluxKinds.kustomization, query: { namespace } },
    ],
  }
}

function unready(object: KubeObject, ref: Ref, where: string): StepStatus | undefined {
  if (isSuspended(object) && object.metadata.deletionTimestamp === undefined) {
    const reason = `${nameOf(ref)} is ${describeSuspension(suspensionIn(object.metadata))}: no change in Git gets past it`
    return {
      is: 'blocked',
      reason,
      remedy: `npx zx scripts/recover.ts ${where} --resume-suspended ${ref.kind}/${ref.namespace}/${ref.name}`,
    }
  }
  const status = stepStatusOf(readinessOf(object), kubectlCall('describe', ref))
  return status.is === 'done' ? undefined : status
}

/** What of the tree says how Flux itself is brought. */
type OwnTree = Pick<Tree, 'namespace' | 'kustomizations' | 'applied' | 'plainInstance'> & {
  readonly [part in 'operator' | 'instance']: Pick<Chart, 'name' | 'namespace' | 'version' | 'isRange'>
}

/**
 * Waits until Git owns what was put there: both HelmReleases Ready with a release of their own, and so the Kustomizations that apply them.
 * Others may wait for what has yet to come (monitoring, for its CRDs), which is not business of Flux' own.
 */
export function ensureTakenOver(tree: OwnTree): Step {
  const { namespace } = tree
  const kustomizations = tree.kustomizations
    .filter(({ metadata }) => tree.applied.some(({ by }) => by === metadata.name))
    .map(({ metadata }): Ref => ({ ...fluxKinds.kustomization, namespace: metadata.namespace ?? namespace, name: metadata.name }))
  const isPlain = tree.plainInstance !== undefined
  const releases = [tree.operator, ...(isPlain ? [] : [tree.instance])].map((chart) => ({
    chart,
    ref: { ...fluxKinds.helmRelease, namespace: chart.namespace, name: chart.name },
  }))
  return {
    id: 'takeover',
    title: isPlain
      ? 'Hand over to Git: its HelmRelease owns the operator, and its Kustomization the FluxInstance'
      : 'Hand over to Git: its HelmReleases own the operator and the FluxInstance',
    risk: 'safe',
    async check({ cluster, where }) {
      for (const { chart, ref } of releases) {
        const release = await cluster.get(ref)
        if (release === undefined) return { is: 'waiting', on: `HelmRelease ${ref.name} to be applied from Git` }
        const status = unready(release, ref, where)
        if (status !== undefined) return status
        const version = v.parse(historySchema, release).status.history[0]?.chartVersion.split('+')[0]
        const wanted = exactVersion(chart)
        if (wanted !== undefined && version !== wanted)
          return { is: 'waiting', on: `HelmRelease ${ref.name} to release ${wanted}; it is at ${version ?? 'none'}` }
      }
      for (const ref of kustomizations) {
        const kustomization = await cluster.get(ref)
        if (kustomization === undefined) return { is: 'waiting', on: `Kustomization ${ref.name} to be applied from Git` }
        const status = unready(kustomization, ref, where)
        if (status !== undefined) return status
      }
      if (isPlain) return ownInstanceStatus(cluster, tree)
      return { is: 'done', detail: `HelmReleases ${releases.map(({ ref }) => ref.name).join(' and ')} are Ready and own their releases` }
    },
    apply: () => Promise.resolve(),
    nudge: ({ cluster }) =>
      askAppliers(
        cluster,
        tree,
        releases.map(({ ref }) => ref),
      ),
    watches: [
      { kind: fluxKinds.helmRelease, query: { namespace } },
      { kind: fluxKinds.kustomization, query: { namespace } },
    ],
  }
}

/** Has releases that do not exist applied now: a Kustomization that applied one before looks again only at its interval. */
async function askAppliers(cluster: Cluster, { applied, namespace }: OwnTree, releases: readonly Ref[]): Promise<void> {
  for (const ref of releases) {
    if ((await cluster.get(ref)) !== undefined) continue
    const by = applied.find(({ object }) => object.kind === ref.kind && object.metadata.name === ref.name)?.by
    const applier = by === undefined ? undefined : await cluster.get({ ...fluxKinds.kustomization, namespace, name: by })
    if (applier === undefined || isRequested(applier) || readinessOf(applier).is !== 'ready') continue
    await requestReconcile(cluster, refOf(applier))
  }
}

/** A FluxInstance of no chart is Git's own once a Kustomization has put its label on it. */
async function ownInstanceStatus(cluster: Pick<Cluster, 'get'>, { operator, namespace }: OwnTree): Promise<StepStatus> {
  const owner = (await cluster.get(instanceIn(namespace)))?.metadata.labels[appliedBy.kustomization.name]
  if (owner === undefined) return { is: 'waiting', on: 'the FluxInstance to be applied from Git' }
  return {
    is: 'done',
    detail: `HelmRelease ${operator.name} is Ready and owns its release; Kustomization ${owner} applies the FluxInstance`,
  }
}

const historySchema = v.object({
  status: v.object({ history: v.optional(v.array(v.object({ chartVersion: v.string() })), []) }),
})
