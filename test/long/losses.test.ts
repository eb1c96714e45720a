import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import * as v from 'valibot'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds, parseObject, type Ref } from '../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { readHolder } from '../../lib/runner/lock.ts'
import { requestReconcile } from '../../lib/flux/reconcile-request.ts'
import { bootstrappedLab, documentOf, type TestLab, untilRunning } from '../lab/harness.ts'
import { meet } from '../lab/failure-mode.ts'
import { openRecovery } from '../lab/recovery.ts'

const namespace = 'flux-system'
const deployed: Ref = { ...kinds.configMap, namespace: 'default', name: 'deployed' }
const consents = ['--lab', '--yes', '--destroy=lab-infra', '--json']
let lab: TestLab
let cluster: Cluster
let uid: string | undefined

beforeAll(async () => {
  lab = await bootstrappedLab()
  cluster = await lab.cluster('lab-infra')
  await lab.change('deployed/map.yaml', () => 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: deployed, namespace: default}\n')
  await requestReconcile(cluster, { ...fluxKinds.gitRepository, namespace, name: namespace })
  const sourceRef = { kind: 'GitRepository', name: namespace }
  await cluster.apply(
    parseObject({
      ...fluxKinds.kustomization,
      metadata: { namespace, name: 'deploying' },
      spec: { interval: '1h', retryInterval: '2s', prune: true, path: './deployed', sourceRef },
    }),
  )
  const { until } = await openRecovery(lab)
  await until(async () => (await cluster.get(deployed)) !== undefined, kinds.configMap)
  uid = (await cluster.get(deployed))?.metadata.uid
  await lab.snapshot('deployed')
})
afterAll(() => lab.close())
beforeEach(async () => {
  await lab.reset('deployed')
  await untilRunning(lab)
})

async function remove(ref: Ref): Promise<void> {
  await cluster.remove(ref, { uid: (await cluster.get(ref))?.metadata.uid ?? '' })
}

/** Nothing is left to recover, and what Flux had deployed is the same object. */
async function verifyRecovered(): Promise<void> {
  const again = await lab.run('recover', [...consents, '--fresh'])
  expect(again.code, again.stderr).toBe(0)
  expect(documentOf(again)).toMatchObject({ outcome: 'unchanged', healthy: true })
  expect((await cluster.get(deployed))?.metadata.uid).toBe(uid)
}

/** A run that was killed has not given the lock back: what does not continue it waits until the lock has expired. */
async function untilUnlocked(): Promise<void> {
  await expect.poll(() => readHolder(cluster, 'kube-system'), { timeout: 60_000, interval: 1000 }).toBeUndefined()
}

const moments = [
  '✔ Keep the operator from uninstalling Flux',
  "✔ Stop Flux's controllers",
  "✔ Remove Flux's finalizers from its objects in the namespace flux-system",
  '✔ Wait until the namespace flux-system is gone',
  '✔ Create the namespace flux-system',
  '✔ Install flux-operator',
  '✔ Install Flux: apply the FluxInstance',
]

test.each([['SIGKILL' as const], ['SIGINT' as const]])(
  'the namespace deleted, and recover ended by %s after each of its steps: it ends as one undisturbed',
  async (signal) => {
    await remove({ ...kinds.namespace, name: namespace })
    for (const moment of moments) {
      const running = lab.start('recover', [...consents, '--fresh'])
      const isSaid = await running.said(moment).then(
        () => true,
        () => false, // what one before it has done needs no step any more
      )
      if (isSaid) running.kill(signal)
      await running.ended
      if (signal === 'SIGKILL') await untilUnlocked()
    }
    const last = await lab.run('recover', [...consents, '--fresh'])
    expect(last.code, last.stderr).toBe(0)
    await verifyRecovered()
  },
)

test('the namespace deleted, and recover called twice at once: one does it, the other finds the lock', async () => {
  await remove({ ...kinds.namespace, name: namespace })
  const both = await Promise.all([lab.run('recover', consents), lab.run('recover', consents)])
  const codes = both.map(({ code }) => code).sort((one, other) => one - other)
  // On a slow machine the second may begin when the first has ended, and finds nothing to do.
  const isRight = codes[0] === 0 && (codes[1] === 4 || both.some(({ stdout }) => stdout.includes('"outcome": "unchanged"')))
  expect(isRight, both.map(({ stderr }) => stderr).join('\n')).toBe(true)
  await verifyRecovered()
})

test('the namespace deleted, recover killed with -9 in the middle, and two at once after that: it ends as one undisturbed', async () => {
  await remove({ ...kinds.namespace, name: namespace })
  const killed = lab.start('recover', consents)
  await killed.said("✔ Remove Flux's finalizers from its objects in the namespace flux-system")
  killed.kill('SIGKILL')
  await killed.ended
  const both = await Promise.all([lab.run('recover', [...consents, '--resume']), lab.run('recover', [...consents, '--resume'])])
  // The other finds the lock held; on a slow machine it may begin when the first has ended, and finds nothing to resume.
  const codes = both.map(({ code }) => code).sort((one, other) => one - other)
  const said = both.map(({ stderr }) => stderr).join('\n')
  expect(codes[0], said).toBe(0)
  expect([0, 2, 4], said).toContain(codes[1])
  await verifyRecovered()
})

/** What takes more with it than one object may take this long, as docs/drill.md says. */
const large = 15 * 60_000

test('the FluxInstance deleted with its operator alive: Flux is bootstrapped, and what it had deployed is adopted', async () => {
  const met = meet(lab, large)
  const ref: Ref = { ...fluxKinds.fluxInstance, namespace, name: 'flux' }
  await remove(ref)
  await expect.poll(() => cluster.get(ref), { timeout: 120_000 }).toBeUndefined() // its operator uninstalls Flux first
  await met.isSeen('instance', /FluxInstance flux-system\/flux: does not exist/)
  await met.isPlanned('instance-deleted')
  await met.isRecovered('instance-deleted', '--destroy=lab-infra')
  await verifyRecovered()
})

test('one CRD deleted: it is named, and restored with what Git has of its kind', async () => {
  const name = 'helmreleases.helm.toolkit.fluxcd.io'
  const met = meet(lab, large)
  await remove({ ...kinds.crd, name })
  await met.isSeen('crds', new RegExp(`CustomResourceDefinition ${name}: (does not exist|is being deleted), and`))
  await met.isPlanned('crds-deleted')
  await met.isRecovered('crds-deleted', '--destroy=lab-infra')
  await verifyRecovered()
})

async function removeCrds(): Promise<void> {
  const flux = (await cluster.list(kinds.crd)).filter(({ metadata }) => metadata.name.includes('fluxcd'))
  await Promise.all(flux.map(({ metadata }) => remove({ ...kinds.crd, name: metadata.name })))
}

/** What Git does not have, as the Kustomization of this file, went with its CRD; so did what its controller pruned. */
async function verifyHealthy(): Promise<void> {
  const again = await lab.run('recover', [...consents, '--fresh'])
  expect(documentOf(again), again.stderr).toMatchObject({ outcome: 'unchanged', healthy: true })
}

test('all CRDs deleted, and recover called at once: what still runs is stopped, and Flux bootstrapped', async () => {
  await removeCrds()
  const ended = await lab.run('recover', consents)
  expect(ended.code, ended.stderr).toBe(0)
  await verifyHealthy()
})

const lossesSchema = v.object({ losses: v.array(v.looseObject({ noticed: v.nullable(v.string()), harmless: v.nullable(v.string()) })) })

test.each([
  ['eight losses by seed', ['--sample', '8', '--seed', '19'], 8],
  ['four pairs by seed', ['--pairs', '4', '--seed', '19'], 4],
])('%s are noticed and repaired, or harmless', async (_, draw, count) => {
  const ended = await lab.run('drill', ['--lab', '--scenario', 'each-loss', ...draw, '--json'])
  expect(ended.code, ended.stderr).toBe(0)
  const { losses } = v.parse(v.pipe(v.string(), v.parseJson(), lossesSchema), ended.stdout)
  expect(losses).toHaveLength(count)
})
