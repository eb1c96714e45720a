import { setMaxListeners } from 'node:events'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type Cluster, clusterAt } from '../lib/kubernetes/client.ts'
import { send } from '../lib/kubernetes/http.ts'
import { tokenEndpoint } from '../lib/kubernetes/transport.ts'
import { kinds } from '../lib/kubernetes/objects.ts'
import { OperatorError } from '../lib/base/errors.ts'
import type { Executables } from './build/executables.ts'
import { type ControlPlane, startControlPlane } from './control-plane.ts'
import { type EtcdKey, readKeys } from './etcd-keys.ts'
import { putClusterBack } from './put-cluster-back.ts'
import type { Keeping } from './supervised-process.ts'
import type { Layout } from './layout.ts'
import { type Faults, type LabNode, startNode } from './node/node.ts'
import type { Ports } from './ports.ts'
import type { ProcessRecord } from './process-record.ts'
import { type TcpProxy, startTcpProxy } from './tcp-proxy.ts'
import { type ProcessStatus, processStatusOf } from './status.ts'

/** One cluster of the lab: its control plane and its node, and the address that people know it by. */
export interface LabCluster {
  readonly name: string
  readonly context: string
  readonly server: string
  readonly proxy: TcpProxy
  /** Undefined while it is stopped. */
  readonly controlPlane: () => ControlPlane | undefined
  /** Starts what does not run of it; with `keys`, it begins as the cluster that it was when they were read. */
  readonly start: (executables: Executables, faults: Faults, keys?: readonly EtcdKey[]) => Promise<void>
  /** All that Kubernetes keeps of it. */
  readonly readKeys: () => Promise<EtcdKey[]>
  /** Ends all that works on the cluster's objects, and hangs up on callers; the API itself continues. */
  readonly pause: () => Promise<void>
  /** Ends its processes at once. The address stays. */
  readonly stop: () => Promise<void>
  readonly setFaults: (faults: Faults) => void
  /** Kills the programs that run for this Deployment; the node decides what happens to them. */
  readonly kill: (deployment: string) => void
  readonly processes: () => ProcessStatus[]
  readonly isReady: () => Promise<boolean>
  /** Waits for what is just being started again. */
  readonly untilReady: () => Promise<void>
}

/** What works on the cluster's objects. */
interface Work {
  readonly node: LabNode
  readonly cluster: Cluster
  readonly aborted: AbortController
  readonly stopRecording: () => void
}

/** The cluster of this name, not started yet: only its address is there, and hangs up. */
// oxlint-disable-next-line max-lines-per-function -- one cluster: its methods share what runs of it
export async function createCluster(name: string, layout: Layout, sockets: string, ports: Ports, keeping: Keeping): Promise<LabCluster> {
  const proxy = await startTcpProxy(ports, `api of ${name}`)
  const folder = join(layout.clusters, name)
  let controlPlane: ControlPlane | undefined
  let work: Work | undefined

  const endWork = async (): Promise<void> => {
    if (work === undefined) return
    const { node, cluster, aborted, stopRecording } = work
    work = undefined
    const nodeStopped = node.stop()
    for (const { pid } of node.processes()) killIfThere(pid)
    await nodeStopped
    stopRecording()
    aborted.abort()
    cluster.endpoint.close()
  }
  const stop = async (): Promise<void> => {
    await endWork()
    const ending = controlPlane
    controlPlane = undefined
    await ending?.stop()
  }
  const startWork = async (plane: ControlPlane, executables: Executables, faults: Faults): Promise<void> => {
    const aborted = new AbortController()
    setMaxListeners(0, aborted.signal) // every request under way listens to it
    try {
      const { server, ca, tokens, certificate } = plane
      const patience = { milliseconds: 5000, trouble: keeping.report, over: () => undefined }
      const cluster = clusterAt(tokenEndpoint(server, tokens['lab-node'], ca), patience, aborted.signal)
      plane.startControllers()
      const artifactPort = await reserveArtifactPorts(name, ports)
      const node = await startNode({
        clusterName: name,
        server,
        ca,
        cluster,
        folder: join(folder, 'node'),
        executables: executables.images,
        bin: executables.bin,
        operatorData: join(executables.operatorConfig, 'data'),
        certificate,
        artifactPort,
        log: (text) => keeping.report(`${name}: ${text}`),
      })
      node.setFaults(faults)
      work = { node, cluster, aborted, stopRecording: recordPods(name, node, keeping.record) }
      await Promise.all([plane.untilReady(), untilControlled(name, cluster)])
    } catch (error) {
      aborted.abort()
      throw error
    }
  }
  const start = async (executables: Executables, faults: Faults, keys?: readonly EtcdKey[]): Promise<void> => {
    try {
      controlPlane ??= await startControlPlane({
        cluster: name,
        folder,
        logs: layout.logs,
        sockets,
        executable: executables.controlPlane,
        keeping,
        proxy,
        ports,
      })
      if (keys !== undefined) await putClusterBack(controlPlane, keys)
      proxy.delay(0)
      await proxy.unblock()
      if (work === undefined) await startWork(controlPlane, executables, faults)
    } catch (error) {
      await stop()
      throw error
    }
  }

  return {
    name,
    context: `lab-${name}`,
    server: `https://127.0.0.1:${proxy.port}`,
    proxy,
    controlPlane: () => controlPlane,
    start,
    async readKeys() {
      return controlPlane === undefined ? [] : readKeys(controlPlane.etcd)
    },
    async pause() {
      await Promise.all([endWork(), controlPlane?.stopControllers()])
      await proxy.block()
    },
    stop,
    setFaults: (faults) => work?.node.setFaults(faults),
    async untilReady() {
      await controlPlane?.untilReady()
    },
    kill(deployment) {
      for (const { pod, pid } of work?.node.processes() ?? []) {
        if (pod.split('/').at(-1)?.startsWith(`${deployment}-`) === true) killIfThere(pid)
      }
    },
    processes() {
      if (controlPlane === undefined) return []
      const { processes, port } = controlPlane
      const portsOf = (program: string): Record<string, number> =>
        program.endsWith('/kube-apiserver') ? { api: proxy.port, direct: port } : {}
      const own = processes().map((kept) => processStatusOf(kept, portsOf(kept.name), name))
      const pods = (work?.node.processes() ?? []).map(({ pod, container, image, pid, ports: used, kind, state }): ProcessStatus => ({
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
      if (work === undefined) return false
      try {
        const answer = await send(work.cluster.endpoint, { method: 'GET', path: '/version' }, AbortSignal.timeout(2000))
        answer.resume()
        return true
      } catch {
        return false
      }
    },
  }
}

/** Keeps the record of the node's processes up to date; the node does not announce when it starts one. Returns how to stop that. */
function recordPods(cluster: string, node: LabNode, record: ProcessRecord): () => void {
  const recorded = new Set<number>()
  const forget = (pid: number): void => {
    recorded.delete(pid)
    record.remove(pid)
  }
  const timer = setInterval(() => {
    const running = new Map(node.processes().flatMap(({ pod, pid }) => (pid === undefined ? [] : [[pid, pod] as const])))
    for (const pid of recorded) if (!running.has(pid)) forget(pid)
    for (const [pid, pod] of running) {
      if (recorded.has(pid)) continue
      recorded.add(pid)
      record.add(`${cluster}/${pod}`, pid)
    }
  }, 1000)
  return () => {
    clearInterval(timer)
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

/** The port at which a Deployment of source-controller serves artifacts: the same as long as the cluster runs, and known before the first pod. */
async function reserveArtifactPorts(name: string, ports: Ports): Promise<(deployment: string) => Promise<number>> {
  const main = Promise.resolve(await ports.free(`artifacts of ${name}`))
  const known = new Map([
    ['', main],
    ['source-controller', main],
  ])
  return (deployment) => {
    const port = known.get(deployment) ?? ports.free(`artifacts of ${name} by ${deployment}`)
    known.set(deployment, port)
    return port
  }
}
