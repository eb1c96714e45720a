import * as v from 'valibot'
import type { Cluster } from '../../../kubernetes/client.ts'
import { reconcileAnnotation } from '../../../flux/annotations.ts'
import { instanceStateOf } from '../../../flux/instance.ts'
import { kinds, type KubeObject, nameOf, parseObject, type Ref, refOf } from '../../../kubernetes/objects.ts'
import { waitUntil } from '../../../kubernetes/wait-until.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { readinessOf } from '../../../flux/readiness.ts'
import { OperatorError } from '../../../base/errors.ts'
import { type FluxPlace, instanceIn, refsIn } from '../../../flux/refs.ts'
import type { StepContext } from '../../../runner/step.ts'
import type { StepStatus, Step } from '../../../runner/step.ts'
import { isNewerMinor } from '../../../base/version.ts'
import { describeSuspension, isSuspended, suspensionIn, unknownManager } from '../../../flux/suspension.ts'
import { fieldManager } from '../../../kubernetes/client.ts'
import type { WatchTarget } from '../../../kubernetes/watch.ts'
import { appliers, releaseManager } from '../../../flux/field-managers.ts'
import { lacksManifests } from '../../../flux/artifact.ts'
import { fluxCommand } from './flux-command.ts'
import { keepEvidence } from '../evidence.ts'
import { type Pulls, watchPulls } from './missing-images.ts'
import { rolloutStatus, tagsStatus } from './rollout.ts'
import { stayAsGitSays, verifyStored } from './stored-versions.ts'

/** Keeps Flux from bringing the cluster to what Git says, while Git says the wrong thing. */
export function ensureApplierSuspended(place: FluxPlace, begun: () => void): Step {
  const { applier: ref } = refsIn(place)
  return {
    id: 'suspend',
    title: `Suspend ${nameOf(ref)}`,
    risk: 'change',
    async check({ cluster }) {
      const applier = await cluster.get(ref)
      if (applier === undefined || isSuspended(applier)) return { is: 'done', detail: 'Git changes nothing of Flux meanwhile' }
      return { is: 'todo', change: 'until Git has the old version again', commands: [fluxCommand('suspend', ref)] }
    },
    async apply({ cluster }) {
      begun()
      // What Git has of it does not say `suspend`, so that what applies it leaves that alone.
      await cluster.patch(ref, { spec: { suspend: true } })
    },
    watches: watching(ref),
  }
}

/** Lets Git bring what it says of Flux again, unless someone else had suspended it before this project did, or in its place. */
export function ensureApplierResumed(place: FluxPlace): Step {
  const { applier: ref } = refsIn(place)
  return {
    id: 'resume',
    title: `Resume ${nameOf(ref)}`,
    risk: 'change',
    undoneBy: ['suspend'],
    async check({ cluster }) {
      const applier = await cluster.get(ref)
      if (applier === undefined || !isSuspended(applier)) return { is: 'done', detail: 'it runs' }
      const suspension = suspensionIn(applier.metadata)
      if (![fieldManager, unknownManager].includes(suspension.by)) {
        const since = suspension.since === undefined ? '' : ` since ${suspension.since}`
        const reason = `${nameOf(ref)} is ${describeSuspension(suspension)}${since}, and what a person has suspended is not resumed`
        return { is: 'blocked', reason, remedy: `find out why, then: ${fluxCommand('resume', ref)}` }
      }
      return { is: 'todo', change: 'Git and the cluster agree', commands: [fluxCommand('resume', ref)] }
    },
    async apply({ cluster }) {
      await cluster.patch(ref, { spec: { suspend: null } })
    },
    watches: watching(ref),
  }
}

function watching({ apiVersion, kind, namespace = '' }: Ref): WatchTarget[] {
  return [{ kind: { apiVersion, kind }, query: { namespace } }]
}

/** What the cluster is to be restored to. */
export interface RollbackTarget {
  readonly place: FluxPlace
  readonly version: string
  /** The FluxInstance with that version, as in Git. */
  readonly instance: unknown
  /** The API versions that each CRD of that version serves, by its name; empty where that is not known. */
  readonly served: Readonly<Record<string, readonly string[]>>
  /** The tags of the controllers at that version; empty where they are not known. */
  readonly images: Readonly<Record<string, string>>
  /** Those of the version that is left. */
  readonly leftImages: Readonly<Record<string, string>>
  /** Whether its controllers ran: those that did not will not now, and are not waited for. */
  readonly ran: boolean
  /** Receives that they run. */
  readonly arrived: () => void
  /** Whether a minor may have to be left, which the operator refuses in place: the FluxInstance is then recreated. */
  readonly isReinstall: boolean
}

/** Has the operator alone bring the old controllers back: neither Git nor source-controller need work for it. */
export function ensureRolledBack(former: RollbackTarget): Step {
  const { place, version, isReinstall } = former
  const { namespace } = place
  const ref = instanceIn(namespace)
  const wanted = parseObject(former.instance)
  const pulls = watchPulls(former.images, former.leftImages)
  return {
    id: 'put-back',
    title: `Roll Flux back to ${version}`,
    risk: isReinstall ? 'destroy' : 'change',
    async check({ cluster }) {
      const live = await cluster.get(ref)
      if (live !== undefined && instanceStateOf(live).wanted === version && !refuses(live)) {
        const status = await controllersStatus(cluster, former, live, pulls)
        if (status.is === 'done') former.arrived()
        return status
      }
      const flags = `--server-side --force-conflicts --field-manager=${managerOf(place)}`
      const apply = `kubectl apply ${flags} -f fluxinstance.yaml   # distribution.version: ${version}`
      if (live === undefined || !mustGo(live, version))
        return { is: 'todo', change: `apply ${nameOf(ref)} at ${version}`, commands: [apply] }
      return {
        is: 'todo',
        change: `recreate ${nameOf(ref)} at ${version}: the operator refuses a minor downgrade. Controllers and all objects stay meanwhile`,
        commands: [
          `kubectl --namespace ${namespace} annotate fluxinstance flux ${reconcileAnnotation}=disabled --overwrite`,
          `kubectl --namespace ${namespace} delete fluxinstance flux   # deletes nothing else`,
          apply,
        ],
      }
    },
    async apply(run, progress) {
      await keepEvidence(run, namespace)
      await rollBackInstance(run, progress, former, wanted, pulls)
    },
    watches: [fluxKinds.fluxInstance, kinds.deployment, kinds.pod].map((kind) => ({ kind, query: { namespace } })),
  }
}

/**
 * Whether the old controllers run. The FluxInstance itself cannot be asked: it is Ready only once Git was fetched, and Git may be away.
 * Where their tags are not known, it is all there is to ask.
 */
async function controllersStatus(cluster: Cluster, former: RollbackTarget, live: KubeObject, pulls: Pulls): Promise<StepStatus> {
  const { place, version, images, ran } = former
  const { namespace } = place
  if (!ran) return { is: 'done', detail: `${nameOf(refOf(live))} asks for ${version}, which did not run before` }
  if (Object.keys(images).length === 0) return rolloutStatus(cluster, namespace, live, version, {}, pulls)
  return tagsStatus(cluster, namespace, images, pulls)
}

/** Who applies the FluxInstance: what we put there as it, it finds unchanged and owned by itself alone. */
function managerOf({ instanceRelease }: FluxPlace): string {
  return instanceRelease === undefined ? appliers.kustomize : releaseManager
}

/** Whether the operator has applied a newer minor, from which it rolls back to none. */
function mustGo(live: KubeObject, version: string): boolean {
  return isNewerMinor(instanceStateOf(live).applied, version)
}

/** Whether the operator has refused to roll back to what it is asked for: its reason is BuildFailed, so that only its message tells. */
function refuses(live: KubeObject): boolean {
  const readiness = readinessOf(live)
  return readiness.is === 'failed' && readiness.because?.message.includes('downgrading from') === true
}

async function rollBackInstance(
  run: StepContext,
  progress: (text: string) => void,
  former: RollbackTarget,
  wanted: KubeObject,
  pulls: Pulls,
): Promise<void> {
  const { cluster, timeout } = run
  const { version, place } = former
  const { namespace } = place
  const ref = instanceIn(namespace)
  const manager = managerOf(place)
  await verifyStored(cluster, former, stayAsGitSays(former.place))
  let manifest = wanted
  const last = await waitUntil<StepStatus>(cluster, {
    watches: [fluxKinds.fluxInstance, kinds.deployment].map((kind) => ({ kind, query: { namespace } })),
    timeout,
    async check() {
      let live = await cluster.get(ref)
      if (live !== undefined && (mustGo(live, version) || refuses(live))) live = await takeAway(run, live)
      // helm-controller may have been in the middle of a release when it was suspended: what it writes late is put right again.
      if (live === undefined || instanceStateOf(live).wanted !== version) {
        await cluster.apply(manifest, { manager })
        return { is: 'waiting', on: `${nameOf(ref)} to be reconciled by the operator` }
      }
      if (lacksManifests(live)) manifest = await withoutArtifact(cluster, manifest, manager)
      return controllersStatus(cluster, former, live, pulls)
    },
    isOver: (seen) => seen.is === 'done',
    meanwhile(seen) {
      if (seen.is === 'waiting') progress(seen.on)
    },
  })
  if (last.is === 'done') return
  if (last.is === 'blocked') throw new OperatorError(last.reason, { remedy: last.remedy })
  throw new OperatorError(`Flux is not back at ${version} yet: ${last.is === 'waiting' ? last.on : ''}`, {
    remedy: `kubectl --namespace ${namespace} describe fluxinstance flux`,
  })
}

/**
 * Lets the operator drop its finalizer, which orphans all it made, deletes the FluxInstance alone, and waits until it is gone.
 * @returns what another has made in its place
 */
async function takeAway({ cluster, timeout }: StepContext, live: KubeObject): Promise<KubeObject | undefined> {
  const ref = { ...fluxKinds.fluxInstance, name: live.metadata.name, namespace: live.metadata.namespace ?? '' }
  const { uid = '' } = live.metadata
  if (live.metadata.deletionTimestamp === undefined) {
    await cluster.patch(ref, { metadata: { annotations: { [reconcileAnnotation]: 'disabled' } } })
    await cluster.remove(ref, { uid })
  }
  const isGone = (left: KubeObject | undefined): boolean => left?.metadata.uid !== uid
  const last = await waitUntil(cluster, {
    watches: [{ kind: fluxKinds.fluxInstance, query: { namespace: ref.namespace } }],
    timeout,
    check: () => cluster.get(ref),
    isOver: isGone,
  })
  if (isGone(last)) return last
  throw new OperatorError(`${nameOf(ref)} was deleted, to be recreated, and is still there: its operator has not removed its finalizer`, {
    remedy: `kubectl --namespace ${ref.namespace} describe fluxinstance ${ref.name}`,
  })
}

const specSchema = v.looseObject({ distribution: v.looseObject({ artifact: v.optional(v.string()) }) })

/** The registry with the manifests is away: the operator's own image has those of the old version too. */
async function withoutArtifact(cluster: Cluster, instance: KubeObject, manager: string): Promise<KubeObject> {
  const { distribution, ...spec } = v.parse(specSchema, instance.spec)
  const { artifact, ...others } = distribution
  if (artifact === undefined) return instance
  const embedded = { ...instance, spec: { ...spec, distribution: others } }
  await cluster.apply(embedded, { manager })
  return embedded
}
