import { parseDuration } from '../base/duration.ts'
import { apiGroups, isOfGroup } from './api-groups.ts'
import { fluxKinds } from './kinds.ts'
import type { Kind } from '../kubernetes/objects.ts'

const minute = 60_000
/** The longest of the defaults that the APIs have for `spec.timeout`. */
export const usualTimeout = 5 * minute

/** What an object says of how long its controller may be at it. */
interface Allowed {
  readonly interval: string
  readonly timeout: string
  /** Of a HelmRelease: of its single actions, as far as they have one of their own. */
  readonly actions: readonly string[]
  /** Of the operator's objects, by an annotation. */
  readonly annotated: string
}

/**
 * How long one attempt to reconcile an object may take, in milliseconds. Before that it is at work, and nobody has to help it.
 * A Kustomization that states no timeout waits for its health checks until half a minute before its interval is over (kustomize-controller
 * api/v1, GetTimeout); each action of a HelmRelease can have a timeout of its own (helm-controller api/v2, Install.GetTimeout).
 */
export function attemptOf(kind: Kind, { interval, timeout, actions, annotated }: Allowed): number {
  const stated = parseDuration(timeout)
  if (kind.kind === fluxKinds.kustomization.kind && isOfGroup(kind, apiGroups.kustomize)) {
    const every = parseDuration(interval)
    return stated ?? (every === undefined ? usualTimeout : Math.max(every - minute / 2, minute / 2))
  }
  if (isOfGroup(kind, apiGroups.operator)) return parseDuration(annotated) ?? usualTimeout
  return Math.max(stated ?? usualTimeout, ...actions.map((action) => parseDuration(action) ?? 0))
}
