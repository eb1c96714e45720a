import * as v from 'valibot'
import { stringify } from 'yaml'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { Cluster } from '../../lib/cluster/cluster.ts'
import { listControllerCrds } from '../../lib/cluster/flux-objects.ts'
import { stateOf } from '../../lib/cluster/flux-instance.ts'
import { kinds, parseObject, type Ref } from '../../lib/cluster/objects.ts'
import { readinessOf } from '../../lib/cluster/readiness.ts'
import { openHand, readPrinted, rollBackByHand } from './by-hand.ts'
import { documentOf, startLab, type TestLab, untilRunning } from './harness.ts'

const namespace = 'flux-system'
let lab: TestLab

beforeAll(async () => {
  lab = await startLab(['infra', 'apps'], ['2.7.0'])
  for (const cluster of ['infra', 'apps']) {
    await lab.change(`kubernetes/clusters/${cluster}/settings.yaml`, (text) =>
      text.replace('flux_version: "2.9.5"', 'flux_version: "2.7.0"'),
    )
  }
  await lab.change('kubernetes/clusters/infra/workload.yaml', () => workload)
  await lab.change('kubernetes/clusters/infra/kustomization.yaml', (text) => `${text.trimEnd()}\n  - workload.yaml\n`)
  for (const context of ['lab-infra', 'lab-apps']) await done('bootstrap', ['--lab', '--context', context, '--yes'])
  await lab.snapshot('old')
})
afterAll(() => lab.close())

async function done(script: string, args: readonly string[]): Promise<ReturnType<typeof documentOf> | undefined> {
  const ended = await lab.run(script, args)
  expect(ended, ended.stderr).toMatchObject({ code: 0 })
  return args.includes('--json') ? documentOf(ended) : undefined
}

const instance: Ref = { ...kinds.fluxInstance, namespace, name: 'flux' }

/** The version that the FluxInstance has applied, once it is Ready: the operator looks at it every minute, and then it is not. */
async function applied(cluster: Cluster): Promise<string | undefined> {
  const look = async (): Promise<{ is: string; applied: string } | undefined> => {
    const object = await cluster.get(instance)
    return object && { is: readinessOf(object).is, applied: stateOf(object).applied }
  }
  await expect.poll(look, { timeout: 60_000 }).toMatchObject({ is: 'ready' })
  return (await look())?.applied
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

/** A GitRepository in an API version that Flux 2.8 takes away. */
async function oldObject(name: string): Promise<object> {
  const { git } = await lab.access()
  return {
    apiVersion: 'source.toolkit.fluxcd.io/v1beta2',
    kind: 'GitRepository',
    metadata: { name, namespace },
    spec: { interval: '10m', url: git.anonymousUrl, ref: { branch: 'main' } },
  }
}

/** Waits until the cluster has the GitRepository, and everything that Flux applies is Ready. */
async function settled(name: string): Promise<void> {
  const wait = ['--namespace', namespace, 'wait', '--timeout=90s']
  await lab.kubectl(...wait, '--for=create', `gitrepositories.source.toolkit.fluxcd.io/${name}`)
  await lab.kubectl(...wait, '--for=condition=Ready', '--all', 'gitrepositories.source.toolkit.fluxcd.io')
  await lab.kubectl(...wait, '--for=condition=Ready', '--all', 'kustomizations.kustomize.toolkit.fluxcd.io')
}

/** Applies kubernetes/of-old. */
const ofOld = {
  apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
  kind: 'Kustomization',
  metadata: { name: 'of-old', namespace },
  spec: { interval: '10m', prune: true, sourceRef: { kind: 'GitRepository', name: namespace }, path: './kubernetes/of-old' },
}

const buckets: Ref = { ...kinds.crd, name: 'buckets.source.toolkit.fluxcd.io' }
const crdSchema = v.object({ spec: v.object({ versions: v.array(v.looseObject({ name: v.string() })) }) })

const managedSchema = v.object({ metadata: v.object({ managedFields: v.array(v.looseObject({ apiVersion: v.string() })) }) })

/** Is not Ready without a ConfigMap. */
const waiting = {
  apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
  kind: 'Kustomization',
  metadata: { name: 'waiting', namespace },
  spec: {
    interval: '10m',
    prune: true,
    sourceRef: { kind: 'GitRepository', name: namespace },
    path: './kubernetes/waiting',
    healthChecks: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'awaited', namespace: 'default' }],
  },
}

test('2.7.0 remembers a health check that a new commit cut short as a failed one; health-check knows better', async () => {
  const infra = await lab.cluster('lab-infra')
  const commit = async (name: string): Promise<void> => {
    const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' } }
    await lab.change('kubernetes/waiting/configmap.yaml', () => stringify(configMap))
    const annotations = { 'reconcile.fluxcd.io/requestedAt': new Date().toISOString() }
    await infra.patch({ ...kinds.gitRepository, namespace, name: namespace }, { metadata: { annotations } })
  }
  const wait = (what: string): Promise<string> =>
    lab.kubectl('--namespace', namespace, 'wait', 'kustomization/waiting', '--timeout=60s', `--for=${what}`)
  await commit('first')
  await lab.kubectl('create', 'configmap', 'awaited')
  await infra.apply(parseObject(waiting))
  await wait('condition=Ready')
  await lab.kubectl('delete', 'configmap', 'awaited')
  await commit('second')
  await wait('condition=Healthy=Unknown')
  await commit('third')
  await wait('jsonpath={.status.history[0].lastReconciledStatus}=HealthCheckFailed')
  await wait('condition=Ready=Unknown')
  const ended = await lab.run('health-check', ['--lab', '--only', 'kustomizations'])
  expect(ended, ended.stderr).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/✔ Kustomizations: of \d Kustomizations: \d on their way/),
  })

  await lab.kubectl('create', 'configmap', 'awaited')
  await wait('condition=Ready')
  await lab.kubectl('--namespace', namespace, 'delete', 'kustomization/waiting')
})

test('2.7.0 → 2.9.5 on both clusters in their order, CRDs and objects migrated, and all the way back, the workloads untouched', async () => {
  const infra = await lab.cluster('lab-infra')
  await infra.apply(parseObject(await oldObject('old-hand')))
  await settled('old-hand')
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

test(
  'an upgrade that fails once it was applied makes the old Flux anew, killed in the middle; not while something is stored as it does not know',
  { timeout: 600_000 },
  async () => {
    const infra = await lab.cluster('lab-infra')
    const before = await uids(infra)
    const wanted = ['--lab', '--to', '2.9.5', '--yes', '--destroy=lab-infra', '--timeout', '60s', '--json']
    // Somebody's manifest in an API version that the new Flux does not have: from then on it cannot be applied.
    const manifest = stringify(await oldObject('of-old'))
    await lab.change('kubernetes/of-old/repository.yaml', () => manifest)
    const takeBack = await lab.change('kubernetes/clusters/infra/workload.yaml', (text) => `${text}---\n${stringify(ofOld)}`)
    await settled('of-old')

    const first = lab.start('upgrade', wanted)
    await first.said('✔ Follow the rollout of Flux 2.9.5')
    // As a release would that brings a version of its own: none of those the lab has does.
    const [v1] = v.parse(crdSchema, await infra.get(buckets)).spec.versions
    await infra.patch(buckets, {
      spec: {
        versions: [
          { ...v1, storage: false },
          { ...v1, name: 'v9', storage: true },
        ],
      },
    })
    const refused = await first.ended
    expect(refused, refused.stderr).toMatchObject({ code: 1 })
    const { error, outcome } = documentOf(refused)
    expect(outcome).toBe('failed')
    expect(error?.message).toContain(': gave up waiting: Kustomization flux-system/of-old: ReconciliationFailed: ')
    expect(error?.message).toContain(
      '; and putting Flux back to 2.7.0 failed: Flux cannot go back to 2.7.0: objects of buckets.source.toolkit.fluxcd.io are stored as v9, ' +
        'which that version does not know. Nothing more was changed. Now: FluxInstance flux-system/flux asks for 2.9.5 and has applied 2.9.5; ' +
        'all controllers are available; HelmRelease flux-system/flux-instance is suspended; Git says flux_version 2.9.5',
    )
    expect(error?.remedy).toBe(
      'stay on the newer Flux, as Git says, and mend it there: flux --namespace flux-system resume helmrelease flux-instance\n' +
        '    or, once nothing is stored so any more, the same command with --resume: ' +
        "kubectl get crd buckets.source.toolkit.fluxcd.io -o jsonpath='{.status.storedVersions}'",
    )

    await infra.patch(buckets, {
      spec: {
        versions: [
          { ...v1, storage: true },
          { ...v1, name: 'v9', storage: false },
        ],
      },
    })
    await infra.patch(buckets, { status: { storedVersions: ['v1'] } }, 'status')
    const made = (await infra.get(instance))?.metadata.uid
    const second = lab.start('upgrade', [...wanted, '--resume'])
    await expect.poll(async () => (await infra.get(instance))?.metadata.uid, { timeout: 120_000, interval: 100 }).not.toBe(made)
    second.kill('SIGKILL')
    await second.ended
    const ended = await lab.run('upgrade', [...wanted, '--resume'])
    expect(ended, ended.stderr).toMatchObject({ code: 5 })
    expect(documentOf(ended)).toMatchObject({ outcome: 'rolled-back', from: '2.7.0', to: '2.9.5' })
    expect(await applied(infra)).toBe('2.7.0')
    expect(await uids(infra)).toEqual(before)
    await takeBack()
  },
)

test('by hand, as it is printed: 2.7.0 → 2.9.5, and the way back of each document', { timeout: 600_000 }, async () => {
  // Five upgrades and ways back in as many minutes are a loop to the health check that the document ends with.
  await lab.reset('old')
  const infra = await lab.cluster('lab-infra')
  const before = await uids(infra)
  const hand = await openHand(lab)
  onTestFinished(hand.close)
  await untilRunning(lab)
  const printed = await readPrinted('docs/runbooks/flux-upgrade.md')
  hand.edit('kubernetes/clusters/infra/settings.yaml', (text) => text.replace('flux_version: "2.7.0"', 'flux_version: "2.9.5"'))
  await hand.type(printed, printed.section('## Upgrade', '### By hand'))
  expect(await applied(infra)).toBe('2.9.5')
  await lab.snapshot('new')
  await rollBackByHand(hand, '2.7.0', true)
  expect(await applied(infra)).toBe('2.7.0')
  expect(await uids(infra)).toEqual(before)

  await lab.reset('new')
  const other = await openHand(lab)
  onTestFinished(other.close)
  await untilRunning(lab)
  const own = await readPrinted('docs/runbooks/flux-self-management.md')
  const back = own.section('### Rollback by hand')
  await other.type(own, back.slice(back.findLastIndex(({ words }) => words.includes('revert'))))
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
