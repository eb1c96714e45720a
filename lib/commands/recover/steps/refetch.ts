import { requestedAtAnnotation } from '../../../flux/annotations.ts'
import { isRequested, requestReconcile } from '../../../flux/reconcile-request.ts'
import { helmReleases, kustomizations } from '../../../health/probes/reconciled.ts'
import { revision } from '../../../health/probes/revision.ts'
import type { Trouble } from '../../../health/probe.ts'
import type { Snapshot } from '../../../health/snapshot.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { kindArgument, nameOf, type Ref } from '../../../kubernetes/objects.ts'
import type { Step } from '../../../runner/step.ts'

/** Has source-controller fetch again what it has lost: by itself it finds that out only at a source's interval, which may be hours. */
export function ensureRefetched(sources: readonly Ref[], takeSnapshot: () => Snapshot): Step {
  return askSources({ id: 'refetch', title: 'Have Flux fetch again what it has lost' }, sources, async () => {
    const snapshot = takeSnapshot()
    const found = await Promise.all([kustomizations, helmReleases].map(({ check }) => check(snapshot)))
    return found.flatMap(({ objects = [] }) => objects.filter(({ cause }) => cause === 'artifact-lost'))
  })
}

/** Has Flux fetch a head now whose history does not have the commit that it fetched before; at its interval it would too. */
export function ensureHeadFetched(source: Ref, takeSnapshot: () => Snapshot): Step {
  return askSources({ id: 'fetch-head', title: 'Have Flux fetch the rewritten history' }, [source], async () => {
    const { objects = [] } = await revision.check(takeSnapshot())
    return objects.filter(({ damage }) => damage === 'history-rewritten')
  })
}

/** Has Flux fetch and apply what Git has now, after the cluster came back as it was some time ago. */
export function ensureCaughtUp(source: Ref, takeSnapshot: () => Snapshot): Step {
  return askSources({ id: 'catch-up', title: 'Have Flux catch up with Git' }, [source], async () => {
    const { objects = [] } = await revision.check(takeSnapshot())
    return objects.filter(({ next }) => next !== undefined) // of one that is suspended it names no command, since that stays
  })
}

function askSources(step: Pick<Step, 'id' | 'title'>, sources: readonly Ref[], amiss: () => Promise<readonly Trouble[]>): Step {
  const idle = async (cluster: Cluster): Promise<Ref[]> => {
    const live = await Promise.all(sources.map((ref) => cluster.get(ref)))
    return sources.filter((_, at) => live[at] !== undefined && !isRequested(live[at]))
  }
  return {
    ...step,
    risk: 'change',
    async check({ cluster }) {
      const [first] = await amiss()
      if (first === undefined) return { is: 'done', detail: 'all of it is there' }
      const refs = await idle(cluster)
      if (refs.length === 0) return { is: 'waiting', on: `${first.object}: ${first.reason}` }
      return {
        is: 'todo',
        change: `ask ${refs.map(nameOf).join(', ')} to fetch now; ${first.object} ${first.reason}`,
        commands: refs.map(
          (ref) =>
            `kubectl --namespace ${ref.namespace} annotate ${kindArgument(ref)} ${ref.name} --overwrite ${requestedAtAnnotation}="$(date +%s)"`,
        ),
      }
    },
    async apply({ cluster }) {
      for (const ref of await idle(cluster)) await requestReconcile(cluster, ref)
    },
    watches: sources.map((ref) => ({ kind: ref, query: ref.namespace === undefined ? {} : { namespace: ref.namespace } })),
  }
}
