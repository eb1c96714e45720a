import { createHash } from 'node:crypto'
import { asJsonObject, type JsonObject, objectAt, flagAt, objectsAt, maybeNumberAt, maybeStringAt, stringAt } from '../base/json-object.ts'
import type { Condition } from '../kubernetes/readiness.ts'
import { type Reference, referencesUnder } from './secret-references.ts'
import { type Kind, kinds, nameOf, type Ref } from '../kubernetes/objects.ts'
import { fluxKinds } from './kinds.ts'
import {
  isDetached,
  reconcileAnnotation,
  requestedAtAnnotation,
  suspendedByAnnotation,
  detachAnnotation,
  timeoutAnnotation,
} from './annotations.ts'
import { apiGroups, isFluxKind, isOfGroup } from './api-groups.ts'
import { attemptOf } from './attempt.ts'
import { detachmentIn, type Suspension, suspensionIn } from './suspension.ts'
import { foreignManagersOf } from './field-owners.ts'
import {
  actionTimeouts,
  conditionIn,
  type HistoryEntry,
  historyIn,
  lastHandledIn,
  lastWritten,
  metadataOf,
  referredIn,
  revisionIn,
  type Referred,
  sourceIn,
} from './item.ts'

export type { HistoryEntry }

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
  /** Those of them that an expression of its own judges (`readyExpr`). */
  readonly judgesItself: readonly string[]
  /** Of a HelmRelease: the HelmChart that its controller has made for it, where it has. */
  readonly chart: string | undefined
  /** The Secrets that it cannot do without, and the fields that say so. */
  readonly secrets: readonly Reference[]
  /** Those who are not Flux, and own fields of its spec or metadata. */
  readonly foreignManagers: readonly string[]
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

/**
 * Reads what the probes want to know of an item of a list of the kind, which has a status or has none.
 * @throws TypeError where something of it is of another type than the API has it
 */
export function parseFluxObject(value: unknown, kind: Kind, hasStatus: boolean): FluxObject {
  const item = asJsonObject(value, kind.kind)
  const metadata = metadataOf(item)
  const spec = objectAt(item, 'spec')
  const status = objectAt(item, 'status')
  const ref = { apiVersion: kind.apiVersion, kind: kind.kind, namespace: metadata.namespace, name: metadata.name }
  const { labels, managedFields } = metadata
  const annotations = annotationsIn(metadata.annotations)
  const marked = { annotations, labels, managedFields }
  // The operator reads the annotation, and of its own kinds alone.
  const isSuspended = isOfGroup(kind, apiGroups.operator) ? annotations[reconcileAnnotation] === 'disabled' : flagAt(spec, 'suspend')
  const interval = stringAt(spec, 'interval')
  const timeout = stringAt(spec, 'timeout')
  const named = (other: Referred, otherwise: string): string =>
    nameOf({ kind: other.kind === '' ? otherwise : other.kind, namespace: other.namespace ?? ref.namespace, name: other.name })
  const source = sourceIn(spec)
  // A ResourceSet may wait for anything, as a Provider of Crossplane's: that is of no kind of Flux's, whatever it is called.
  const dependencies = objectsAt(spec, 'dependsOn').filter(isOfFlux)
  const history = historyIn(status)
  const { revision, artifactAt } = revisionIn(status)
  const requestedAt = annotations[requestedAtAnnotation]
  const handledAt = maybeStringAt(status, 'lastHandledReconcileAt')
  return {
    ref,
    name: nameOf(ref),
    createdAt: metadata.createdAt,
    deletedAt: metadata.deletedAt,
    generation: metadata.generation,
    observedGeneration: maybeNumberAt(status, 'observedGeneration'),
    labels,
    isSuspended,
    suspension: isSuspended ? suspensionIn(marked) : undefined,
    detachment: isDetached({ metadata: marked }) ? detachmentIn(marked) : undefined,
    writtenAt: lastWritten(managedFields) ?? metadata.createdAt,
    interval,
    timeout,
    attempt: attemptOf(kind, { interval, timeout, actions: actionTimeouts(spec), annotated: annotations[timeoutAnnotation] ?? '' }),
    conditions: objectsAt(status, 'conditions').map(conditionIn),
    revision,
    artifactAt,
    askedAt: requestedAt === handledAt ? undefined : requestedAt,
    handledAt,
    source: source === undefined ? undefined : named(source, fluxKinds.gitRepository.kind),
    dependsOn: dependencies.map((other) => named(referredIn(other), kind.kind)),
    judgesItself: dependencies.filter((other) => stringAt(other, 'readyExpr') !== '').map((other) => named(referredIn(other), kind.kind)),
    chart: chartIn(status),
    secrets: secretsOf(ref, spec),
    foreignManagers: foreignManagersOf({ metadata }),
    history,
    failures: maybeNumberAt(status, 'failures') ?? 0,
    lastHandledAt: lastHandledIn(status, history),
    release: releaseIn(spec, ref),
    reportsReady: hasStatus && !(kind.kind === 'HelmRepository' && spec.type === 'oci'),
  }
}

/** A ResourceSet may depend on anything, as on a Provider of Crossplane's: that is of no kind of Flux's, whatever it is called. */
function isOfFlux(dependency: JsonObject): boolean {
  const apiVersion = maybeStringAt(dependency, 'apiVersion')
  return apiVersion === undefined || isFluxKind({ apiVersion })
}

type Annotations = Readonly<Record<string, string | undefined>>

/** Those that matter here, of the many that an object may have. */
function annotationsIn(annotations: JsonObject): Annotations {
  const own: Record<string, string | undefined> = {}
  for (const name of known) if (name in annotations) own[name] = maybeStringAt(annotations, name)
  return own
}
const known = [requestedAtAnnotation, reconcileAnnotation, suspendedByAnnotation, detachAnnotation, timeoutAnnotation] as const

function releaseIn(spec: JsonObject, { namespace, name }: FluxObject['ref']): FluxObject['release'] {
  const target = maybeStringAt(spec, 'targetNamespace')
  return {
    namespace: maybeStringAt(spec, 'storageNamespace') ?? namespace,
    name: shortened(maybeStringAt(spec, 'releaseName') ?? (target === undefined ? name : `${target}-${name}`)),
  }
}

/** Helm takes no longer name of a release: helm-controller ends such a one with a part of its digest (internal/release, ShortenName). */
function shortened(name: string): string {
  if (name.length <= longestRelease) return name
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 12)
  return `${name.slice(0, longestRelease - digest.length - 1)}-${digest}`
}
const longestRelease = 53

/** `status.helmChart` is `NAMESPACE/NAME`. */
function chartIn(status: JsonObject): string | undefined {
  const chart = stringAt(status, 'helmChart')
  return chart === '' ? undefined : `HelmChart ${chart}`
}

function secretsOf(ref: FluxObject['ref'], spec: JsonObject): Reference[] {
  return referencesUnder(ref, { spec }).filter(({ ref: { kind }, isOptional }) => kind === kinds.secret.kind && !isOptional)
}

/** The condition of this type, where it is about the present generation. */
export function conditionOf({ conditions, generation }: FluxObject, type: string): Condition | undefined {
  return conditions.find((condition) => condition.type === type && (condition.observedGeneration ?? generation) >= generation)
}

/** What must be there and Ready before it: its source, and what it depends on. */
export function needsOf({ source, dependsOn }: FluxObject): readonly string[] {
  return source === undefined ? dependsOn : [source, ...dependsOn]
}
