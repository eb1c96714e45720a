import {
  asJsonObject,
  type JsonObject,
  objectAt,
  isJsonObject,
  objectsAt,
  maybeObjectAt,
  maybeNumberAt,
  maybeStringAt,
  nullableStringAt,
  stringAt,
  stringMapAt,
} from '../base/json-object.ts'
import type { Condition } from '../kubernetes/readiness.ts'

/** Another object, as a field names it; of the same namespace where that is undefined. */
export interface Referred {
  readonly kind: string
  readonly name: string
  readonly namespace: string | undefined
}

/** What the status of an object keeps of one attempt. */
export interface HistoryEntry {
  /** Of a Kustomization: what was built, of which revision, when first, and how it ended the last time, after how long. */
  readonly metadata: { readonly revision: string }
  readonly firstReconciled: string
  readonly lastReconciled: string
  readonly lastReconciledStatus: string
  readonly lastReconciledDuration: string
  /** Of a HelmRelease: what was released, and when. */
  readonly chartVersion: string
  readonly configDigest: string
  readonly lastDeployed: string
  readonly status: string
  /** Of a HelmRelease: Helm's revision; 0 of any other. */
  readonly version: number
}

/** An entry of `metadata.managedFields`, of the object itself: its status belongs to nobody. */
export interface ManagerEntry {
  readonly manager: string
  readonly time: string
  readonly fieldsV1: unknown
}

// Each of these reads one part of an item of a list, only what the probes want to know, and throws where that is of another type.

export function metadataOf(item: JsonObject): {
  readonly name: string
  readonly namespace: string
  readonly createdAt: string
  readonly deletedAt: string | undefined
  readonly generation: number
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: JsonObject
  readonly managedFields: readonly ManagerEntry[]
} {
  const metadata = objectAt(item, 'metadata')
  const name = maybeStringAt(metadata, 'name')
  if (name === undefined) throw new TypeError('an object has no metadata.name')
  return {
    name,
    namespace: stringAt(metadata, 'namespace'),
    createdAt: stringAt(metadata, 'creationTimestamp'),
    deletedAt: maybeStringAt(metadata, 'deletionTimestamp'),
    generation: maybeNumberAt(metadata, 'generation') ?? 0,
    labels: stringMapAt(metadata, 'labels'),
    annotations: objectAt(metadata, 'annotations'),
    managedFields: managersIn(metadata),
  }
}

function managersIn(metadata: JsonObject): readonly ManagerEntry[] {
  const own: ManagerEntry[] = []
  for (const entry of objectsAt(metadata, 'managedFields')) {
    if (stringAt(entry, 'subresource') !== '') continue
    own.push({ manager: stringAt(entry, 'manager'), time: stringAt(entry, 'time'), fieldsV1: entry.fieldsV1 })
  }
  return own
}

/** A HelmRelease's chart is a template with a source; a HelmChart's is its name. */
export function sourceIn(spec: JsonObject): Referred | undefined {
  const own = spec.sourceRef ?? spec.chartRef
  if (own !== undefined) return referredIn(asJsonObject(own, 'sourceRef'))
  const template = isJsonObject(spec.chart) ? spec.chart.spec : undefined
  return isJsonObject(template) && isJsonObject(template.sourceRef) ? referredIn(template.sourceRef) : undefined
}

export function referredIn(field: JsonObject): Referred {
  return { kind: stringAt(field, 'kind'), name: stringAt(field, 'name'), namespace: maybeStringAt(field, 'namespace') }
}

/** The timeouts that a HelmRelease's single actions have of their own. */
export function actionTimeouts(spec: JsonObject): string[] {
  const timeouts: string[] = []
  for (const name of actions) {
    const action = spec[name]
    if (isJsonObject(action) && typeof action.timeout === 'string') timeouts.push(action.timeout)
  }
  return timeouts
}
const actions = ['install', 'upgrade', 'rollback', 'uninstall', 'test'] as const

export function conditionIn(field: JsonObject): Condition {
  const type = maybeStringAt(field, 'type')
  const status = maybeStringAt(field, 'status')
  if (type === undefined || status === undefined) throw new TypeError('a condition has no type or no status')
  return {
    type,
    status,
    reason: nullableStringAt(field, 'reason') ?? '',
    message: (nullableStringAt(field, 'message') ?? '').trim(), // kustomize-controller's end with a line's end
    observedGeneration: maybeNumberAt(field, 'observedGeneration'),
    lastTransitionTime: nullableStringAt(field, 'lastTransitionTime') ?? '', // Go writes a time that was never set as null
  }
}

export function historyIn(status: JsonObject): readonly HistoryEntry[] {
  return objectsAt(status, 'history').map((entry) => ({
    metadata: { revision: stringAt(objectAt(entry, 'metadata'), 'revision') },
    firstReconciled: stringAt(entry, 'firstReconciled'),
    lastReconciled: stringAt(entry, 'lastReconciled'),
    lastReconciledStatus: stringAt(entry, 'lastReconciledStatus'),
    lastReconciledDuration: stringAt(entry, 'lastReconciledDuration'),
    chartVersion: stringAt(entry, 'chartVersion'),
    configDigest: stringAt(entry, 'configDigest'),
    lastDeployed: stringAt(entry, 'lastDeployed'),
    status: stringAt(entry, 'status'),
    version: maybeNumberAt(entry, 'version') ?? 0,
  }))
}

/** The revision of the artifact, or the one that was applied last, and when the artifact last changed. */
export function revisionIn(status: JsonObject): { readonly revision: string; readonly artifactAt: string | undefined } {
  const artifact = maybeObjectAt(status, 'artifact')
  if (artifact === undefined) return { revision: stringAt(status, 'lastAppliedRevision'), artifactAt: undefined }
  return { revision: stringAt(artifact, 'revision'), artifactAt: maybeStringAt(artifact, 'lastUpdateTime') }
}

/** When its controller last reconciled it, in whichever field its kind has for that. */
export function lastHandledIn(status: JsonObject, history: readonly HistoryEntry[]): string | undefined {
  const scan = maybeObjectAt(status, 'lastScanResult')
  let last = later(scan === undefined ? '' : stringAt(scan, 'scanTime'), nullableStringAt(status, 'lastAutomationRunTime') ?? '')
  for (const { lastReconciled } of history) last = later(last, lastReconciled)
  return last === '' ? undefined : last
}

/** When the object itself was last written. */
export function lastWritten(managers: readonly ManagerEntry[]): string | undefined {
  let last = ''
  for (const { time } of managers) last = later(last, time)
  return last === '' ? undefined : last
}

/** RFC 3339 in UTC sorts by time; "" comes before all. */
function later(one: string, other: string): string {
  return one > other ? one : other
}
