import * as v from 'valibot'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Cluster } from '../../lib/cluster/cluster.ts'
import { listControllerCrds } from '../../lib/cluster/flux-objects.ts'
import { stateOf } from '../../lib/cluster/flux-instance.ts'
import { kinds, type Ref } from '../../lib/cluster/objects.ts'
import { readinessOf } from '../../lib/cluster/readiness.ts'
import { documentOf, startLab, type TestLab } from './harness.ts'

const namespace = 'flux-system'
let lab: TestLab

beforeAll(async () => {
  lab = await startLab(['infra', 'apps'])
  await done('lab', ['up', '--clusters', 'infra,apps', '--flux', '2.7.0'])
  for (const cluster of ['infra', 'apps']) {
    await lab.change(`kubernetes/clusters/${cluster}/settings.yaml`, (text) =>
      text.replace('flux_version: "2.9.5"', 'flux_version: "2.7.0"'),
    )
  }
  await lab.change('kubernetes/clusters/infra/workload.yaml', () => workload)
  await lab.change('kubernetes/clusters/infra/kustomization.yaml', (text) => `${text.trimEnd()}\n  - workload.yaml\n`)
  for (const context of ['lab-infra', 'lab-apps']) await done('bootstrap', ['--lab', '--context', context, '--yes'])
})
afterAll(() => lab.close())

async function done(script: string, args: readonly string[]): Promise<ReturnType<typeof documentOf> | undefined> {
  const ended = await lab.run(script, args)
  expect(ended, ended.stderr).toMatchObject({ code: 0 })
  return args.includes('--json') ? documentOf(ended) : undefined
}

const instance: Ref = { ...kinds.fluxInstance, namespace, name: 'flux' }

async function applied(cluster: Cluster): Promise<string> {
  const object = await cluster.get(instance)
  expect(object === undefined ? undefined : readinessOf(object)).toMatchObject({ is: 'ready' })
  return object === undefined ? '' : stateOf(object).applied
}

/** The UIDs of what Flux has deployed, and of the objects that say so. */
async function uids(cluster: Cluster): Promise<(string | undefined)[]> {
  const refs: Ref[] = [
    { ...kinds.deployment, namespace: 'default', name: 'workload' },
    { ...kinds.kustomization, namespace, name: 'infra-gitops-flux-instance' },
    { ...kinds.helmRelease, namespace, name: 'flux-instance' },
    { ...kinds.gitRepository, namespace, name: 'old-hand' },
    { ...kinds.namespace, name: namespace },
  ]
  return Promise.all(refs.map(async (ref) => (await cluster.get(ref))?.metadata.uid))
}

const managedSchema = v.object({ metadata: v.object({ managedFields: v.array(v.looseObject({ apiVersion: v.string() })) }) })

test('2.7.0 → 2.9.5 on both clusters in their order, CRDs and objects migrated, and all the way back, the workloads untouched', async () => {
  const infra = await lab.cluster('lab-infra')
  const old = { apiVersion: 'source.toolkit.fluxcd.io/v1beta2', kind: 'GitRepository', namespace, name: 'old-hand' }
  const { git } = await lab.access()
  const kubectl = ['kubectl', '--context', 'lab-infra', '--', '--namespace', namespace]
  // Written in a version that Flux 2.8 takes away.
  await infra.apply({
    apiVersion: old.apiVersion,
    kind: old.kind,
    metadata: { name: old.name, namespace, labels: {}, annotations: {}, finalizers: [], managedFields: [] },
    spec: { interval: '10m', url: git.anonymousUrl, ref: { branch: 'main' } },
  })
  await done('lab', [...kubectl, 'wait', '--for=condition=Ready', '--timeout=60s', 'gitrepositories.source.toolkit.fluxcd.io/old-hand'])
  const before = await uids(infra)
  expect(before).not.toContain(undefined)
  expect(await applied(infra)).toBe('2.7.0')

  const wanted = ['--lab', '--context', 'lab-infra,lab-apps', '--to', '2.9.5', '--yes', '--json']
  const unconsented = await lab.run('upgrade', wanted)
  expect(unconsented).toMatchObject({ code: 2, stderr: expect.stringContaining('--destroy=lab-infra') })

  const ended = await lab.run('upgrade', [...wanted, '--destroy=lab-infra,lab-apps'])
  expect(ended, ended.stderr).toMatchObject({ code: 0 })
  const { runs } = v.parse(severalSchema, ended.stdout)
  expect(runs.map(({ context, outcome, from, to }) => `${context} ${outcome} ${from} ${to}`)).toEqual([
    'lab-infra done 2.7.0 2.9.5',
    'lab-apps done 2.7.0 2.9.5',
  ])
  expect(ended.stderr).toContain('API versions that go away: ')
  expect(await applied(infra)).toBe('2.9.5')
  expect(await applied(await lab.cluster('lab-apps'))).toBe('2.9.5')
  const crds = await listControllerCrds(infra)
  for (const { name, versions, stored } of crds)
    expect(
      stored.every((one) => versions.includes(one)),
      name,
    ).toBe(true)
  expect(crds.find(({ kind }) => kind === 'GitRepository')?.versions).toEqual(['v1'])
  const hand = await infra.get({ ...kinds.gitRepository, namespace, name: 'old-hand' })
  const versions = v.parse(managedSchema, hand).metadata.managedFields.map(({ apiVersion }) => apiVersion)
  expect(new Set(versions)).toEqual(new Set(['source.toolkit.fluxcd.io/v1']))
  expect(await uids(infra)).toEqual(before)

  const refused = await lab.run('rollback', ['--lab', '--yes'])
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('--destroy=lab-infra') })
  const back = await done('rollback', ['--lab', '--yes', '--destroy=lab-infra', '--json'])
  expect(back).toMatchObject({ outcome: 'done', from: '2.9.5', to: '2.7.0' })
  expect(await applied(infra)).toBe('2.7.0')
  expect(await uids(infra)).toEqual(before)
})

const severalSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ runs: v.array(v.object({ context: v.string(), outcome: v.string(), from: v.string(), to: v.string() })) }),
)

const workload = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: workload
  namespace: default
spec:
  selector: {matchLabels: {app: workload}}
  template:
    metadata: {labels: {app: workload}}
    spec:
      containers:
        - name: main
          image: registry.example.com/workload:1
`
