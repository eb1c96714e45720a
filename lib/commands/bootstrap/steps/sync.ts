import * as v from 'valibot'
import { kubectlCall, type KubeObject, type Ref } from '../../../kubernetes/objects.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { readinessOf } from '../../../flux/readiness.ts'
import { requestReconcile } from '../../../flux/reconcile-request.ts'
import { headOf } from '../../../tools/git.ts'
import type { StepStatus, Step } from '../../../runner/step.ts'
import { exactVersion } from '../../../desired-state/chart.ts'
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
    async check({ cluster, signal }) {
      const [repository, kustomization] = await Promise.all([cluster.get(source), cluster.get(root)])
      if (repository === undefined) return { is: 'waiting', on: `GitRepository ${source.name} to be created` }
      const fetched = fetchedRevision(repository)
      const behind = unready(repository, source)
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
      const applying = unready(kustomization, root)
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

function unready(object: KubeObject, ref: Ref): StepStatus | undefined {
  const status = stepStatusOf(readinessOf(object), kubectlCall('describe', ref))
  return status.is === 'done' ? undefined : status
}

/**
 * Waits until Git owns what was put there: both HelmReleases Ready with a release of their own, and so the Kustomizations that apply them.
 * Others may wait for what has yet to come (monitoring, for its CRDs), which is not business of Flux' own.
 */
export function ensureTakenOver(tree: Tree): Step {
  const { namespace } = tree
  const kustomizations = tree.kustomizations
    .filter(({ metadata }) => tree.applied.some(({ by }) => by === metadata.name))
    .map(({ metadata }): Ref => ({ ...fluxKinds.kustomization, namespace, name: metadata.name }))
  const releases = [tree.operator, tree.instance].map((chart) => ({
    chart,
    ref: { ...fluxKinds.helmRelease, namespace: chart.namespace, name: chart.name },
  }))
  return {
    id: 'takeover',
    title: 'Hand over to Git: its HelmReleases own the operator and the FluxInstance',
    risk: 'safe',
    async check({ cluster }) {
      for (const { chart, ref } of releases) {
        const release = await cluster.get(ref)
        if (release === undefined) return { is: 'waiting', on: `HelmRelease ${ref.name} to be applied from Git` }
        const status = unready(release, ref)
        if (status !== undefined) return status
        const version = v.parse(historySchema, release).status.history[0]?.chartVersion.split('+')[0]
        const wanted = exactVersion(chart)
        if (wanted !== undefined && version !== wanted)
          return { is: 'waiting', on: `HelmRelease ${ref.name} to release ${wanted}; it is at ${version ?? 'none'}` }
      }
      for (const ref of kustomizations) {
        const kustomization = await cluster.get(ref)
        if (kustomization === undefined) return { is: 'waiting', on: `Kustomization ${ref.name} to be applied from Git` }
        const status = unready(kustomization, ref)
        if (status !== undefined) return status
      }
      return { is: 'done', detail: `HelmReleases ${releases.map(({ ref }) => ref.name).join(' and ')} are Ready and own their releases` }
    },
    apply: () => Promise.resolve(),
    watches: [
      { kind: fluxKinds.helmRelease, query: { namespace } },
      { kind: fluxKinds.kustomization, query: { namespace } },
    ],
  }
}

const historySchema = v.object({
  status: v.object({ history: v.optional(v.array(v.object({ chartVersion: v.string() })), []) }),
})
