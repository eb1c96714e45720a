import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds } from '../../lib/kubernetes/objects.ts'
import { stateOfFlux } from '../lab/flux-state.ts'
import { bootstrappedLab, documentOf, type Ended, type TestLab } from '../lab/harness.ts'
import { everything, fluxControllers, namespace, remove, removeDeployments, verifyTornDown } from '../lab/torn-down.ts'

let lab: TestLab
let cluster: Cluster

beforeAll(async () => {
  lab = await bootstrappedLab()
  await lab.snapshot('bootstrapped')
})
afterAll(() => lab.close())
beforeEach(async () => {
  await lab.reset('bootstrapped')
  rmSync(join(lab.home, 'runs'), { recursive: true, force: true })
  cluster = await lab.cluster('lab-infra')
})

const teardown = (): Promise<Ended> => lab.run('teardown', [...everything, '--json'])

test('a terminal that closes before the point of no return leaves all as it was, with nobody left to tell', async () => {
  const before = await stateOfFlux(cluster)
  const running = lab.start('teardown', [...everything, '--json'])
  await running.said("✔ Stop Flux's controllers")
  running.hangUp()
  running.kill('SIGHUP')
  running.kill('SIGHUP') // by the kernel and by the shell
  const ended = await running.ended
  expect(ended.code).toBe(130)
  expect(documentOf(ended)).toMatchObject({ outcome: 'cancelled', error: { message: 'stopped; everything is as it was' } })
  expect(await stateOfFlux(cluster)).toEqual(before)
  expect(await cluster.get({ ...kinds.lease, namespace: 'kube-system', name: 'flux-runbook' })).toBeUndefined()
  const healthy = await lab.run('bootstrap', ['--lab', '--dry-run', '--json'])
  expect(documentOf(healthy)).toMatchObject({ outcome: 'unchanged' })
})

test('the namespace stuck Terminating on a FluxInstance, and CustomResourceDefinitions too', async () => {
  await removeDeployments(cluster, 'flux-operator', ...fluxControllers)
  await remove(cluster, { ...kinds.crd, name: 'kustomizations.kustomize.toolkit.fluxcd.io' })
  await remove(cluster, { ...kinds.namespace, name: namespace })
  const isStuck = async (): Promise<string> => JSON.stringify(await cluster.get({ ...kinds.namespace, name: namespace }))
  await expect.poll(isStuck, { timeout: 60_000 }).toContain('fluxcd.controlplane.io/finalizer')
  await verifyTornDown(lab, await teardown())
})

test('after flux uninstall, which said that it had finished', async () => {
  const { bin, kubeconfig } = await lab.access()
  execFileSync(join(bin, 'flux'), ['uninstall', '--silent', '--context=lab-infra'], {
    env: { KUBECONFIG: kubeconfig, HOME: lab.home },
    stdio: 'pipe',
  })
  await verifyTornDown(lab, await teardown())
})
