import { text } from 'node:stream/consumers'
import { messageOf } from '../base/errors.ts'
import type { Cluster } from './client.ts'
import { send } from './http.ts'

/** A kubelet that does not answer is not waited for, in milliseconds. */
const patience = 10_000

/** The last lines of a container's log, or of the run before; where it cannot be read, why. */
export async function readLog(
  { endpoint, signal }: Pick<Cluster, 'endpoint' | 'signal'>,
  pod: { readonly namespace: string; readonly name: string },
  container: string,
  { previous, lines }: { readonly previous: boolean; readonly lines: number },
): Promise<string> {
  const query = new URLSearchParams({ container, tailLines: String(lines), previous: String(previous), limitBytes: '100000' })
  const path = `/api/v1/namespaces/${encodeURIComponent(pod.namespace)}/pods/${encodeURIComponent(pod.name)}/log?${query.toString()}`
  try {
    return await text(
      await send(endpoint, { method: 'GET', path, accept: '*/*' }, AbortSignal.any([signal, AbortSignal.timeout(patience)])),
    )
  } catch (error) {
    return `(cannot be read: ${messageOf(error)})`
  }
}
