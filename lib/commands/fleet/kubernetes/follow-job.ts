import type { Cluster } from '../../../kubernetes/client.ts'
import { kinds, type KubeObject } from '../../../kubernetes/objects.ts'
import { watch } from '../../../kubernetes/watch.ts'
import { jobKind, jobLabel } from './names.ts'
import { type JobFacts, jobFactsOf } from './pod-facts.ts'

interface Follower {
  /** Is given each pod of the Job as it is now, again whenever it has changed. */
  readonly see: (pod: KubeObject) => void
  readonly signal: AbortSignal
}

/**
 * Follows a Job until it and its pods have ended.
 * @returns how it ended; undefined where it is gone
 */
export async function followJob(
  cluster: Cluster,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  { see, signal }: Follower,
): Promise<JobFacts | undefined> {
  const over = new AbortController()
  const until = AbortSignal.any([signal, over.signal])
  const pods = { namespace, labels: `${jobLabel}=${name}` }
  const following = followPods()
  try {
    const facts = await Promise.race([followEnd(), following.then(() => undefined)])
    // The two watches know nothing of each other: what the last pod came to may not have been seen.
    for (const pod of await cluster.list(kinds.pod, pods)) see(pod)
    return facts
  } finally {
    over.abort()
    await following.catch(() => undefined)
  }

  async function followPods(): Promise<void> {
    for await (const event of watch(cluster, kinds.pod, pods, until)) {
      if (event.type === 'all') for (const pod of event.objects) see(pod)
      else see(event.object)
    }
  }

  async function followEnd(): Promise<JobFacts | undefined> {
    for await (const event of watch(cluster, jobKind, { namespace, fields: `metadata.name=${name}` }, until)) {
      const job = event.type === 'all' ? event.objects[0] : event.object
      if (job === undefined || event.type === 'gone') return undefined
      const facts = jobFactsOf(job)
      if (facts.end !== undefined) return facts
    }
    signal.throwIfAborted()
    return undefined
  }
}
