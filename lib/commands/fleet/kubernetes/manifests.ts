import { kinds, type KubeObject, parseObject } from '../../../kubernetes/objects.ts'
import type { FleetCluster, Wave } from '../fleet-file.ts'
import { componentLabel, jobKind, jobLabel, ownLabels, runLabel, standing } from './names.ts'
import { places } from './places.ts'

/** What all objects of one run share. */
export interface RunObjects {
  readonly namespace: string
  readonly runId: string
  readonly image: string
}

/** The Job that owns another object: it goes with it. */
export interface OwnerJob {
  readonly name: string
  readonly uid: string
}

/** For a week after their end Jobs and the logs of their pods are there to be read. */
const kept = 7 * 24 * 3600
/** As long as what runs on a cluster may take to finish once its pod is to go: an upgrade and its rollback. */
const graceSeconds = 1800

/** The Job that carries a run out: the same schedule as in a terminal, in a pod. */
export function conductorJob(run: RunObjects, name: string, clusters: readonly FleetCluster[]): KubeObject {
  const pod = podOf(run, {
    component: 'fleet-conductor',
    account: standing.conductor,
    args: ['fleet', 'conduct', run.runId],
    clusters,
    memory: '256Mi',
    env: [
      { name: places.account.variable, value: places.account.path },
      fieldVariable('FLEET_JOB_NAME', `metadata.labels['${jobLabel}']`),
      fieldVariable('FLEET_JOB_UID', "metadata.labels['batch.kubernetes.io/controller-uid']"),
    ],
  })
  return jobOf(run, name, undefined, {
    backoffLimit: 20, // one that was killed continues where it was
    podFailurePolicy: { rules: [{ action: 'FailJob', onExitCodes: ended }, ignoreDisruptions] },
    template: pod,
  })
}

/** The Indexed Job of a wave: a pod for each cluster, its index the cluster's place in the list. */
export function waveJob(
  run: RunObjects,
  { name, owner, wave, clusters }: { name: string; owner: OwnerJob; wave: Wave; clusters: readonly FleetCluster[] },
): KubeObject {
  const pod = podOf(run, {
    component: 'fleet-worker',
    account: standing.worker,
    args: ['fleet', 'work'],
    clusters,
    memory: '1Gi',
    env: [
      { name: places.work.variable, value: places.work.path },
      { name: places.message.variable, value: places.message.path },
    ],
    volume: { name: 'work', place: 'work', source: { configMap: { name } } },
    graceSeconds,
  })
  return jobOf(run, name, owner, {
    completionMode: 'Indexed',
    completions: clusters.length,
    parallelism: Math.min(wave.parallel, clusters.length),
    backoffLimitPerIndex: 3,
    maxFailedIndexes: Math.min(wave.maxFailures, clusters.length),
    // What is not an end of the script's own, as 137 (killed) and 143 (terminated), is tried again, and resumes.
    podFailurePolicy: { rules: [{ action: 'FailIndex', onExitCodes: ended }, ignoreDisruptions] },
    podReplacementPolicy: 'Failed',
    template: pod,
  })
}

/** What the workers of a wave's Job read. */
export function workManifest(run: RunObjects, name: string, owner: OwnerJob, work: unknown): KubeObject {
  return parseObject({
    ...kinds.configMap,
    metadata: { name, namespace: run.namespace, labels: labelsOf(run, 'fleet-worker'), ownerReferences: [ownerReference(owner)] },
    immutable: true,
    data: { 'work.json': JSON.stringify(work) },
  })
}

/** Exit codes by which a script has finished by itself. */
const ended = { operator: 'In', values: [1, 2, 3, 4, 5, 130] } as const
const ignoreDisruptions = { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] } as const

interface PodParts {
  readonly component: string
  readonly account: string
  readonly args: readonly string[]
  /** Those whose kubeconfigs it mounts. */
  readonly clusters: readonly FleetCluster[]
  readonly memory: string
  readonly env: readonly object[]
  readonly volume?: { readonly name: string; readonly place: keyof typeof places; readonly source: object }
  readonly graceSeconds?: number
}

/** A pod that the Pod Security Standard `restricted` lets in. */
function podOf(run: RunObjects, { component, account, args, clusters, memory, env, volume, ...more }: PodParts): object {
  const volumes = [
    { name: 'tmp', place: { path: '/tmp' }, source: { emptyDir: {} } },
    { name: 'state', place: places.state, source: { persistentVolumeClaim: { claimName: standing.claim } } },
    { name: 'kubeconfigs', place: places.kubeconfigs, source: { projected: { defaultMode: 0o440, sources: kubeconfigsOf(clusters) } } },
    {
      name: 'settings',
      place: { path: '/settings' },
      source: { secret: { secretName: standing.settings, optional: true, defaultMode: 0o440 } },
    },
    ...(volume === undefined ? [] : [{ ...volume, place: places[volume.place] }]),
  ]
  return {
    metadata: { labels: labelsOf(run, component) },
    spec: {
      restartPolicy: 'Never',
      serviceAccountName: account,
      automountServiceAccountToken: account === standing.conductor,
      ...(more.graceSeconds === undefined ? {} : { terminationGracePeriodSeconds: more.graceSeconds }),
      securityContext: {
        runAsNonRoot: true,
        fsGroup: 1000,
        fsGroupChangePolicy: 'OnRootMismatch',
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [
        {
          name: 'runbook',
          image: run.image,
          args,
          workingDir: places.state.path,
          env: [
            { name: 'HOME', value: '/tmp' },
            { name: places.state.variable, value: places.state.path },
            { name: places.kubeconfigs.variable, value: places.kubeconfigs.path },
            ...env,
          ],
          envFrom: [{ secretRef: { name: standing.settings, optional: true } }],
          resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory } },
          securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
          volumeMounts: volumes.map(({ name, place }) => ({ name, mountPath: place.path })),
        },
      ],
      volumes: volumes.map(({ name, source }) => ({ name, ...source })),
    },
  }
}

/** Each as a file of the cluster's name. A Secret that does not exist holds up no pod: what is missing is said by name. */
function kubeconfigsOf(clusters: readonly FleetCluster[]): object[] {
  return clusters.flatMap(({ name, kubeconfigSecret }) =>
    kubeconfigSecret === undefined ? [] : [{ secret: { name: kubeconfigSecret, optional: true, items: [{ key: 'value', path: name }] } }],
  )
}

function jobOf(run: RunObjects, name: string, owner: OwnerJob | undefined, spec: object): KubeObject {
  const owned = owner === undefined ? {} : { ownerReferences: [ownerReference(owner)] }
  return parseObject({
    ...jobKind,
    metadata: { name, namespace: run.namespace, labels: labelsOf(run, 'fleet'), ...owned },
    spec: { ttlSecondsAfterFinished: kept, ...spec },
  })
}

function labelsOf({ runId }: RunObjects, component: string): Record<string, string> {
  return { ...ownLabels, [componentLabel]: component, [runLabel]: runId }
}

function ownerReference({ name, uid }: OwnerJob): object {
  return { ...jobKind, name, uid }
}

function fieldVariable(name: string, fieldPath: string): object {
  return { name, valueFrom: { fieldRef: { fieldPath } } }
}
