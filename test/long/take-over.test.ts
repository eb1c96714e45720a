import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import * as v from 'valibot'
import { documentOf } from '../lab/harness.ts'
import { namespace } from '../lab/older-flux.ts'
import {
  bootstrapOlder,
  componentsOf,
  folder,
  type OtherTreeLab,
  startOtherTreeLab,
  untilFollowed,
  upgradeAndBack,
} from '../lab/other-trees.ts'
import {
  followWithoutOperator,
  installFluxChart,
  operatorAndInstance,
  removeFolder,
  shop,
  stayingUids,
  surviving,
} from '../lab/take-over.ts'

let lab: OtherTreeLab

beforeAll(async () => {
  lab = await startOtherTreeLab()
  await lab.snapshot('nothing')
})
afterAll(() => lab.close())
beforeEach(() => lab.reset('nothing'))

const asked = ['--lab', '--path', folder, '--yes', '--json']

const uids = (): Promise<Record<string, string | undefined>> => stayingUids(lab)

test('flux bootstrap, upgraded by its manifests, then moved under the operator: every object stays the same, also once Git has no manifests of Flux', async () => {
  await lab.change(`${folder}/shop.yaml`, () => shop)
  await bootstrapOlder(lab)
  await upgradeAndBack(lab, componentsOf(folder))
  const there = await lab.run('upgrade', ['--lab', '--to', '2.9.5', '--yes', '--json'])
  expect(there, there.stderr).toMatchObject({ code: 0 })
  const before = await uids()
  expect(before).toHaveProperty('Deployment shop/cart')

  const manifests = await operatorAndInstance(lab, '2.9.5')
  await lab.change(`${folder}/flux.yaml`, () => manifests)
  const refused = await lab.run('bootstrap', asked)
  expect(refused, refused.stderr).toMatchObject({ code: 3 })
  expect(refused.stderr).toContain('Flux 2.9.5 was installed by the flux CLI: ')
  expect(refused.stderr).toContain(`npx zx scripts/bootstrap.ts --lab --context lab-infra --path ${folder} --take-over`)

  const plan = await lab.run('bootstrap', ['--lab', '--path', folder, '--take-over', '--dry-run'])
  expect(plan, plan.stderr).toMatchObject({ code: 0 })
  expect(plan.stdout).toContain('flux-operator takes over Deployments ')
  expect(plan.stdout).toContain('GitRepository flux-system/flux-system, Kustomization flux-system/flux-system, which stay the same objects')

  const moved = await lab.run('bootstrap', [...asked, '--take-over'])
  expect(moved, moved.stderr).toMatchObject({ code: 0 })
  expect(v.parse(surviving, documentOf(moved)).survival).toMatchObject({ changed: 0, missing: 0 })
  expect(await uids()).toMatchObject(before)
  expect(moved.stderr).toContain(`git rm -r ${folder}/${namespace}`)

  await removeFolder(lab, `${folder}/${namespace}`)
  await lab.type('flux --context=lab-infra reconcile kustomization flux-system --with-source')
  await untilFollowed(lab)
  expect(await uids()).toMatchObject(before)
  const again = await lab.run('bootstrap', asked)
  expect(again, again.stderr).toMatchObject({ code: 0 })
  expect(documentOf(again)).toMatchObject({ outcome: 'unchanged' })
  const health = await lab.run('health-check', ['--lab'])
  expect(health, health.stderr).toMatchObject({ code: 0 })
})

test('a release of a chart that has Flux with its CRDs is moved under the operator, and Helm forgets it without uninstalling it', async () => {
  await lab.change(`${folder}/shop.yaml`, () => shop)
  await installFluxChart(lab)
  await followWithoutOperator(lab)
  const before = await uids()
  expect(before).toHaveProperty('Deployment shop/cart')
  const manifests = await operatorAndInstance(lab, '2.9.5')
  await lab.change(`${folder}/flux.yaml`, () => manifests)
  const refused = await lab.run('bootstrap', asked)
  expect(refused, refused.stderr).toMatchObject({ code: 3 })
  expect(refused.stderr).toContain('was installed by Helm (release flux2)')

  const without = await lab.run('bootstrap', [...asked, '--take-over'])
  expect(without, without.stderr).toMatchObject({ code: 2 })
  expect(without.stderr).toContain('--destroy=lab-infra')
  const moved = await lab.run('bootstrap', [...asked, '--take-over', '--destroy=lab-infra'])
  expect(moved, moved.stderr).toMatchObject({ code: 0 })
  expect(v.parse(surviving, documentOf(moved)).survival).toMatchObject({ changed: 0, missing: 0 })
  expect(await uids()).toMatchObject(before)
  expect(await lab.type(`helm list --kube-context lab-infra --namespace ${namespace} --short`)).not.toContain('flux2')
  const health = await lab.run('health-check', ['--lab'])
  expect(health, health.stderr).toMatchObject({ code: 0 })
})
