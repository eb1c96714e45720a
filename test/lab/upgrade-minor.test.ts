import * as v from 'valibot'
import { stringify } from 'yaml'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listControllerCrds } from '../../lib/flux/crds.ts'
import { kinds, parseObject, type Ref } from '../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { documentOf, type TestLab } from './harness.ts'
import { applied, instance, startMinorLab, uids } from './minor-flux.ts'

const namespace = 'flux-system'
const byHand: Ref = { ...fluxKinds.gitRepository, namespace, name: 'old-hand' }
let lab: TestLab

beforeAll(async () => {
  lab = await startMinorLab(['infra', 'apps'])
})
afterAll(() => lab.close())

async function done(script: string, args: readonly string[]): Promise<ReturnType<typeof documentOf> | undefined> {
  const ended = await lab.run(script, args)
  expect(ended, ended.stderr).toMatchObject({ code: 0 })
  return args.includes('--json') ? documentOf(ended) : undefined
}

/** A GitRepository in an API version that Flux 2.8 removes. */
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
    await infra.patch({ ...fluxKinds.gitRepository, namespace, name: namespace }, { metadata: { annotations } })
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
    stdout: expect.stringMatching(/✔ Kustomizations: of \d Kustomizations: \d on their way/),
  })

  await lab.kubectl('create', 'configmap', 'awaited')
  await wait('condition=Ready')
  await lab.kubectl('--namespace', namespace, 'delete', 'kustomization/waiting')
})

test('2.7.0 → 2.9.5 on both clusters in their order, CRDs and objects migrated, and all the rollback, the workloads untouched', async () => {
  const infra = await lab.cluster('lab-infra')
  await infra.apply(parseObject(await oldObject('old-hand')))
  await settled('old-hand')
  const before = await uids(infra, byHand)
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
  expect(ended.stderr).toContain('API versions that will be removed: ')
  expect(await applied(infra)).toBe('2.9.5')
  expect(await applied(await lab.cluster('lab-apps'))).toBe('2.9.5')
  const crds = await listControllerCrds(infra)
  for (const { name, versions, stored } of crds)
    expect(
      stored.every((one) => versions.includes(one)),
      name,
    ).toBe(true)
  expect(crds.find(({ kind }) => kind === 'GitRepository')?.versions).toEqual(['v1'])
  const hand = await infra.get(byHand)
  const versions = v.parse(managedSchema, hand).metadata.managedFields.map(({ apiVersion }) => apiVersion)
  expect(new Set(versions)).toEqual(new Set(['source.toolkit.fluxcd.io/v1']))
  expect(await uids(infra, byHand)).toEqual(before)

  const refused = await lab.run('rollback', ['--lab', '--yes'])
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('--destroy=lab-infra') })
  const back = await done('rollback', ['--lab', '--yes', '--destroy=lab-infra', '--json'])
  expect(back).toMatchObject({ outcome: 'done', from: '2.9.5', to: '2.7.0' })
  expect(await applied(infra)).toBe('2.7.0')
  expect(await uids(infra, byHand)).toEqual(before)
})

test('an upgrade that fails once it was applied makes the old Flux again, killed in the middle; not while something is stored as it does not know', async () => {
  const infra = await lab.cluster('lab-infra')
  const before = await uids(infra, byHand)
  const wanted = ['--lab', '--to', '2.9.5', '--force', '--yes', '--destroy=lab-infra', '--timeout', '60s', '--json']
  // Someone's manifest in an API version that the new Flux does not have: from then on it cannot be applied.
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
    '; and rolling Flux back to 2.7.0 failed: Flux cannot be rolled back to 2.7.0: objects of buckets.source.toolkit.fluxcd.io are stored as v9, ' +
      'which that version does not have. Nothing more was changed. Now: FluxInstance flux-system/flux asks for 2.9.5 and has applied 2.9.5; ' +
      'all controllers are available; HelmRelease flux-system/flux-instance is suspended; Git says flux_version 2.9.5',
  )
  const { bin, kubeconfig } = await lab.access()
  expect(error?.remedy).toBe(
    'stay on the newer Flux, as Git says, and fix it there: ' +
      `${bin}/flux --kubeconfig ${kubeconfig} --context lab-infra --namespace flux-system resume helmrelease flux-instance\n` +
      'or check whether any is still stored in it: ' +
      "npx zx scripts/lab.ts kubectl --context lab-infra -- get crd buckets.source.toolkit.fluxcd.io -o jsonpath='{.status.storedVersions}'\n" +
      `and once none is, to continue from here: npx zx scripts/upgrade.ts ${wanted.join(' ').replace('--destroy=', '--destroy ')} --resume`,
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
  expect(await uids(infra, byHand)).toEqual(before)
  await takeBack()
})

const severalSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ runs: v.array(v.object({ context: v.string(), outcome: v.string(), from: v.string(), to: v.string() })) }),
)
