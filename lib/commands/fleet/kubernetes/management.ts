import { OperatorError } from '../../../base/errors.ts'
import type { Redactor } from '../../../base/redactor.ts'
import { openSession } from '../../../connection/session.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { kinds } from '../../../kubernetes/objects.ts'
import type { Console } from '../../../terminal/console.ts'
import { claimKind, standing } from './names.ts'
import type { Place } from './place.ts'

/** The management cluster, reached, and the namespace of the fleets there. */
export interface Management extends Place {
  readonly cluster: Cluster
  /** A folder of this run alone, gone when it ends. */
  readonly folder: string
  readonly close: () => Promise<void>
}

/** How long its API is waited for, in milliseconds. */
const timeout = 60_000

/** Reaches the management cluster. Throws OperatorError `usage` or `blocked` where that is not possible. */
export async function openManagement(
  { context, namespace, kubeconfig }: { readonly context: string; readonly namespace: string; readonly kubeconfig: string | undefined },
  { console, redactor, signal }: { readonly console: Console; readonly redactor: Redactor; readonly signal: AbortSignal },
): Promise<Management> {
  const tools = { kubectl: 'kubectl', helm: 'helm', flux: undefined }
  const session = await openSession({ tools, registry: {}, context, kubeconfig, console, timeout, redactor, signal })
  return { context, namespace, cluster: session.cluster, folder: session.folder(), close: session.close }
}

/**
 * Makes sure that an administrator has made what the Jobs need in the namespace.
 * @throws OperatorError `blocked`, naming all that is missing
 */
export async function verifyStanding({ context, namespace, cluster }: Management): Promise<void> {
  const wanted = [
    { ...kinds.namespace, name: namespace },
    { ...kinds.serviceAccount, namespace, name: standing.conductor },
    { ...kinds.serviceAccount, namespace, name: standing.worker },
    { ...claimKind, namespace, name: standing.claim },
  ]
  const found = await Promise.all(wanted.map((ref) => cluster.get(ref)))
  const missing = wanted.filter((_, at) => found[at] === undefined).map(({ kind, name }) => `${kind} ${name}`)
  if (missing.length === 0) return
  throw new OperatorError(`the context ${context} lacks what the fleet's Jobs need: ${missing.join(', ')}. Nothing was started`, {
    kind: 'blocked',
    remedy: `read it, then: kubectl --context ${context} apply -f kubernetes/rbac/flux-runbook-fleet.yaml`,
  })
}
