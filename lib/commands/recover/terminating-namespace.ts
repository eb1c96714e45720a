import type { Cluster } from '../../kubernetes/client.ts'
import { kinds } from '../../kubernetes/objects.ts'
import { waitUntil } from '../../kubernetes/wait-until.ts'
import type { Console } from '../../terminal/console.ts'
import { findTerminatingNamespace } from '../../preflight/terminating.ts'

/** How long a namespace that nothing holds may take to be gone, in milliseconds: Kubernetes takes seconds, and pods their grace. */
const patience = 60_000

/**
 * Waits while Flux's namespace is on its way out by itself: what was deleted a moment ago is gone in a moment, and only then can Flux come
 * back. One that is held, or takes too long, is the preflight's to tell.
 */
export async function awaitNamespaceGone(cluster: Cluster, name: string, console: Console): Promise<void> {
  const isOnItsWay = async (): Promise<boolean> => (await findTerminatingNamespace(cluster, name))?.isHeld === false
  if (!(await isOnItsWay())) return
  const waiting = console.wait(`Namespace ${name} is being deleted: waiting until it is gone`)
  try {
    await waitUntil(cluster, {
      watches: [{ kind: kinds.namespace, query: { fields: `metadata.name=${name}` } }],
      timeout: patience,
      check: isOnItsWay,
      isOver: (isStillOnItsWay) => !isStillOnItsWay,
    })
  } finally {
    waiting.stop()
  }
}
