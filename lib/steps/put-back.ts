import * as v from 'valibot'
import type { Cluster } from '../cluster/cluster.ts'
import { releaseStateOf, stateOf, reconcileAnnotation } from '../cluster/flux-instance.ts'
import { kinds, type KubeObject, nameOf, parseObject } from '../cluster/objects.ts'
import { deploymentReadiness, readinessOf } from '../cluster/readiness.ts'
import { onChange } from '../cluster/watch.ts'
import { OperatorError } from '../errors.ts'
import { type FluxPlace, refsIn } from '../flux-place.ts'
import type { Run } from '../run.ts'
import type { Look, Step } from '../step.ts'
import { isNewerMinor } from '../version.ts'
import { releaseManager } from './apply-objects.ts'
import { lacksManifests } from './manifests.ts'
import { lookAtRollout } from './rollout.ts'
import { imageOf } from './verify-flux.ts'

/** Keeps helm-controller from bringing the FluxInstance to what Git says, while Git says the wrong thing. */
export function ensureSuspended(place: FluxPlace, begun: () => void): Step {
  const { instanceRelease: ref } = refsIn(place)
  return {
    id: 'suspend',
    title: `Suspend ${nameOf(ref)}`,
    risk: 'change',
    async look({ cluster }) {
      const release = await cluster.get(ref)
      if (release === undefined || releaseStateOf(release).isSuspended)
        return { is: 'done', detail: 'Git changes nothing of Flux meanwhile' }
      return {
        is: 'todo',
        change: 'until Git says the old version again',
        commands: [`flux --namespace ${place.namespace} suspend helmrelease ${ref.name}`],
      }
    },
    async act({ cluster }) {
      begun()
      // Git's HelmRelease does not say `suspend`, so that kustomize-controller leaves it alone.
      await cluster.patch(ref, { spec: { suspend: true } })
    },
    watches: [{ kind: kinds.helmRelease, query: { namespace: place.namespace } }],
  }
}

/** Lets Git's Helm release manage the FluxInstance again. */
export function ensureResumed(place: FluxPlace): Step {
  const { instanceRelease: ref } = refsIn(place)
  return {
    id: 'resume',
    title: `Resume ${nameOf(ref)}`,
    risk: 'change',
    async look({ cluster }) {
      const release = await cluster.get(ref)
      if (release === undefined || !releaseStateOf(release).isSuspended) return { is: 'done', detail: 'it runs' }
      return {
        is: 'todo',
        change: 'Git and the cluster say the same',
        commands: [`flux --namespace ${place.namespace} resume helmrelease ${ref.name}`],
      }
    },
    async act({ cluster }) {
      await cluster.patch(ref, { spec: { suspend: null } })
    },
    watches: [{ kind: kinds.helmRelease, query: { namespace: place.namespace } }],
  }
}

/** What the cluster is to be put back to. */
export interface Former {
  readonly place: FluxPlace
  readonly version: string
  /** The FluxInstance as Git's chart makes it of that version. */
  readonly instance: unknown
  /** The API versions that each CRD of that version serves, by its name; empty where that is not known. */
  readonly served: Readonly<Record<string, readonly string[]>>
  /** The tags of the controllers at that version; empty where they are not known. */
  readonly images: Readonly<Record<string, string>>
  /** Whether a minor may have to be left, which the operator refuses in place: the FluxInstance is then made anew. */
  readonly isReinstall: boolean
}

/** Has the operator alone bring the old controllers back: neither Git nor source-controller need work for it. */
export function ensurePutBack(former: Former): Step {
  const { place, version, isReinstall } = former
  const { instance: ref } = refsIn(place)
  const { namespace } = place
  const wanted = parseObject(former.instance)
  return {
    id: 'put-back',
    title: `Put Flux back to ${version}`,
    risk: isReinstall ? 'destroy' : 'change',
    async look({ cluster }) {
      const live = await cluster.get(ref)
      if (live !== undefined && stateOf(live).wanted === version && !refuses(live)) {
        return lookAtControllers(cluster, former, live)
      }
      const flags = `--server-side --force-conflicts --field-manager=${releaseManager}`
      const apply = `kubectl apply ${flags} -f fluxinstance.yaml   # distribution.version: ${version}`
      if (live === undefined || !mustGo(live, version))
        return { is: 'todo', change: `apply ${nameOf(ref)} at ${version}`, commands: [apply] }
      return {
        is: 'todo',
        change: `make ${nameOf(ref)} anew at ${version}: the operator refuses a minor downgrade. Controllers and all objects stay meanwhile`,
        commands: [
          `kubectl --namespace ${namespace} annotate fluxinstance flux ${reconcileAnnotation}=disabled --overwrite`,
          `kubectl --namespace ${namespace} delete fluxinstance flux   # lets go of everything, deletes nothing else`,
          apply,
        ],
      }
    },
    act: (run, progress) => putBack(run, progress, former, wanted),
    watches: [kinds.fluxInstance, kinds.deployment, kinds.pod].map((kind) => ({ kind, query: { namespace } })),
  }
}

/**
 * Whether the old controllers run. The FluxInstance itself cannot be asked: it is Ready only once Git was fetched, and Git may be away.
 * Where their tags are not known, it is all there is to ask.
 */
async function lookAtControllers(cluster: Cluster, former: Former, live: KubeObject): Promise<Look> {
  const { place, version, images } = former
  const { namespace } = place
  if (Object.keys(images).length === 0) return lookAtRollout(cluster, namespace, live, version, {})
  for (const [name, tag] of Object.entries(images)) {
    const ref = { ...kinds.deployment, namespace, name }
    const readiness = await deploymentReadiness(cluster, ref)
    if (readiness.is === 'waiting') return readiness
    const image = await imageOf(cluster, ref)
    if (!image.endsWith(`:${tag}`)) return { is: 'waiting', on: `${nameOf(ref)} to run ${tag}; it is ${image}` }
  }
  const shown = Object.entries(images).map(([name, tag]) => `${name} ${tag}`)
  return { is: 'done', detail: `${shown.join(', ')} run` }
}

/** Whether the operator has applied a newer minor, from which it goes back to none. */
function mustGo(live: KubeObject, version: string): boolean {
  return isNewerMinor(stateOf(live).applied, version)
}

/** Whether the operator has refused to go back to what it is asked for. */
function refuses(live: KubeObject): boolean {
  const readiness = readinessOf(live)
  return readiness.is === 'failed' && readiness.reason.includes('downgrading from')
}

async function putBack(run: Run, progress: (text: string) => void, former: Former, wanted: KubeObject): Promise<void> {
  const { cluster, timeout } = run
  const { version, place } = former
  const { instance: ref } = refsIn(place)
  const { namespace } = place
  await verifyStored(cluster, former)
  const deadline = Date.now() + timeout
  const changes = onChange(cluster, [
    { kind: kinds.fluxInstance, query: { namespace } },
    { kind: kinds.deployment, query: { namespace } },
  ])
  let stated = wanted
  try {
    for (;;) {
      const live = await cluster.get(ref)
      if (live !== undefined && (mustGo(live, version) || refuses(live))) await takeAway(cluster, live)
      // helm-controller may have been in the middle of a release when it was suspended: what it writes late is put right again.
      else if (live === undefined || stateOf(live).wanted !== version) await cluster.apply(stated, { manager: releaseManager })
      else {
        if (lacksManifests(live)) stated = await withoutArtifact(cluster, stated)
        const look = await lookAtControllers(cluster, former, live)
        if (look.is === 'done') return
        if (look.is === 'blocked' && Date.now() > deadline) throw new OperatorError(look.reason, { remedy: look.remedy })
        if (look.is === 'waiting') {
          progress(look.on)
        }
        if (Date.now() > deadline)
          throw new OperatorError(`Flux is not back at ${version} yet: ${look.is === 'waiting' ? look.on : ''}`, {
            remedy: `kubectl --namespace ${namespace} describe fluxinstance flux`,
          })
      }
      await changes.next(2000)
    }
  } finally {
    changes.stop()
  }
}

/** Lets the operator drop its finalizer, which orphans all it made, and deletes the FluxInstance alone. */
async function takeAway(cluster: Cluster, live: KubeObject): Promise<void> {
  const ref = { ...kinds.fluxInstance, name: live.metadata.name, namespace: live.metadata.namespace ?? '' }
  const { uid } = live.metadata
  if (uid === undefined || live.metadata.deletionTimestamp !== undefined) return
  await cluster.patch(ref, { metadata: { annotations: { [reconcileAnnotation]: 'disabled' } } })
  await cluster.remove(ref, { uid })
}

const specSchema = v.looseObject({ distribution: v.looseObject({ artifact: v.optional(v.string()) }) })

/** The registry with the manifests is away: the operator's own image has those of the old version too. */
async function withoutArtifact(cluster: Cluster, instance: KubeObject): Promise<KubeObject> {
  const { distribution, ...spec } = v.parse(specSchema, instance.spec)
  const { artifact, ...others } = distribution
  if (artifact === undefined) return instance
  const embedded = { ...instance, spec: { ...spec, distribution: others } }
  await cluster.apply(embedded, { manager: releaseManager })
  return embedded
}

const crdSchema = v.object({ status: v.optional(v.object({ storedVersions: v.optional(v.array(v.string()), []) }), {}) })

/** There is no way back; its remedy is how to stay. */
export class CannotGoBack extends OperatorError {}

/** Throws where objects are stored in a version that the old CRDs lack: going back would lose them. */
async function verifyStored(cluster: Cluster, { served, version, place }: Former): Promise<void> {
  for (const [name, versions] of Object.entries(served)) {
    const crd = await cluster.get({ ...kinds.crd, name })
    const stored = crd === undefined ? [] : v.parse(crdSchema, crd).status.storedVersions
    const lost = stored.filter((one) => !versions.includes(one))
    if (lost.length === 0) continue
    throw new CannotGoBack(
      `Flux cannot go back to ${version}: objects of ${name} are stored as ${lost.join(', ')}, which that version does not know. Nothing more was changed`,
      {
        remedy: [
          `stay on the newer Flux, as Git says, and mend it there: flux --namespace ${place.namespace} resume helmrelease ${place.instanceRelease}`,
          `or, once nothing is stored so any more, the same command with --resume: kubectl get crd ${name} -o jsonpath='{.status.storedVersions}'`,
        ].join('\n    '),
      },
    )
  }
}
