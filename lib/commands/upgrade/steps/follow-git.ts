import type { Cluster } from '../../../kubernetes/client.ts'
import { releaseStateOf } from '../../../flux/instance.ts'
import { kinds, type KubeObject, nameOf, type Ref } from '../../../kubernetes/objects.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
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
  const { source, kustomizations, instanceRelease } = refsIn(place)
  return {
    id: 'sync',
    title: 'Let Flux fetch and apply it',
    risk: 'change',
    async check({ cluster, signal }) {
      const wanted = commit()
      if (wanted === undefined) return { is: 'waiting', on: 'the commit' }
      const repository = await cluster.get(source)
      if (repository === undefined) return { is: 'waiting', on: `${nameOf(source)} to be made by the operator` }
      const fetched = fetchedRevision(repository)
      // Someone may have pushed since: then the newer head is as good.
      const head = fetched.endsWith(wanted) ? wanted : await headOf(remote, signal).catch(() => wanted)
      if (!fetched.endsWith(head)) {
        return {
          is: 'todo',
          change: `${nameOf(source)} is at ${fetched === '' ? 'nothing' : fetched}: ask for ${head.slice(0, 12)} now${reasonOf(repository)}`,
          commands: [`flux --namespace ${place.namespace} reconcile source git ${source.name}`],
        }
      }
      const release = await cluster.get(instanceRelease)
      const says = release === undefined ? undefined : releaseStateOf(release).flux
      if (says === version) return { is: 'done', detail: `${nameOf(instanceRelease)} asks for Flux ${version}, from ${head.slice(0, 12)}` }
      const behind = await unreadyOf(cluster, kustomizations)
      return { is: 'waiting', on: behind ?? `${nameOf(instanceRelease)} to ask for Flux ${version}; it asks for ${says ?? 'nothing'}` }
    },
    apply: ({ cluster }) => requestReconcile(cluster, source),
    watches: [fluxKinds.gitRepository, fluxKinds.kustomization, fluxKinds.helmRelease].map((kind) => ({
      kind,
      query: { namespace: place.namespace },
    })),
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

/** Waits until Git and cluster agree: both charts released as Git has them, everything that Flux is made of Ready. */
export function awaitAgreement(place: FluxPlace, versions: { flux: string; operator: string }): Step {
  const { kustomizations, operatorRelease, instanceRelease, instance, source } = refsIn(place)
  const operator: Ref = { ...kinds.deployment, namespace: place.namespace, name: place.operatorRelease }
  const pulls = watchPulls({ [operator.name]: `v${versions.operator}` }, {})
  return {
    id: 'agreement',
    title: 'Verify that Git and the cluster agree',
    risk: 'safe',
    async check({ cluster }) {
      await pulls.verify(cluster, operator) // helm-controller waits for its pods, and says nothing of them
      for (const ref of [operatorRelease, instanceRelease]) {
        const release = await cluster.get(ref)
        if (release === undefined) return { is: 'waiting', on: `${nameOf(ref)} to be applied from Git` }
        const { flux, chart, isSuspended } = releaseStateOf(release)
        if (isSuspended) return { is: 'waiting', on: `${nameOf(ref)} to be resumed` }
        if (flux !== undefined && flux !== versions.flux)
          return { is: 'waiting', on: `${nameOf(ref)} to ask for Flux ${versions.flux}; it asks for ${flux}` }
        if (chart !== versions.operator)
          return { is: 'waiting', on: `${nameOf(ref)} to release ${versions.operator}; it is at ${chart ?? 'none'}${reasonOf(release)}` }
      }
      const behind = await unreadyOf(cluster, [source, ...kustomizations, operatorRelease, instanceRelease])
      if (behind !== undefined) return { is: 'waiting', on: behind }
      return {
        is: 'done',
        detail: `Git and the cluster say Flux ${versions.flux}, flux-operator ${versions.operator}`,
      } satisfies StepStatus
    },
    apply: () => Promise.resolve(),
    nudge: nudgeFetch(instance),
    watches: [fluxKinds.helmRelease, fluxKinds.kustomization, fluxKinds.gitRepository].map((kind) => ({
      kind,
      query: { namespace: place.namespace },
    })),
  }
}
