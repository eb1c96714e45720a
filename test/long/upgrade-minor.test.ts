import * as v from 'valibot'
import { stringify } from 'yaml'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { kinds, parseObject, type Ref } from '../../lib/kubernetes/objects.ts'
import { documentOf, type TestLab } from '../lab/harness.ts'
import { applied, byHand, instance, oldObject, settled, startMinorLab, uids } from '../lab/minor-flux.ts'

const namespace = 'flux-system'
let lab: TestLab

beforeAll(async () => {
  lab = await startMinorLab(['infra'])
})
afterAll(() => lab.close())

/** Applies kubernetes/of-old. */
const ofOld = {
  apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
  kind: 'Kustomization',
  metadata: { name: 'of-old', namespace },
  spec: { interval: '10m', prune: true, sourceRef: { kind: 'GitRepository', name: namespace }, path: './kubernetes/of-old' },
}

const buckets: Ref = { ...kinds.crd, name: 'buckets.source.toolkit.fluxcd.io' }
const crdSchema = v.object({ spec: v.object({ versions: v.array(v.looseObject({ name: v.string() })) }) })

test('an upgrade that fails once it was applied makes the old Flux again, killed in the middle; not while something is stored as it does not know', async () => {
  const infra = await lab.cluster('lab-infra')
  await infra.apply(parseObject(await oldObject(lab, byHand.name)))
  await settled(lab, byHand.name)
  const before = await uids(infra, byHand)
  expect(before).not.toContain(undefined)
  const wanted = ['--lab', '--to', '2.9.5', '--force', '--yes', '--destroy=lab-infra', '--timeout', '60s', '--json']
  // Someone's manifest in an API version that the new Flux does not have: from then on it cannot be applied.
  const manifest = stringify(await oldObject(lab, 'of-old'))
  await lab.change('kubernetes/of-old/repository.yaml', () => manifest)
  const takeBack = await lab.change('kubernetes/clusters/infra/workload.yaml', (text) => `${text}---\n${stringify(ofOld)}`)
  await settled(lab, 'of-old')

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
      `npx zx scripts/lab.ts kubectl --context lab-infra -- get crd buckets.source.toolkit.fluxcd.io -o jsonpath='{.status.storedVersions}{"\\n"}'\n` +
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
