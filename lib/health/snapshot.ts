import * as v from 'valibot'
import type { Cluster } from '../kubernetes/client.ts'
import { getMetadata, listMetadata } from '../kubernetes/metadata.ts'
import { type Kind, kinds, type KubeObject, nameOf, type Ref } from '../kubernetes/objects.ts'
import { type RequiredWebhook, requiredWebhooks } from '../preflight/webhooks.ts'
import type { GitLogin } from '../tools/git-login.ts'
import { once, onceEach } from '../base/once.ts'
import { beginReading, type FluxObjects, readFluxObjects } from '../flux/read-objects.ts'
import { readFluxCrds } from '../flux/crds.ts'
import { judgeAll, type Judgement } from './assess.ts'
import type { Session } from '../connection/session.ts'
import type { Settings } from '../connection/settings.ts'
import type { Target } from '../connection/target.ts'
import { completeInstallation, type Installation, type InstalledFlux, judgeInstallation } from '../flux/installation.ts'
import { readFlux } from '../flux/installations.ts'
import { wantedDeployments } from '../flux/wanted-deployments.ts'
import { runningSince } from './deployments.ts'
import { type Reconciled, stoppedController } from './stopped.ts'
import { unattended } from './unattended.ts'
import { componentsIn } from '../flux/installer.ts'
import { mainInstance } from '../flux/refs.ts'
import { findOlderData, type OlderData } from '../runner/data-age.ts'

/** What the probes read, and from where. What several probes need is read once, when the first of them asks. */
export interface Snapshot {
  readonly cluster: Cluster
  /** How a person reaches this cluster with kubectl: the words before `get`. */
  readonly kubectl: string
  /** The flags that name it, for commands of this project. */
  readonly where: string
  /** By the server's clock, in milliseconds: a laptop's may be hours behind after a sleep. */
  readonly now: number
  readonly login: GitLogin
  /** A folder of this run alone. */
  readonly folder: () => string
  /** Where alerts are, if anywhere. */
  readonly monitoring: string | undefined
  /** One object, or undefined where neither it nor its kind exists. */
  readonly get: (ref: Ref) => Promise<KubeObject | undefined>
  /** Its metadata alone. */
  readonly metadata: (ref: Ref) => Promise<KubeObject | undefined>
  readonly version: () => Promise<string>
  /** What the cluster's data is and was, where it is older than when the last run on this machine ended. */
  readonly older: () => Promise<OlderData | undefined>
  /** How Flux was installed, and what it is made of. */
  readonly installed: () => Promise<InstalledFlux>
  /** The same, with what it follows. */
  readonly installation: () => Promise<Installation>
  readonly instances: () => Promise<readonly KubeObject[]>
  /** The FluxInstance, or undefined where there is none. */
  readonly instance: () => Promise<KubeObject | undefined>
  /** The namespace that Flux lives in. */
  readonly namespace: () => Promise<string>
  /** Those in Flux's namespace. */
  readonly deployments: () => Promise<readonly KubeObject[]>
  readonly pods: () => Promise<readonly KubeObject[]>
  /** Every admission webhook of the cluster that must answer. */
  readonly webhooks: () => Promise<readonly RequiredWebhook[]>
  /** The CRDs of Flux and its operator. */
  readonly crds: () => Promise<readonly KubeObject[]>
  readonly objects: () => Promise<FluxObjects>
  /**
   * Asks for their lists, which take longest: what is asked for after that does not delay them. Takes over which kinds there are, too: only
   * for who changes nothing, since a kind may go.
   */
  readonly begun: () => Promise<void>
  /** How each of them is, by its name. */
  readonly judged: () => Promise<ReadonlyMap<string, Judgement>>
  /** Names the controller that is to reconcile an object, if no pod of it runs: what it reported last stays as it was then. */
  readonly stopped: () => Promise<(object: Reconciled) => string | undefined>
}

export interface SnapshotOptions extends Pick<Snapshot, 'cluster' | 'kubectl' | 'where' | 'login' | 'folder' | 'monitoring'> {
  readonly now?: number
  readonly older?: Snapshot['older']
}

const versionSchema = v.object({ gitVersion: v.string() })

/** There are few of these in Flux's own namespace, and most are asked for: one list takes a tenth of the time of their single requests. */
const listedKinds = ['ServiceAccount', 'Service', 'NetworkPolicy']

/** A snapshot that is read as it is asked for: what was read is not read again. */
export function createSnapshot({
  cluster,
  now = cluster.endpoint.now(),
  older = () => Promise.resolve(undefined),
  ...others
}: SnapshotOptions): Snapshot {
  const there = once(() => readFlux(cluster))
  const crds = once(() => readFluxCrds(cluster))
  const evidence = once(async () => ({ ...(await there()), crds: await crds() }))
  const installed = once(async () => judgeInstallation(await evidence()))
  const namespace = async (): Promise<string> => (await installed()).namespace
  const begun = once(() => beginReading(cluster))
  const objects = once(async () => {
    const [{ read }, brought] = await Promise.all([begun(), crds()])
    return readFluxObjects(cluster, brought, read)
  })
  const get = onceEach(keyOf, cluster.get)
  const ofKind = onceEach(
    ({ apiVersion, kind }: Kind) => `${apiVersion} ${kind}`,
    async (kind) => (await listMetadata(cluster, await cluster.collection(kind, { namespace: await namespace() }), kind)).objects,
  )
  const metadata = async (ref: Ref): Promise<KubeObject | undefined> => {
    if (!listedKinds.includes(ref.kind) || ref.namespace !== (await namespace())) return getMetadata(cluster, ref)
    const { apiVersion, kind } = ref
    return (await ofKind({ apiVersion, kind })).find(({ metadata: { name } }) => name === ref.name)
  }
  const installation = once(async () => completeInstallation({ get }, await evidence(), await objects()))
  const pods = once(async () => cluster.list(kinds.pod, { namespace: await namespace() }))
  const all = once(async () => cluster.list(kinds.deployment, { namespace: await namespace() }))
  return {
    ...others,
    cluster,
    now,
    get,
    metadata: onceEach(keyOf, metadata),
    older: once(older),
    version: once(async () => v.parse(versionSchema, await cluster.read('/version')).gitVersion),
    installed,
    installation,
    instances: async () => (await there()).instances,
    instance: once(async () => mainInstance((await there()).instances)),
    namespace,
    deployments: all,
    pods,
    webhooks: once(() => requiredWebhooks(cluster)),
    crds,
    objects,
    begun: async () => cluster.learn((await begun()).served),
    judged: once(async () => {
      const [read, installation, there, own] = await Promise.all([objects(), installed(), all(), pods()])
      const deployments = wantedDeployments(installation, there)
      const since = (controller: string): number => controllerSince(controller, there, own)
      return judgeAll(read, now, unattended(read.all, { installation, deployments, now, runningSince: since }))
    }),
    stopped: once(async () => {
      const [installation, deployments, own] = await Promise.all([installed(), all(), pods()])
      return (object) => stoppedController(object, { installation, deployments, isRunning: (one) => runningSince(one, own) > -Infinity })
    }),
  }
}

/** Since when a pod of the controller runs, in milliseconds; -Infinity where none does. */
function controllerSince(controller: string, deployments: readonly KubeObject[], pods: readonly KubeObject[]): number {
  const own = deployments.filter((one) => componentsIn(one).includes(controller))
  return Math.max(-Infinity, ...own.map((one) => runningSince(one, pods)))
}

/** Not `identityOf`, for an object may be there in one version and not in another. */
function keyOf(ref: Ref): string {
  return `${ref.apiVersion} ${nameOf(ref)}`
}

/** The snapshot of a script's cluster. */
export function snapshotOf({ session, target, settings }: { session: Session; target: Target; settings: Settings }): Snapshot {
  const { kubectl, where, login } = target
  return createSnapshot({
    cluster: session.cluster,
    kubectl,
    where,
    login,
    folder: session.folder,
    monitoring: settings.PROMETHEUS_URL,
    older: () => findOlderData({ session, target }),
  })
}
