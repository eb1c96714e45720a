import type { Cluster } from '../../../kubernetes/client.ts'
import { releaseStateOf } from '../../../flux/instance.ts'
import { kinds, type KubeObject, nameOf, type Ref } from '../../../kubernetes/objects.ts'
import { operatorName } from '../../../flux/labels.ts'
import type { WatchTarget } from '../../../kubernetes/watch.ts'
import { readAskedVersion } from '../asked-version.ts'
import { readinessOf } from '../../../flux/readiness.ts'
import { requestReconcile } from '../../../flux/reconcile-request.ts'
import { type FluxPlace, refsIn } from '../../../flux/refs.ts'
import { headOf, type Remote } from '../../../tools/git.ts'
import type { StepStatus, Step } from '../../../runner/step.ts'
import { nudgeFetch } from '../../../flux/artifact.ts'
import { watchPulls } from './missing-images.ts'
import { fetchedRevision } from '../../../flux/revision.ts'

/**
 * Has Flux fetch the commit and apply it, down to the HelmRelease of the FluxInstance.
 * @param commit what is to be fetched; undefined as long as it is not in Git
 */
export function ensureFetched(place: FluxPlace, remote: Remote, version: string, commit: () => string | undefined): Step {
  const { source, kustomizations } = refsIn(place)
  return {
    id: 'sync',
    title: 'Let Flux fetch and apply it',
    risk: 'change',
    async check({ cluster, signal }) {
      const wanted = commit()
      if (wanted === undefined) return { is: 'waiting', on: 'the commit' }
      const repository = await cluster.get(source)
      if (repository === undefined) return { is: 'waiting', on: `${nameOf(source)} to be created by the operator` }
      const fetched = fetchedRevision(repository)
      // Someone may have pushed since: then the newer head is as good.
      const head = fetched.endsWith(wanted) ? wanted : await headOf(remote, signal).catch(() => wanted)
      if (!fetched.endsWith(head)) {
        return {
          is: 'todo',
          change: `${nameOf(source)} is at ${fetched === '' ? 'nothing' : fetched}: ask for ${head.slice(0, 12)} now${reasonOf(repository)}`,
          commands: [`flux --namespace ${source.namespace} reconcile source git ${source.name}`],
        }
      }
      const { by, version: says } = await readAskedVersion(cluster, place)
      if (says === version) return { is: 'done', detail: `${by} asks for Flux ${version}, from ${head.slice(0, 12)}` }
      const behind = await unreadyOf(cluster, kustomizations)
      return { is: 'waiting', on: behind ?? `${by} to ask for Flux ${version}; it asks for ${says ?? 'nothing'}` }
    },
    apply: ({ cluster }) => requestReconcile(cluster, source),
    watches: watchesOf(place),
  }
}

function reasonOf(object: KubeObject): string {
  const readiness = readinessOf(object)
  if (readiness.is === 'ready') return ''
  return ` (${readiness.is === 'waiting' ? readiness.on : readiness.reason})`
}

/** Why the first of the objects that is not Ready is not; undefined where all are. */
async function unreadyOf(cluster: Cluster, refs: readonly Ref[]): Promise<string | undefined> {
  for (const ref of refs) {
    const object = await cluster.get(ref)
    if (object === undefined) return `${nameOf(ref)} to be applied from Git`
    const readiness = readinessOf(object)
    if (readiness.is !== 'ready') return readiness.is === 'waiting' ? readiness.on : readiness.reason
  }
  return undefined
}

/**
 * Waits until Git and cluster agree: the charts released as Git has them, everything that Flux is made of Ready.
 * @param versions.isInstanceChart whether the version of the operator is that of the FluxInstance's chart too
 */
export function awaitAgreement(place: FluxPlace, versions: { flux: string; operator: string; isInstanceChart: boolean }): Step {
  const { kustomizations, operatorRelease, instanceRelease, instance, source } = refsIn(place)
  const releases = [operatorRelease, instanceRelease].filter((release) => release !== undefined)
  const withVersion = versions.isInstanceChart ? releases : releases.filter((release) => release === operatorRelease)
  const operator = operatorIn(place)
  const pulls = watchPulls({ [operator.name]: `v${versions.operator}` }, {})
  return {
    id: 'agreement',
    title: 'Verify that Git and the cluster agree',
    risk: 'safe',
    async check({ cluster }) {
      // helm-controller waits for its pods, and says nothing of them
      if (operatorRelease !== undefined) await pulls.verify(cluster, operator)
      for (const ref of releases) {
        const on = await releaseWait(cluster, ref, versions.flux, withVersion.includes(ref) ? versions.operator : undefined)
        if (on !== undefined) return { is: 'waiting', on }
      }
      const behind = await unreadyOf(cluster, [source, ...kustomizations, ...releases])
      if (behind !== undefined) return { is: 'waiting', on: behind }
      const { by, version = 'nothing' } = await readAskedVersion(cluster, place)
      if (version !== versions.flux) return { is: 'waiting', on: `${by} to ask for Flux ${versions.flux}; it asks for ${version}` }
      const also = versions.operator === '' ? '' : `, flux-operator ${versions.operator}`
      return { is: 'done', detail: `Git and the cluster have Flux ${versions.flux}${also}` } satisfies StepStatus
    },
    apply: () => Promise.resolve(),
    ...(instance === undefined ? {} : { nudge: nudgeFetch(instance) }),
    watches: watchesOf(place),
  }
}

/** The operator's Deployment: its chart calls it as the release is called. */
export function operatorIn({ namespace, operatorRelease = operatorName }: FluxPlace): Ref {
  return { ...kinds.deployment, namespace, name: operatorRelease.split('/').at(-1) ?? operatorRelease }
}

/** What a HelmRelease still has to come to; undefined where it has released the versions. */
async function releaseWait(cluster: Cluster, ref: Ref, version: string, wanted: string | undefined): Promise<string | undefined> {
  const release = await cluster.get(ref)
  if (release === undefined) return `${nameOf(ref)} to be applied from Git`
  const { flux, chart, isSuspended } = releaseStateOf(release)
  if (isSuspended) return `${nameOf(ref)} to be resumed`
  if (flux !== undefined && flux !== version) return `${nameOf(ref)} to ask for Flux ${version}; it asks for ${flux}`
  if (wanted !== undefined && chart !== wanted)
    return `${nameOf(ref)} to release ${wanted}; it is at ${chart ?? 'none'}${reasonOf(release)}`
  return undefined
}

/** The objects that bring a version, wherever they are. */
function watchesOf(place: FluxPlace): WatchTarget[] {
  const { source, kustomizations, operatorRelease, instanceRelease, instance } = refsIn(place)
  const refs = [source, ...kustomizations, operatorRelease, instanceRelease, instance].filter((ref) => ref !== undefined)
  const watched = new Map(
    refs.map(({ apiVersion, kind, namespace = '' }) => [`${kind} ${namespace}`, { kind: { apiVersion, kind }, namespace }]),
  )
  return [...watched.values()].map(({ kind, namespace }) => ({ kind, query: { namespace } }))
}
