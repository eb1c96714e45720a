import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  applyAndFollow,
  folder,
  indented,
  installOperator,
  instanceSpec,
  type OtherTreeLab,
  startOtherTreeLab,
  upgradeAndBack,
} from './other-trees.ts'

const file = `${folder}/flux/instance.yaml`
let lab: OtherTreeLab

beforeAll(async () => {
  lab = await startOtherTreeLab()
})
afterAll(() => lab.close())

test('a FluxInstance as a manifest in a tree of a person’s own: upgraded where it says the version, and back', async () => {
  const manifest = `apiVersion: fluxcd.controlplane.io/v1\nkind: FluxInstance\nmetadata: {name: flux, namespace: flux-system}\nspec:\n${indented(await instanceSpec(lab), 2)}`
  await lab.change(file, () => manifest)
  await installOperator(lab)
  await applyAndFollow(lab, manifest)
  const { there, back } = await upgradeAndBack(lab, file, '--no-image-check')
  expect(there.stderr).toContain(`${file} on top of commit `)
  expect(there.stderr).toContain('+    version: "2.9.5" # renovate: datasource=github-releases depName=fluxcd/flux2')
  expect(back.stderr).toContain('Suspend Kustomization flux-system/flux-system')
})
