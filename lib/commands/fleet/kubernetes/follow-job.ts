import { setTimeout as pause } from 'node:timers/promises'
import type { Cluster } from '../../../kubernetes/client.ts'
import { kinds, type KubeObject } from '../../../kubernetes/objects.ts'
import { watch } from '../../../kubernetes/watch.ts'
import { jobKind, jobLabel } from './names.ts'
import { fleetPodFacts, type JobFacts, jobFactsOf } from './pod-facts.ts'

/** How long a watch of pods may be behind that of their Job, in milliseconds. */
const catchesUp = 10_000

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
  const running = new Set<string>()
  const take = (pod: KubeObject): void => {
    if (fleetPodFacts(pod).is === 'running') running.add(pod.metadata.name)
    else running.delete(pod.metadata.name)
    see(pod)
  }
  const following = followPods()
  try {
    const facts = await Promise.race([followEnd(), following.then(() => undefined)])
    // The two watches know nothing of each other: what the last pods came to may not have been seen, and those of a Job that failed go.
    for (const pod of await cluster.list(kinds.pod, pods)) take(pod)
    for (const deadline = Date.now() + catchesUp; running.size > 0 && Date.now() < deadline;) await pause(100, undefined, { signal })
    return facts
  } finally {
    over.abort()
    await following.catch(() => undefined)
  }

  async function followPods(): Promise<void> {
    for await (const event of watch(cluster, kinds.pod, pods, until)) {
      if (event.type === 'all') for (const pod of event.objects) take(pod)
      else take(event.object)
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
