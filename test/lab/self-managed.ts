import { execFileSync } from 'node:child_process'
import { dirname } from 'node:path'
import { expect } from 'vitest'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { type Kind, kinds, nameOf, refOf } from '../../lib/kubernetes/objects.ts'
import { deploymentReadiness } from '../../lib/kubernetes/readiness.ts'
import { onChange } from '../../lib/kubernetes/watch.ts'
import type { TestLab } from './harness.ts'

const namespace = 'flux-system'

/** Waits on a watch until it is so, never longer than `patience`. */
export async function until(cluster: Cluster, kind: Kind, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + patience
  const changes = onChange(cluster, [{ kind, query: {} }])
  try {
    while (!(await isSo())) {
      if (Date.now() > deadline) throw new Error(`${kind.kind}: not so after ${patience / 1000} s`)
      await changes.next(2000)
    }
  } finally {
    changes.stop()
  }
}
/** What repairs itself does so within two minutes on a quiet machine. */
const patience = 360_000

/** What a bootstrap could have made, changed or written to; what the controllers do meanwhile is theirs: statuses, their own applies. */
export async function versions(cluster: Cluster): Promise<string[]> {
  const watched = [kinds.namespace, kinds.secret, kinds.configMap, kinds.serviceAccount, kinds.crd, kinds.deployment]
  const lists = await Promise.all(watched.map((kind) => cluster.list(kind)))
  return lists.flat().map((object) => {
    const { uid, generation, managedFields } = object.metadata
    const written = managedFields.filter(({ manager }) => manager === 'flux-runbook').map(({ time }) => String(time))
    return `${nameOf(refOf(object))} ${uid} ${generation} ${written.join(' ')}`
  })
}

export async function isAvailable(cluster: Cluster, name: string): Promise<boolean> {
  return (await deploymentReadiness(cluster, { ...kinds.deployment, namespace, name })).is === 'ready'
}

/** A ConfigMap that a colleague commits below the path of a cluster. */
const greeting = `apiVersion: v1
kind: ConfigMap
metadata:
  name: greeting
  namespace: flux-system
data:
  hello: world
`

export const greetingRef = { ...kinds.configMap, namespace, name: 'greeting' }

/** Commits it for one of the lab's clusters. */
export async function greet(lab: TestLab, cluster: string): Promise<void> {
  await lab.change(`kubernetes/clusters/${cluster}/greeting.yaml`, () => greeting)
  await lab.change(`kubernetes/clusters/${cluster}/kustomization.yaml`, (text) => `${text.trimEnd()}\n  - greeting.yaml\n`)
}

/** Has scripts use helm 3 until the returned function is called. */
export async function useHelm3(lab: TestLab): Promise<() => Promise<void>> {
  const { helm: own } = await lab.access()
  expect((await lab.run('lab', ['up', '--clusters', 'infra', '--helm', '3'])).code).toBe(0)
  const { helm } = await lab.access()
  expect(execFileSync(helm, ['version', '--template', '{{.Version}}'], { encoding: 'utf8' })).toMatch(/^v3\.18\./)
  expect((await lab.run('lab', ['env'])).stdout).toContain(`export PATH=${dirname(helm)}:`)
  return async () => {
    await lab.run('lab', ['up', '--clusters', 'infra', '--helm', '4'])
    expect((await lab.access()).helm).toBe(own)
  }
}
