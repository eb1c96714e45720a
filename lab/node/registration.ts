import { cpus, totalmem } from 'node:os'
import * as v from 'valibot'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds, parseObject } from '../../lib/kubernetes/objects.ts'
import { now } from './pod-status.ts'

const versionSchema = v.object({ gitVersion: v.string() })

/** Makes the Node that pods are bound to, Ready for good: the controller that asks for heartbeats is not run in the lab. */
export async function registerNode(cluster: Cluster, name: string, description: string, kubeletPort: number): Promise<void> {
  const node = { ...kinds.node, name }
  const { gitVersion } = v.parse(versionSchema, await cluster.read('/version'))
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch
  const labels = { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': architecture }
  await cluster.apply(parseObject({ ...kinds.node, metadata: { name, labels } }))
  // The server taints new nodes as not ready, and the controller that would lift that is the same one.
  await cluster.patch(node, { spec: { taints: null } })
  const at = now()
  const ready = { type: 'Ready', status: 'True', reason: 'LabNode', message: 'pods run as processes' }
  const resources = { cpu: String(cpus().length), memory: String(totalmem()), pods: '1000' }
  const status = {
    capacity: resources,
    allocatable: resources,
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
    conditions: [{ ...ready, lastHeartbeatTime: at, lastTransitionTime: at }],
    nodeInfo: {
      kubeletVersion: gitVersion,
      osImage: description,
      operatingSystem: 'linux',
      architecture,
      containerRuntimeVersion: 'lab://processes',
    },
  }
  await cluster.patch(node, { status }, 'status')
}
