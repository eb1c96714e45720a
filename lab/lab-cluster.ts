import { setMaxListeners } from 'node:events'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type Cluster, clusterAt } from '../lib/cluster/cluster.ts'
import { send } from '../lib/cluster/http.ts'
import { tokenEndpoint } from '../lib/cluster/transport.ts'
import { kinds } from '../lib/cluster/objects.ts'
import { OperatorError } from '../lib/errors.ts'
import type { Executables } from './build/executables.ts'
import { type ControlPlane, startControlPlane } from './control-plane.ts'
import type { Keeping } from './kept-process.ts'
import type { Layout } from './layout.ts'
import { type Faults, type LabNode, startNode } from './node/node.ts'
import type { Ports } from './ports.ts'
import type { ProcessRecord } from './process-record.ts'
import { type Relay, startRelay } from './relay.ts'
import { type ProcessStatus, statusOf } from './status.ts'

/** One cluster of the lab: its control plane and its node, and the address that people know it by. */
export interface LabCluster {
  readonly name: string
  readonly context: string
  readonly server: string
  readonly relay: Relay
  /** Undefined while it is stopped. */
  readonly controlPlane: () => ControlPlane | undefined
  readonly start: (executables: Executables, faults: Faults) => Promise<void>
  /** Ends its processes; `gently` gives the programs in pods time to finish what they are at. The address stays. */
  readonly stop: (how: 'at once' | 'gently') => Promise<void>
  readonly setFaults: (faults: Faults) => void
  /** Kills the programs that run for this Deployment; the node decides what becomes of them. */
  readonly kill: (deployment: string) => void
  readonly processes: () => ProcessStatus[]
  readonly isReady: () => Promise<boolean>
  /** Waits for what is just being started again. */
  readonly untilReady: () => Promise<void>
}

interface Running {
  readonly controlPlane: ControlPlane
  readonly node: LabNode
  readonly cluster: Cluster
  readonly aborted: AbortController
  readonly stopRecording: () => void
}

/** The cluster of this name, not started yet: only its address is there, and hangs up. */
export async function createCluster(name: string, layout: Layout, sockets: string, ports: Ports, keeping: Keeping): Promise<LabCluster> {
  const relay = await startRelay(ports, `api of ${name}`)
  const folder = join(layout.clusters, name)
  let running: Running | undefined

  const stop = async (how: 'at once' | 'gently'): Promise<void> => {
    if (running === undefined) return
    const { controlPlane, node, cluster, aborted, stopRecording } = running
    running = undefined
    const nodeStopped = node.stop()
    if (how === 'at once') for (const { pid } of node.processes()) killIfThere(pid)
    await nodeStopped
    stopRecording()
    aborted.abort()
    cluster.endpoint.close()
    await controlPlane.stop()
  }
  const start = async (executables: Executables, faults: Faults): Promise<void> => {
    const options = { cluster: name, folder, logs: layout.logs, sockets, executable: executables.controlPlane, keeping, relay, ports }
    const controlPlane = await startControlPlane(options)
    const aborted = new AbortController()
    setMaxListeners(0, aborted.signal) // every request under way listens to it
    try {
      const { server, ca, tokens, certificate } = controlPlane
      const patience = { milliseconds: 5000, trouble: keeping.tell, over: () => undefined }
      const cluster = clusterAt(tokenEndpoint(server, tokens['lab-node'], ca), patience, aborted.signal)
      const node = await startNode({
        clusterName: name,
        server,
        ca,
        cluster,
        folder: join(folder, 'node'),
        executables: executables.images,
        operatorData: join(executables.operatorConfig, 'data'),
        certificate,
        artifactPort: await ports.free(`artifacts of ${name}`),
        log: (text) => keeping.tell(`${name}: ${text}`),
      })
      node.setFaults(faults)
      running = { controlPlane, node, cluster, aborted, stopRecording: recordPods(name, node, keeping.record) }
      await Promise.all([controlPlane.untilReady(), untilControlled(name, cluster)])
    } catch (error) {
      await stop('at once')
      aborted.abort()
      await controlPlane.stop()
      throw error
    }
  }

  return {
    name,
    context: `lab-${name}`,
    server: `https://127.0.0.1:${relay.port}`,
    relay,
    controlPlane: () => running?.controlPlane,
    start,
    stop,
    setFaults: (faults) => running?.node.setFaults(faults),
    async untilReady() {
      await running?.controlPlane.untilReady()
    },
    kill(deployment) {
      for (const { pod, pid } of running?.node.processes() ?? []) {
        if (pod.split('/').at(-1)?.startsWith(`${deployment}-`) === true) killIfThere(pid)
      }
    },
    processes() {
      if (running === undefined) return []
      const { processes, port } = running.controlPlane
      const portsOf = (program: string): Record<string, number> =>
        program.endsWith('/kube-apiserver') ? { api: relay.port, direct: port } : {}
      const own = processes.map((kept) => statusOf(kept, portsOf(kept.name), name))
      const pods = running.node.processes().map(({ pod, container, image, pid, ports: used, kind, state }): ProcessStatus => ({
        name: `${pod}/${container}`,
        cluster: name,
        kind,
        state,
        image,
        ports: { ...used },
        restarts: 0,
        ...(pid === undefined ? {} : { pid }),
      }))
      return [...own, ...pods]
    },
    async isReady() {
      if (running === undefined) return false
      try {
        const answer = await send(running.cluster.endpoint, { method: 'GET', path: '/version' }, AbortSignal.timeout(2000))
        answer.resume()
        return true
      } catch {
        return false
      }
    },
  }
}

/** Keeps the record of the node's processes up to date; the node tells nobody when it starts one. Returns how to stop that. */
function recordPods(cluster: string, node: LabNode, record: ProcessRecord): () => void {
  const recorded = new Set<number>()
  const forget = (pid: number): void => {
    recorded.delete(pid)
    record.remove(pid)
  }
  const look = setInterval(() => {
    const running = new Map(node.processes().flatMap(({ pod, pid }) => (pid === undefined ? [] : [[pid, pod] as const])))
    for (const pid of recorded) if (!running.has(pid)) forget(pid)
    for (const [pid, pod] of running) {
      if (recorded.has(pid)) continue
      recorded.add(pid)
      record.add(`${cluster}/${pod}`, pid)
    }
  }, 1000)
  return () => {
    clearInterval(look)
    for (const pid of recorded) forget(pid)
  }
}

/** Waits until kube-controller-manager works: a namespace then has the service account that pods need. */
async function untilControlled(name: string, cluster: Cluster): Promise<void> {
  const account = { ...kinds.serviceAccount, namespace: 'default', name: 'default' }
  for (const deadline = Date.now() + 60_000; (await cluster.get(account)) === undefined; await pause(50)) {
    if (Date.now() > deadline) {
      throw new OperatorError(`kube-controller-manager of the lab's cluster ${name} does nothing`, {
        remedy: `npx zx scripts/lab.ts logs ${name}-kube-controller-manager`,
      })
    }
  }
}

function killIfThere(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}
