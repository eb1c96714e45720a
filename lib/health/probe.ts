import { messageOf, OperatorError } from '../base/errors.ts'
import { describeSuspension, type Suspension } from '../flux/suspension.ts'
import type { Cause } from './assess.ts'
import type { Problem } from './problems.ts'
import type { Snapshot } from './snapshot.ts'

/** The state of one aspect of health: `unknown` is a check that failed, which is never "fine". */
export type State = 'ok' | 'warn' | 'fail' | 'unknown'

/** A loss that has a remedy of its own. */
export type DamageKind =
  /** A webhook that must answer and cannot. */
  | 'webhook-unanswered'
  /** A webhook whose CA certificates have all expired. */
  | 'webhook-expired'
  /** A Deployment is scaled to 0. */
  | 'scaled-to-zero'
  /** A ResourceQuota of Flux's namespace allows nothing. */
  | 'quota'
  /** An aggregated API does not answer: no namespace can be deleted meanwhile. */
  | 'api-unavailable'
  /** The cluster's data is older than it was: etcd was restored from a backup. */
  | 'data-older'
  /** A second FluxInstance, which the operator ignores. */
  | 'instance-ignored'
  /** A pod of Flux is on a node that does not answer. */
  | 'node-lost'
  /** The commit that Flux has fetched is not in the history of what it follows any more. */
  | 'history-rewritten'
  /** A CustomResourceDefinition of Flux's is gone, or being deleted. */
  | 'crd-gone'
  /** A part that the FluxInstance or a Helm release of Flux's has installed is gone, or being deleted. */
  | 'part-gone'
  /** Such a part has lost what makes it work. */
  | 'part-emptied'
  /** Fields of such a part belong to someone else: the operator reverts that only when it reconciles. */
  | 'part-altered'
  /** Helm's record of one of Flux's own releases cannot be read: helm-controller does nothing while it is there. */
  | 'release-unreadable'
  /** A pod's ServiceAccount was recreated, and its token with it. */
  | 'stale-token'

/** One object that is not as it should be. */
export interface Trouble {
  /** `Kustomization apps/shop` */
  readonly object: string
  /** Why, in the API's own words. */
  readonly reason: string
  /** Why, for those that decide by it, where the object's status tells. */
  readonly cause?: Cause
  /** Since when, RFC 3339, where the API shows. */
  readonly since?: string
  /** The next command to type. */
  readonly next?: string
  /** The runbook's name for it. */
  readonly problem?: Problem
  /** What is lost or altered, for those that decide by it. */
  readonly damage?: DamageKind
  /** That it is suspended, and by whom: a person's decision, and no trouble of Flux's. */
  readonly suspension?: Suspension
}

/** An object that is suspended. */
export function suspendedTrouble(object: string, suspension: Suspension, next: string): Trouble {
  const { since } = suspension
  return { object, reason: describeSuspension(suspension), ...(since === undefined ? {} : { since }), next, suspension }
}

/** What a probe saw. */
export interface ProbeFindings {
  readonly state: State
  /** One line: what is healthy, or how much is not. */
  readonly detail: string
  /** That there was nothing to check here, and the detail says why. */
  readonly applies?: false
  /** The next command to type, where no object tells. */
  readonly next?: string
  /** The worst first. */
  readonly objects?: readonly Trouble[]
}

/** One aspect of health, checked without changing anything. */
export interface Probe {
  /** Stable: `--only`, reports and tests name it. */
  readonly id: string
  readonly title: string
  readonly check: (snapshot: Snapshot) => Promise<ProbeFindings>
}

export interface ProbeResult extends ProbeFindings {
  readonly id: string
  readonly title: string
}

/** Runs all probes in parallel, whatever the others find, and returns the results in their order. */
export function runProbes(probes: readonly Probe[], snapshot: Snapshot): Promise<ProbeResult[]> {
  return Promise.all(
    probes.map(async ({ id, title, check }) => {
      try {
        return { id, title, ...(await check(snapshot)) }
      } catch (thrown) {
        snapshot.cluster.signal.throwIfAborted()
        const remedy = thrown instanceof OperatorError ? thrown.remedy : undefined
        const next = remedy ?? `check again: npx zx scripts/health-check.ts ${snapshot.where} --only ${id}`
        return { id, title, state: 'unknown', detail: `the check failed: ${messageOf(thrown)}`, next }
      }
    }),
  )
}

/** A warning is not a failure; a check that failed is one. */
export function isHealthy(probed: readonly Pick<ProbeResult, 'state'>[]): boolean {
  return probed.every(({ state }) => state === 'ok' || state === 'warn')
}

/** What a probe says that has nothing to check on this cluster: that is not trouble, and one line says why. */
export function doesNotApply(why: string): ProbeFindings {
  return { state: 'ok', applies: false, detail: why }
}

/** What a probe saw that judges objects one by one: any that fails makes it fail, else any to know of makes it warn. */
export function foundAmong(detail: string, fails: readonly Trouble[], warns: readonly Trouble[] = []): ProbeFindings {
  if (fails.length === 0 && warns.length === 0) return { state: 'ok', detail }
  return { state: fails.length > 0 ? 'fail' : 'warn', detail, objects: [...fails, ...warns] }
}
