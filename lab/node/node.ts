import { setMaxListeners } from 'node:events'
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds } from '../../lib/kubernetes/objects.ts'
import { watch } from '../../lib/kubernetes/watch.ts'
import { messageOf } from '../../lib/base/errors.ts'
import { once } from '../../lib/base/once.ts'
import type { Executable } from './images.ts'
import { startKubeletServer } from './kubelet-server.ts'
import type { Faults, ProcessInfo } from './pod.ts'
import { Pods } from './pods.ts'
import { buildOwnProgram, ownImage } from './own-image.ts'
import { registerNode } from './registration.ts'

export type { Executable } from './images.ts'
export type { Faults, ProcessInfo } from './pod.ts'

export interface NodeOptions {
  /** `infra` or `apps`. */
  readonly clusterName: string
  /** Where the API server listens: https, on loopback. */
  readonly server: string
  /** PEM of the authority that signed the API server's certificate. */
  readonly ca: string
  /** The API, with the node's own rights. */
  readonly cluster: Cluster
  /** A folder of the node's own for the pods' kubeconfigs, homes and logs. */
  readonly folder: string
  readonly executables: readonly Executable[]
  /** A folder with kubectl and what else this project's own image has. */
  readonly bin: string
  /** The operator's manifests of every Flux version: its module's `config/data`. */
  readonly operatorData: string
  /** The pair of the port that `kubectl logs` reaches; the API server must present the same one (`--kubelet-client-certificate`). */
  readonly certificate: { readonly cert: string; readonly key: string }
  /** Where a Deployment of source-controller serves artifacts, one for each shard: sources keep this address in their status. */
  readonly artifactPort: (deployment: string) => Promise<number>
  /** What is to fail from the first pod on. */
  readonly faults?: Faults
  /** Called whenever `processes()` may have changed. */
  readonly changed?: () => void
  readonly log?: (text: string) => void
}

export interface LabNode {
  /** Ends every process and server of the node, insisting after `graceSeconds` (5); nothing is reported to the API. */
  readonly stop: (graceSeconds?: number) => Promise<void>
  readonly processes: () => ProcessInfo[]
  /**
   * Replaces the faults. A partition cuts off and reconnects what runs; a crash or an unreachable image counts from the next start on.
   * What backs off retries at once.
   */
  readonly setFaults: (faults: Faults) => void
}

const nodeName = 'lab'

/**
 * Starts a kubelet's stand-in: it registers a node, binds every pod to it and runs Flux' own programs as processes. When it resolves,
 * the API reports no pod as Ready any more that was so before the node came.
 */
// oxlint-disable-next-line max-lines-per-function -- one node: its methods share the pods
export async function startNode(options: NodeOptions): Promise<LabNode> {
  const { cluster, log = () => undefined } = options
  const stopped = new AbortController()
  const signal = AbortSignal.any([stopped.signal, cluster.signal])
  setMaxListeners(0, signal) // every pod listens to it
  let faults = options.faults ?? { images: [], crash: [], partition: [] }
  let faultsChanged = new AbortController()

  const folder = join(options.folder, 'pods')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  chmodSync(folder, 0o700)
  const pods = new Pods({
    ...options,
    executables: [...options.executables, ownImage()],
    name: nodeName,
    folder,
    claims: join(options.folder, 'claims'),
    ownProgram: once(() => buildOwnProgram(join(options.folder, 'image'))),
    apiPort: Number(new URL(options.server).port),
    faults: () => faults,
    faultsChanged: () => faultsChanged.signal,
    stopped: signal,
    changed: options.changed ?? (() => undefined),
    log,
  })

  let sawAll: () => void = () => undefined
  const seen = new Promise<void>((resolve) => (sawAll = resolve))
  const follow = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        for await (const event of watch(cluster, kinds.pod, {}, signal)) {
          pods.take(event)
          sawAll() // the first event is all there is
        }
      } catch (error) {
        if (signal.aborted) return
        log(`watching pods: ${messageOf(error)}`)
        await pause(1000, undefined, { signal }).catch(() => undefined)
      }
    }
  }

  const kubelet = await startKubeletServer(options.certificate, (...wanted) => pods.findLog(...wanted))
  try {
    await registerNode(cluster, nodeName, `Flux Runbook's lab, cluster ${options.clusterName}`, kubelet.port)
  } catch (error) {
    kubelet.close()
    throw error
  }
  const following = follow()
  await Promise.race([seen, following])
  await Promise.all(pods.all.map((pod) => pod.reported()))

  return {
    processes: () => pods.all.flatMap((pod) => pod.processes()),
    setFaults(next) {
      faults = next
      for (const pod of pods.all) pod.applyFaults()
      const before = faultsChanged
      faultsChanged = new AbortController()
      before.abort()
    },
    async stop(graceSeconds = 5) {
      stopped.abort()
      kubelet.close()
      const ended = Promise.all([following, ...pods.all.map((pod) => pod.terminate(graceSeconds))])
      // By then every process is killed; what may still wait is a request to an API that is gone.
      await Promise.race([ended, pause((graceSeconds + 1) * 1000, undefined, { ref: false })])
    },
  }
}
