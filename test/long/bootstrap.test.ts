import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds, type Ref } from '../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { bootstrapInfra, documentOf, startLab, type TestLab } from '../lab/harness.ts'
import { greet, greetingRef, isAvailable, until, useHelm3, versions } from '../lab/self-managed.ts'

const namespace = 'flux-system'
let lab: TestLab
let infra: Cluster
let apps: Cluster

beforeAll(async () => {
  lab = await startLab(['infra', 'apps'])
  infra = await lab.cluster('lab-infra')
  apps = await lab.cluster('lab-apps')
  await bootstrapInfra()
})
afterAll(() => lab.close())

test('helm 3, which prints what it pulled on stderr, bootstraps a cluster, and a second run changes nothing', async () => {
  onTestFinished(await useHelm3(lab))
  const ended = await lab.run('bootstrap', ['--lab', '--context', 'lab-apps', '--yes', '--json'])
  expect(ended.stderr).toContain('Flux v2.9.5 manages itself on lab-apps')
  expect(ended.code).toBe(0)
  expect(documentOf(ended)).toMatchObject({ context: 'lab-apps', outcome: 'done' })
  const before = await versions(apps)
  const again = await lab.run('bootstrap', ['--lab', '--context', 'lab-apps', '--yes', '--json'])
  expect(documentOf(again)).toMatchObject({ context: 'lab-apps', outcome: 'unchanged', exitCode: 0 })
  expect(await versions(apps)).toEqual(before)
})

test('a commit below the path of a cluster reaches that cluster by Flux alone', async () => {
  await greet(lab, 'apps')
  await until(apps, kinds.configMap, async () => (await apps.get(greetingRef)) !== undefined)
  expect(await infra.get(greetingRef)).toBeUndefined()
})

test('where helm-controller is asked to add no digest to the version of a chart, bootstrap adds none either', async () => {
  await lab.change('kubernetes/infrastructure/gitops/flux-instance/base/helmrelease.yaml', (text) =>
    text.replace(
      '        patches:\n          - target:\n              kind: Deployment\n',
      (whole) => `        patches:\n${noDigest}${whole.replace(/^.*\n/, '')}`,
    ),
  )
  const requestedAt = { metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': new Date().toISOString() } } }
  const charts = [
    [{ ...kinds.deployment, namespace, name: 'flux-operator' }, 'flux-operator-0.59.0'],
    [{ ...fluxKinds.fluxInstance, namespace, name: 'flux' }, 'flux-instance-0.59.0'],
  ] as const
  // Both clusters follow what was changed: the tests after this one see them at the head of Git.
  for (const cluster of [infra, apps]) {
    await cluster.patch({ ...fluxKinds.gitRepository, namespace, name: namespace }, requestedAt)
    const released = async (ref: Ref): Promise<unknown> => (await cluster.get(ref))?.metadata.labels['helm.sh/chart']
    await until(cluster, kinds.deployment, async () => {
      for (const [ref, chart] of charts) if ((await released(ref)) !== chart) return false
      return (await isAvailable(cluster, 'flux-operator')) && isAvailable(cluster, 'helm-controller')
    })
  }
  const ended = await lab.run('bootstrap', ['--lab', '--context', 'lab-apps', '--yes', '--json'])
  expect(ended.code, ended.stderr).toBe(0)
  expect(documentOf(ended)).toMatchObject({ context: 'lab-apps', outcome: 'unchanged' })
})

const noDigest = `          - target: { kind: Deployment, name: helm-controller }
            patch: |
              - op: add
                path: /spec/template/spec/containers/0/args/-
                value: --feature-gates=DisableChartDigestTracking=true
`
