import {
  asFields,
  type Fields,
  fieldsAt,
  isFields,
  listAt,
  maybeFieldsAt,
  maybeNumberAt,
  maybeTextAt,
  nullableTextAt,
  textAt,
  textsAt,
} from '../base/fields.ts'
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
}

/** An entry of `metadata.managedFields`. */
export interface ManagerEntry {
  readonly manager: string
  readonly apiVersion: string
  readonly time: string
  readonly subresource: string
  readonly fieldsV1: unknown
}

// Each of these reads one part of an item of a list, only what the probes want to know, and throws where that is of another type.

export function metadataOf(item: Fields): {
  readonly name: string
  readonly namespace: string
  readonly createdAt: string
  readonly deletedAt: string | undefined
  readonly generation: number
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Fields
  readonly managedFields: readonly ManagerEntry[]
} {
  const metadata = fieldsAt(item, 'metadata')
  const name = maybeTextAt(metadata, 'name')
  if (name === undefined) throw new TypeError('an object has no metadata.name')
  return {
    name,
    namespace: textAt(metadata, 'namespace'),
    createdAt: textAt(metadata, 'creationTimestamp'),
    deletedAt: maybeTextAt(metadata, 'deletionTimestamp'),
    generation: maybeNumberAt(metadata, 'generation') ?? 0,
    labels: textsAt(metadata, 'labels'),
    annotations: fieldsAt(metadata, 'annotations'),
    managedFields: listAt(metadata, 'managedFields').map((entry) => ({
      manager: textAt(entry, 'manager'),
      apiVersion: textAt(entry, 'apiVersion'),
      time: textAt(entry, 'time'),
      subresource: textAt(entry, 'subresource'),
      fieldsV1: entry.fieldsV1,
    })),
  }
}

/** A HelmRelease's chart is a template with a source; a HelmChart's is its name. */
export function sourceIn(spec: Fields): Referred | undefined {
  const own = spec.sourceRef ?? spec.chartRef
  if (own !== undefined) return referredIn(asFields(own, 'sourceRef'))
  const template = isFields(spec.chart) ? spec.chart.spec : undefined
  return isFields(template) && isFields(template.sourceRef) ? referredIn(template.sourceRef) : undefined
}

export function referredIn(field: Fields): Referred {
  return { kind: textAt(field, 'kind'), name: textAt(field, 'name'), namespace: maybeTextAt(field, 'namespace') }
}

/** The timeouts that a HelmRelease's single actions have of their own. */
export function actionTimeouts(spec: Fields): string[] {
  return actions.flatMap((name) => {
    const action = spec[name]
    return isFields(action) && typeof action.timeout === 'string' ? [action.timeout] : []
  })
}
const actions = ['install', 'upgrade', 'rollback', 'uninstall', 'test'] as const

export function conditionIn(field: Fields): Condition {
  const [type, status] = [maybeTextAt(field, 'type'), maybeTextAt(field, 'status')]
  if (type === undefined || status === undefined) throw new TypeError('a condition has no type or no status')
  return {
    type,
    status,
    reason: nullableTextAt(field, 'reason') ?? '',
    message: (nullableTextAt(field, 'message') ?? '').trim(), // kustomize-controller's end with a line's end
    observedGeneration: maybeNumberAt(field, 'observedGeneration'),
    lastTransitionTime: nullableTextAt(field, 'lastTransitionTime') ?? '', // Go writes a time that was never set as null
  }
}

export function historyIn(status: Fields): readonly HistoryEntry[] {
  return listAt(status, 'history').map((entry) => ({
    metadata: { revision: textAt(fieldsAt(entry, 'metadata'), 'revision') },
    firstReconciled: textAt(entry, 'firstReconciled'),
    lastReconciled: textAt(entry, 'lastReconciled'),
    lastReconciledStatus: textAt(entry, 'lastReconciledStatus'),
    lastReconciledDuration: textAt(entry, 'lastReconciledDuration'),
    chartVersion: textAt(entry, 'chartVersion'),
    configDigest: textAt(entry, 'configDigest'),
    lastDeployed: textAt(entry, 'lastDeployed'),
    status: textAt(entry, 'status'),
  }))
}

/** The revision of the artifact, or the one that was applied last, and when the artifact last changed. */
export function revisionIn(status: Fields): { readonly revision: string; readonly artifactAt: string | undefined } {
  const artifact = maybeFieldsAt(status, 'artifact')
  if (artifact === undefined) return { revision: textAt(status, 'lastAppliedRevision'), artifactAt: undefined }
  return { revision: textAt(artifact, 'revision'), artifactAt: maybeTextAt(artifact, 'lastUpdateTime') }
}

/** When its controller last reconciled it, in whichever field its kind has for that; "" where it has none. */
export function handlingTimes(status: Fields, history: readonly HistoryEntry[]): string[] {
  const scan = maybeFieldsAt(status, 'lastScanResult')
  const own = [scan === undefined ? '' : textAt(scan, 'scanTime'), nullableTextAt(status, 'lastAutomationRunTime') ?? '']
  return [...history.map(({ lastReconciled }) => lastReconciled), ...own]
}
