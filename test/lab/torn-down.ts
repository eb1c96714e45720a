import { expect } from 'vitest'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds, type KubeObject, type Ref, refOf } from '../../lib/kubernetes/objects.ts'
import { shippedRole } from '../../lib/preflight/rights.ts'
import { documentOf, type Ended, type TestLab } from './harness.ts'

export const namespace = 'flux-system'
export const everything = ['--lab', '--yes', '--destroy=lab-infra']
export const deployment = (name: string): Ref => ({ ...kinds.deployment, namespace, name })

/** That nothing of Flux is left, and all else is. */
export async function verifyTornDown(lab: TestLab, ended: Ended): Promise<void> {
  expect(ended, ended.stderr).toMatchObject({ code: 0 })
  expect(documentOf(ended)).toMatchObject({ outcome: 'done', residue: [], survival: { changed: 0, missing: 0 } })
  expect(await lab.kubectl('get', 'crd', '--output', 'name')).not.toContain('fluxcd')
  expect(await lab.kubectl('get', 'namespaces', '--output', 'name')).not.toContain(`namespace/${namespace}`)
  const roles = await lab.kubectl('get', 'clusterroles,clusterrolebindings', '--output', 'name')
  expect(roles.split('\n').filter((name) => name.includes('flux') && !name.endsWith(`/${shippedRole.name}`))).toEqual([])
}

export async function remove(cluster: Cluster, ref: Ref): Promise<void> {
  const uid = (await cluster.get(ref))?.metadata.uid
  if (uid !== undefined) await cluster.remove(ref, { uid })
}

/**
 * Deletes Deployments and waits until their pods have gone: at once, as with their node, for helm-controller would take ten minutes to end
 * where it waits for a source that is gone.
 */
export async function removeDeployments(cluster: Cluster, ...names: readonly string[]): Promise<void> {
  for (const name of names) await remove(cluster, deployment(name))
  const killed = async (): Promise<KubeObject[]> => {
    const pods = (await cluster.list(kinds.pod, { namespace })).filter(({ metadata }) =>
      names.some((name) => metadata.name.startsWith(name)),
    )
    for (const pod of pods) await cluster.remove(refOf(pod), { uid: pod.metadata.uid ?? '', graceSeconds: 1 })
    return pods
  }
  await expect.poll(killed, { timeout: 60_000 }).toEqual([])
}

export const fluxControllers = ['source-controller', 'kustomize-controller', 'helm-controller', 'notification-controller']
