import * as v from 'valibot'
import { type Condition, conditionSchema } from '../kubernetes/readiness.ts'
import { type Reference, referencesIn } from './secret-references.ts'
import { type Kind, kinds, type KubeObject, nameOf, type Ref } from '../kubernetes/objects.ts'
import { fluxKinds } from './kinds.ts'
import {
  detachAnnotation,
  isDetached,
  reconcileAnnotation,
  requestedAtAnnotation,
  suspendedByAnnotation,
  timeoutAnnotation,
} from './annotations.ts'
import { attemptOf } from './attempt.ts'
import { detachmentIn, type Suspension, suspensionIn } from './suspension.ts'
import { isForeign } from './field-owners.ts'

const text = v.optional(v.string(), '')
const referred = v.object({ kind: text, name: text, namespace: v.optional(v.string()) })
/** Of a HelmRelease. */
const action = v.fallback(v.optional(v.object({ timeout: text })), undefined)
const historySchema = v.object({
  /** Of a Kustomization: what was built, of which revision, when first, and how it ended the last time, after how long. */
  metadata: v.optional(v.object({ revision: text }), {}),
  firstReconciled: text,
  lastReconciled: text,
  lastReconciledStatus: text,
  lastReconciledDuration: text,
  /** Of a HelmRelease: what was released, and when. */
  chartVersion: text,
  configDigest: text,
  lastDeployed: text,
  status: text,
})
export type HistoryEntry = v.InferOutput<typeof historySchema>

/** Read for every object there is: only what the probes want to know, and nothing else is even checked. */
const itemSchema = v.object({
  metadata: v.object({
    name: v.string(),
    namespace: text,
    creationTimestamp: text,
    deletionTimestamp: v.optional(v.string()),
    generation: v.optional(v.number(), 0),
    labels: v.optional(v.record(v.string(), v.string()), {}),
    annotations: v.optional(
      v.object({
        [requestedAtAnnotation]: v.optional(v.string()),
        [reconcileAnnotation]: v.optional(v.string()),
        [suspendedByAnnotation]: v.optional(v.string()),
        [detachAnnotation]: v.optional(v.string()),
        [timeoutAnnotation]: text,
      }),
      {},
    ),
    managedFields: v.optional(
      v.array(
        v.object({
          manager: text,
          apiVersion: text,
          time: text,
          subresource: text,
          fieldsV1: v.optional(v.unknown()),
        }),
      ),
      [],
    ),
  }),
  spec: v.optional(
    v.looseObject({
      type: text,
      suspend: v.optional(v.boolean(), false),
      interval: text,
      timeout: text,
      install: action,
      upgrade: action,
      rollback: action,
      uninstall: action,
      test: action,
      sourceRef: v.optional(referred),
      chartRef: v.optional(referred),
      chart: v.optional(v.unknown()),
      dependsOn: v.optional(v.array(referred), []),
      releaseName: v.optional(v.string()),
      targetNamespace: v.optional(v.string()),
      storageNamespace: v.optional(v.string()),
    }),
    {},
  ),
  status: v.optional(
    v.object({
      observedGeneration: v.optional(v.number()),
      conditions: v.optional(v.array(conditionSchema), []),
      artifact: v.nullish(v.object({ revision: text, lastUpdateTime: v.optional(v.string()) })),
      lastAppliedRevision: text,
      lastHandledReconcileAt: v.optional(v.string()),
      history: v.optional(v.array(historySchema), []),
      failures: v.optional(v.number(), 0),
      /** Of an ImageRepository, and of an ImageUpdateAutomation. */
      lastScanResult: v.nullish(v.object({ scanTime: text })),
      lastAutomationRunTime: v.nullish(v.string()),
    }),
    {},
  ),
})
type Item = v.InferOutput<typeof itemSchema>
/** A HelmRelease's chart is a template with a source; a HelmChart's is its name. */
const chartSchema = v.object({ spec: v.object({ sourceRef: referred }) })

/** Who wrote to the spec or metadata of an object; its status belongs to nobody. */
export interface Manager {
  readonly manager: string
  readonly apiVersion: string
  readonly time: string
  /** It is not Flux, and owns fields of the object. */
  readonly isForeign: boolean
}

/** What the probes know of one object of Flux. The rest of it is let go page by page, or ten thousand would fill the memory. */
export interface FluxObject {
  readonly ref: Ref & { readonly namespace: string }
  /** `Kustomization apps/shop` */
  readonly name: string
  readonly createdAt: string
  readonly deletedAt: string | undefined
  readonly generation: number
  readonly observedGeneration: number | undefined
  readonly labels: Readonly<Record<string, string>>
  readonly isSuspended: boolean
  /** By whom and since when it is suspended, where it is. */
  readonly suspension: Suspension | undefined
  /** By whom and since when it is marked so that Git's changes do not reach it, where it is. */
  readonly detachment: Suspension | undefined
  /** When spec or metadata was last written. */
  readonly writtenAt: string
  readonly interval: string
  readonly timeout: string
  /** How long its controller may be at one attempt, in milliseconds. */
  readonly attempt: number
  readonly conditions: readonly Condition[]
  /** The revision of its artifact, or the one it applied last. */
  readonly revision: string
  /** When its artifact last changed. */
  readonly artifactAt: string | undefined
  /** When someone requested a reconciliation that its controller has not started yet. */
  readonly askedAt: string | undefined
  /** For which request it has looked last. */
  readonly handledAt: string | undefined
  /** Its source, where it has one. */
  readonly source: string | undefined
  /** Those that must be Ready before it, besides its source. */
  readonly dependsOn: readonly string[]
  /** The Secrets that it cannot do without, and the fields that say so. */
  readonly secrets: readonly Reference[]
  readonly managers: readonly Manager[]
  /** The newest first. */
  readonly history: readonly HistoryEntry[]
  /** When its controller last reconciled it, RFC 3339, for the kinds that tell: Kustomizations, since Flux 2.7, and image automation. */
  readonly lastHandledAt: string | undefined
  /** How often a HelmRelease has failed since it last succeeded. */
  readonly failures: number
  /** Where a HelmRelease's storage is, and under which name. */
  readonly release: { readonly namespace: string; readonly name: string }
  /** Whether its kind tells how it is at all: an Alert, a Provider and a HelmRepository of type oci are but settings. */
  readonly reportsReady: boolean
}

/** Reads what the probes want to know of an item of a list of the kind, which has a status or has none. */
export function parseFluxObject(value: unknown, kind: Kind, hasStatus: boolean): FluxObject {
  const { metadata, spec, status } = v.parse(itemSchema, value)
  const ref = { ...kind, namespace: metadata.namespace, name: metadata.name }
  const own = metadata.managedFields.filter(({ subresource }) => subresource === '')
  const isSuspended = spec.suspend || metadata.annotations[reconcileAnnotation] === 'disabled'
  const asked = metadata.annotations[requestedAtAnnotation]
  const isHandled = asked === undefined || asked === status.lastHandledReconcileAt
  const named = (other: v.InferOutput<typeof referred>, otherwise: string): string =>
    nameOf({ ...kind, kind: other.kind === '' ? otherwise : other.kind, namespace: other.namespace ?? ref.namespace, name: other.name })
  const source = sourceOf(spec)
  return {
    ref,
    name: nameOf(ref),
    createdAt: metadata.creationTimestamp,
    deletedAt: metadata.deletionTimestamp,
    generation: metadata.generation,
    observedGeneration: status.observedGeneration,
    labels: metadata.labels,
    isSuspended,
    suspension: isSuspended ? suspensionIn(metadata) : undefined,
    detachment: isDetached({ metadata }) ? detachmentIn(metadata) : undefined,
    writtenAt: latest(own) ?? metadata.creationTimestamp,
    interval: spec.interval,
    timeout: spec.timeout,
    attempt: attemptOf(kind, {
      interval: spec.interval,
      timeout: spec.timeout,
      actions: [spec.install, spec.upgrade, spec.rollback, spec.uninstall, spec.test].map((one) => one?.timeout ?? ''),
      annotated: metadata.annotations[timeoutAnnotation],
    }),
    conditions: status.conditions,
    revision: status.artifact?.revision ?? status.lastAppliedRevision,
    artifactAt: status.artifact?.lastUpdateTime,
    askedAt: isHandled ? undefined : asked,
    handledAt: status.lastHandledReconcileAt,
    source: source === undefined ? undefined : named(source, fluxKinds.gitRepository.kind),
    dependsOn: spec.dependsOn.map((other) => named(other, kind.kind)),
    secrets: secretsOf({ ...kind, metadata: { ...metadata, finalizers: [], annotations: {}, managedFields: [] }, spec }),
    managers: own.map((entry) => ({ manager: entry.manager, apiVersion: entry.apiVersion, time: entry.time, isForeign: isForeign(entry) })),
    history: status.history,
    failures: status.failures,
    lastHandledAt: lastHandledAt(status),
    release: {
      namespace: spec.storageNamespace ?? ref.namespace,
      name: spec.releaseName ?? (spec.targetNamespace === undefined ? ref.name : `${spec.targetNamespace}-${ref.name}`),
    },
    reportsReady: hasStatus && !(kind.kind === 'HelmRepository' && spec.type === 'oci'),
  }
}

function lastHandledAt({ history, lastScanResult, lastAutomationRunTime }: Item['status']): string | undefined {
  const times = [...history.map(({ lastReconciled }) => lastReconciled), lastScanResult?.scanTime ?? '', lastAutomationRunTime ?? '']
  return latest(times.filter((time) => time !== '').map((time) => ({ time })))
}

function secretsOf(object: KubeObject): Reference[] {
  return referencesIn(object).filter(({ ref, isOptional }) => ref.kind === kinds.secret.kind && !isOptional)
}

function sourceOf({ sourceRef, chartRef, chart }: Item['spec']): v.InferOutput<typeof referred> | undefined {
  if (sourceRef !== undefined || chartRef !== undefined) return sourceRef ?? chartRef
  const template = v.safeParse(chartSchema, chart)
  return template.success ? template.output.spec.sourceRef : undefined
}

function latest(entries: readonly { readonly time: string }[]): string | undefined {
  return entries
    .map(({ time }) => time)
    .sort()
    .at(-1) // RFC 3339 in UTC sorts by time
}

/** The condition of this type, where it is about the present generation. */
export function conditionOf({ conditions, generation }: FluxObject, type: string): Condition | undefined {
  return conditions.find((condition) => condition.type === type && (condition.observedGeneration ?? generation) >= generation)
}
