import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  applyAndFollow,
  bootstrapOlder,
  componentsOf,
  folder,
  indented,
  installOperator,
  instanceSpec,
  type OtherTreeLab,
  release,
  startOtherTreeLab,
  upgradeAndBack,
} from '../lab/other-trees.ts'
import { documentOf } from '../lab/harness.ts'
import { namespace, oldTags, tags, unready, wanted } from '../lab/older-flux.ts'

let lab: OtherTreeLab

beforeAll(async () => {
  lab = await startOtherTreeLab()
  await lab.snapshot('nothing')
})
afterAll(() => lab.close())
beforeEach(() => lab.reset('nothing'))

const fluxInstance = async (): Promise<string> =>
  `apiVersion: fluxcd.controlplane.io/v1\nkind: FluxInstance\nmetadata: {name: flux, namespace: flux-system}\nspec:\n${indented(await instanceSpec(lab), 2)}`

/** Puts a tree there whose FluxInstance is of its chart, and whose operator is of its own. */
async function followReleases(): Promise<string> {
  const file = `${folder}/flux-instance/release.yaml`
  const values = `fullnameOverride: flux\ninstance:\n${indented(await instanceSpec(lab), 2)}`
  const [operatorRelease, instanceRelease] = await Promise.all([
    release(lab, 'flux-operator', 'web: {enabled: false}\n'),
    release(lab, 'flux-instance', values),
  ])
  await lab.change(`${folder}/flux-operator/release.yaml`, () => operatorRelease)
  await lab.change(file, () => instanceRelease)
  await installOperator(lab)
  await applyAndFollow(lab, await fluxInstance())
  await lab.kubectl('--namespace', namespace, 'wait', 'helmrelease', '--all', '--for=condition=Ready', '--timeout=180s')
  return file
}

/** What failed is back at 2.9.4, in the cluster and in Git, with nothing suspended. */
async function expectBack(file: string, before: string): Promise<void> {
  const infra = await lab.infra()
  expect(await tags(infra)).toEqual(oldTags)
  expect(await unready(infra)).toEqual([])
  expect(await lab.git('show', `main:${file}`)).toBe(before)
}

describe('values of the FluxInstance’s HelmRelease', () => {
  test('are changed where they say the version, and restored', async () => {
    const file = await followReleases()
    const { back } = await upgradeAndBack(lab, file)
    expect(back.stderr).toContain('Suspend HelmRelease flux-system/flux-instance')
    const other = await lab.run('upgrade', ['--lab', '--operator', '0.1.0', '--to', '2.9.5', '--yes'])
    expect(other).toMatchObject({ code: 3, stderr: expect.stringContaining('change one after the other') })
  })
})

describe('a FluxInstance as a manifest', () => {
  test('whose new version does not start is restored by itself, although source-controller cannot fetch', async () => {
    const file = `${folder}/flux/instance.yaml`
    const manifest = await fluxInstance()
    await lab.change(file, () => manifest)
    await installOperator(lab)
    await applyAndFollow(lab, manifest)
    const before = await lab.git('show', `main:${file}`)
    await lab.setFault('crash=source-controller:v1.9.5')
    const failed = await lab.run('upgrade', [...wanted, '--no-image-check', '--timeout', '2m'])
    await lab.clearFaults()
    expect(failed, failed.stderr).toMatchObject({ code: 5 })
    await expectBack(file, before)
  })

  test('beside another that says a version too: both are named, and none is changed', async () => {
    const manifest = await fluxInstance()
    await lab.change(`${folder}/flux/instance.yaml`, () => manifest)
    await installOperator(lab)
    await applyAndFollow(lab, manifest)
    const head = await lab.git('rev-parse', 'main')
    await lab.change(`${folder}/kustomization.yaml`, () => 'resources: [flux/instance.yaml]\npatches: [{path: patch.yaml}]\n')
    await lab.change(
      `${folder}/patch.yaml`,
      () =>
        'apiVersion: fluxcd.controlplane.io/v1\nkind: FluxInstance\nmetadata: {name: flux, namespace: flux-system}\nspec: {distribution: {version: 2.9.4}}\n',
    )
    const refused = await lab.run('upgrade', wanted)
    expect(refused, refused.stderr).toMatchObject({ code: 3 })
    const { git } = await lab.access()
    expect(documentOf(refused).error?.message).toContain(
      `2 places in ${git.url}, in ${folder} name a version of Flux, and none was changed: ${folder}/flux/instance.yaml:6 (2.9.4), ${folder}/patch.yaml:4 (2.9.4)`,
    )
    expect(await lab.git('rev-list', '--count', `${head}..main`)).toBe('2')
  })
})

describe('what flux bootstrap has written', () => {
  const file = componentsOf(folder)
  const bootstrapOld = (): Promise<void> => bootstrapOlder(lab)

  test('is recreated by the flux CLI of the version, and restored as it was', async () => {
    await bootstrapOld()
    await upgradeAndBack(lab, file)
    const infra = await lab.infra()
    expect(await tags(infra)).toEqual(oldTags)
  })

  test('is restored by itself where the new version does not start', async () => {
    await bootstrapOld()
    const before = await lab.git('show', `main:${file}`)
    await lab.setFault('crash=kustomize-controller:v1.9.5')
    const failed = await lab.run('upgrade', [...wanted, '--no-image-check', '--timeout', '2m'])
    await lab.clearFaults()
    expect(failed, failed.stderr).toMatchObject({ code: 5 })
    await expectBack(file, before)
  })

  test('is refused in a version that the flux CLI on PATH is not of', async () => {
    await bootstrapOld()
    const refused = await lab.run('upgrade', ['--lab', '--to', '2.9.6', '--yes', '--json'])
    expect(refused, refused.stderr).toMatchObject({ code: 3 })
    expect(documentOf(refused).error?.message).toContain(`${file} is made by the flux CLI of 2.9.6, and the one on PATH is 2.9.5`)
  })
})
