import * as v from 'valibot'
import { kinds, type KubeObject, type Ref } from '../cluster/objects.ts'
import { readinessOf } from '../cluster/readiness.ts'
import { requestReconcile } from '../cluster/reconcile-request.ts'
import { headOf } from '../git.ts'
import type { Look, Step } from '../step.ts'
import type { Tree } from '../tree.ts'

const revisionSchema = v.object({
  status: v.optional(
    v.object({ artifact: v.optional(v.object({ revision: v.string() })), lastAppliedRevision: v.optional(v.string()) }),
    {},
  ),
})

/** Waits until Flux has fetched the remote's head and applied it: GitRepository and root Kustomization Ready at that commit. */
export function ensureSynced(tree: Pick<Tree, 'namespace' | 'syncName' | 'commit' | 'remote'>): Step {
  const { namespace } = tree
  const source: Ref = { ...kinds.gitRepository, namespace, name: tree.syncName }
  const root: Ref = { ...kinds.kustomization, namespace, name: tree.syncName }
  return {
    id: 'sync',
    title: `Follow Git at ${tree.commit.slice(0, 12)}`,
    risk: 'change',
    async look({ cluster, signal }) {
      const [repository, kustomization] = await Promise.all([cluster.get(source), cluster.get(root)])
      if (repository === undefined) return { is: 'waiting', on: `GitRepository ${source.name} to be created` }
      const fetched = v.parse(revisionSchema, repository).status.artifact?.revision ?? ''
      const behind = unready(repository, `kubectl --namespace ${namespace} describe gitrepository ${source.name}`)
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
      const applying = unready(kustomization, `kubectl --namespace ${namespace} describe kustomization ${root.name}`)
      if (applying !== undefined) return applying
      const applied = v.parse(revisionSchema, kustomization).status.lastAppliedRevision ?? ''
      if (!applied.endsWith(head))
        return { is: 'waiting', on: `Kustomization ${root.name} to apply ${head.slice(0, 12)}; it is at ${applied}` }
      return { is: 'done', detail: `GitRepository and Kustomization ${root.name} are Ready at ${head.slice(0, 12)}` }
    },
    act: ({ cluster }) => requestReconcile(cluster, source),
    watches: [
      { kind: kinds.gitRepository, query: { namespace } },
      { kind: kinds.kustomization, query: { namespace } },
    ],
  }
}

function unready(object: KubeObject, remedy: string): Look | undefined {
  const readiness = readinessOf(object)
  if (readiness.is === 'ready') return undefined
  return readiness.is === 'failed' ? { is: 'blocked', reason: readiness.reason, remedy } : { is: 'waiting', on: readiness.on }
}

/**
 * Waits until Git owns what was put there: both HelmReleases Ready with a release of their own, and so the Kustomizations that apply them.
 * Others may wait for what has yet to come (monitoring, for its CRDs), which is no business of Flux' own.
 */
export function ensureTakenOver(tree: Tree): Step {
  const { namespace } = tree
  const kustomizations = tree.kustomizations
    .filter(({ metadata }) => tree.applied.some(({ by }) => by === metadata.name))
    .map(({ metadata }): Ref => ({ ...kinds.kustomization, namespace, name: metadata.name }))
  const releases = [tree.operator, tree.instance].map((chart) => ({
    chart,
    ref: { ...kinds.helmRelease, namespace: chart.namespace, name: chart.name },
  }))
  return {
    id: 'takeover',
    title: 'Hand over to Git: its HelmReleases own the operator and the FluxInstance',
    risk: 'safe',
    async look({ cluster }) {
      for (const { chart, ref } of releases) {
        const release = await cluster.get(ref)
        if (release === undefined) return { is: 'waiting', on: `HelmRelease ${ref.name} to be applied from Git` }
        const look = unready(release, `kubectl --namespace ${ref.namespace} describe helmrelease ${ref.name}`)
        if (look !== undefined) return look
        const version = v.parse(historySchema, release).status.history[0]?.chartVersion.split('+')[0]
        if (version !== chart.version)
          return { is: 'waiting', on: `HelmRelease ${ref.name} to release ${chart.version}; it is at ${version ?? 'none'}` }
      }
      for (const ref of kustomizations) {
        const kustomization = await cluster.get(ref)
        if (kustomization === undefined) return { is: 'waiting', on: `Kustomization ${ref.name} to be applied from Git` }
        const look = unready(kustomization, `kubectl --namespace ${namespace} describe kustomization ${ref.name}`)
        if (look !== undefined) return look
      }
      return { is: 'done', detail: `HelmReleases ${releases.map(({ ref }) => ref.name).join(' and ')} are Ready and own their releases` }
    },
    act: () => Promise.resolve(),
    watches: [
      { kind: kinds.helmRelease, query: { namespace } },
      { kind: kinds.kustomization, query: { namespace } },
    ],
  }
}

const historySchema = v.object({
  status: v.object({ history: v.optional(v.array(v.object({ chartVersion: v.string() })), []) }),
})
