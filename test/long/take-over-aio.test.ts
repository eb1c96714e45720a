import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import * as v from 'valibot'
import { kinds } from '../../lib/kubernetes/objects.ts'
import { installFluxAio } from '../lab/flux-aio.ts'
import { documentOf } from '../lab/harness.ts'
import { namespace } from '../lab/older-flux.ts'
import { folder, type OtherTreeLab, startOtherTreeLab } from '../lab/other-trees.ts'
import { followWithoutOperator, operatorAndInstance, shop, stayingUids, surviving } from '../lab/take-over.ts'

let lab: OtherTreeLab

beforeAll(async () => {
  lab = await startOtherTreeLab()
  await lab.snapshot('nothing')
})
afterAll(() => lab.close())
beforeEach(() => lab.reset('nothing'))

const asked = ['--lab', '--path', folder, '--yes', '--json']
/** What flux-aio has that the operator has its own of, and Timoni's record. */
const removed = [
  'Deployment flux-system/flux',
  'Service flux-system/notification-controller',
  'Service flux-system/source-controller',
  'Service flux-system/webhook-receiver',
  'Secret flux-system/timoni.flux',
]
/** A person's own way to the receiver, which leads to flux-aio's pod. */
const ownService = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'webhooks', namespace } }

const uids = (): Promise<Record<string, string | undefined>> =>
  stayingUids(lab, [kinds.secret, kinds.serviceAccount, { apiVersion: 'v1', kind: 'Service' }, { apiVersion: 'v1', kind: 'ResourceQuota' }])

async function expectSettled(): Promise<void> {
  const again = await lab.run('bootstrap', asked)
  expect(again, again.stderr).toMatchObject({ code: 0 })
  expect(documentOf(again), again.stderr).toMatchObject({ outcome: 'unchanged' })
  const health = await lab.run('health-check', ['--lab'])
  expect(health, health.stderr).toMatchObject({ code: 0 })
}

test('flux-aio is moved under the operator: only what the operator has its own of goes, and every other object stays the same', async () => {
  await lab.change(`${folder}/shop.yaml`, () => shop)
  await installFluxAio(lab)
  await followWithoutOperator(lab)
  const infra = await lab.infra()
  const selector = { 'app.kubernetes.io/name': 'flux' }
  await lab.kubectl('--namespace', namespace, 'create', 'service', 'clusterip', 'webhooks', '--tcp=80')
  await infra.patch({ ...ownService, ...ownService.metadata }, { spec: { selector: { app: null, ...selector } } })
  const all = await uids()
  expect(all).toHaveProperty(['Deployment shop/cart'])
  for (const name of removed) expect(all).toHaveProperty([name])
  const before = Object.fromEntries(Object.entries(all).filter(([name]) => !removed.includes(name)))

  const manifests = await operatorAndInstance(lab, '2.9.5')
  await lab.change(`${folder}/flux.yaml`, () => manifests)
  const refused = await lab.run('bootstrap', asked)
  expect(refused, refused.stderr).toMatchObject({ code: 3 })
  expect(refused.stderr).toContain('Flux 2.9.5 was installed by flux-aio, all controllers in one Deployment: flux in flux-system would be')
  expect(await uids()).toEqual(all)

  const plan = await lab.run('bootstrap', ['--lab', '--path', folder, '--take-over', '--dry-run'])
  expect(plan, plan.stderr).toMatchObject({ code: 0 })
  expect(plan.stdout).toContain('Deployment flux is replaced by one for each controller; flux-operator takes over ')
  expect(plan.stdout).toContain(`delete ${removed.join(', ')}: nothing is reconciled until flux-operator has installed Flux`)
  expect(await uids()).toEqual(all)

  const without = await lab.run('bootstrap', [...asked, '--take-over'])
  expect(without, without.stderr).toMatchObject({ code: 2 })
  expect(without.stderr).toContain('--destroy=lab-infra')
  const moved = await lab.run('bootstrap', [...asked, '--take-over', '--destroy=lab-infra'])
  expect(moved, moved.stderr).toMatchObject({ code: 0 })
  expect(v.parse(surviving, documentOf(moved)).survival).toMatchObject({ changed: 0, missing: 0 })
  const now = await uids()
  expect(now).toMatchObject(before)
  expect(now).not.toHaveProperty(['Deployment flux-system/flux'])
  for (const name of removed) expect(now[name]).not.toBe(all[name])
  await expectSettled()

  // What is printed removes the rest of flux-aio, and nothing else.
  const left =
    /^ +npx zx scripts\/lab\.ts kubectl --context lab-infra -- (.* delete serviceaccounts,.*?) +# what it no longer needs$/m.exec(
      moved.stderr,
    )?.[1]
  expect(left, moved.stderr).toBeDefined()
  await lab.kubectl(...(left ?? '').split(' '))
  const flux = ['ServiceAccount flux-system/flux', 'ResourceQuota flux-system/flux']
  for (const name of flux) expect(before).toHaveProperty([name])
  expect(await uids()).toEqual(Object.fromEntries(Object.entries(now).filter(([name]) => !flux.includes(name))))
  await expectSettled()
})
