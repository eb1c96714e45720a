import { appLabels } from '../../../flux/labels.ts'
import type { Kind } from '../../../kubernetes/objects.ts'

/** The kinds that the engine works with, beside those that all scripts do. */
export const jobKind = { apiVersion: 'batch/v1', kind: 'Job' } as const satisfies Kind
export const claimKind = { apiVersion: 'v1', kind: 'PersistentVolumeClaim' } as const satisfies Kind

/** What an administrator has made in the namespace: `kubernetes/rbac/flux-runbook-fleet.yaml`. */
export const standing = {
  conductor: 'flux-runbook-fleet',
  worker: 'flux-runbook-worker',
  claim: 'flux-runbook-fleet',
  /** A Secret with the variables of .env.example that every cluster's script gets; it need not be there. */
  settings: 'flux-runbook-settings',
} as const

/** The namespace on the management cluster, unless another is named. */
export const fleetNamespace = 'flux-runbook'

/** Which run of the fleet an object is part of. */
export const runLabel = 'flux-runbook/run'

/** The labels of everything that a fleet makes. */
export const ownLabels = { [appLabels.name]: 'flux-runbook' } as const
/** What an object of a run is there for. */
export const componentLabel = appLabels.component

/** What Kubernetes itself writes on the pods of an Indexed Job. */
export const indexAnnotation = 'batch.kubernetes.io/job-completion-index'
export const jobLabel = 'batch.kubernetes.io/job-name'

/** What the names of a run's objects begin with; the ConfigMap of what it remembers is named so. */
export function objectName(runId: string): string {
  return `fleet-${(runId.split('-')[0] ?? '').toLowerCase()}`
}

/** The Job that carries the run out; a resumed run has another one. */
export function conductorName(runId: string, attempt: number): string {
  return `${objectName(runId)}-conductor-${attempt}`
}

/** A Job that works on clusters: by a number, for a wave's name may be longer than a Job's. */
export function waveJobName(runId: string, number: number): string {
  return `${objectName(runId)}-wave-${number}`
}
