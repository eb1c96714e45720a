import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { showFinding } from '../../../../lib/commands/validate/diagnostic.ts'
import { coveredPart, validateTree } from '../../../../lib/commands/validate/validate.ts'
import { makeTemporaryFolder } from '../../../../lib/process/temporary-folder.ts'

const kustomization = (...resources: readonly string[]): string =>
  `apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [${resources.join(', ')}]\n`
const root = (path: string): string =>
  `apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: gitops, namespace: flux-system}\nspec: {path: ${path}, sourceRef: {kind: GitRepository, name: flux-system}}\n`
const release =
  'apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: flux-operator, namespace: flux-system}\nspec: {chartRef: {kind: OCIRepository, name: flux-operator}}\n'

/** As in this project's tree: the cluster leads to a folder that takes in another. */
const tree = {
  'kubernetes/clusters/infra/kustomization.yaml': kustomization('gitops.yaml'),
  'kubernetes/clusters/infra/gitops.yaml': root('./kubernetes/gitops'),
  'kubernetes/gitops/kustomization.yaml': kustomization('flux-operator'),
  'kubernetes/gitops/flux-operator/kustomization.yaml': kustomization('release.yaml'),
  'kubernetes/gitops/flux-operator/release.yaml': release,
}

/**
 * What is found in such a tree by a kubectl that cannot build these folders, and builds nothing of the others.
 * @param refused what it says of each, as kubectl logs it
 */
async function found(
  files: Readonly<Record<string, string>>,
  refused: Readonly<Record<string, string>> = {},
  covers: (file: string) => boolean = () => true,
): Promise<string[]> {
  const folder = makeTemporaryFolder()
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries({ ...tree, ...files })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  const cases = Object.entries(refused).map(
    ([name, says]) => `*/${name}) echo 'E1128 10:00:00.123456    4711 run.go:72] "command failed" err="${says}"' >&2; exit 1;;`,
  )
  const kubectl = join(folder, 'kubectl')
  writeFileSync(kubectl, ['#!/bin/sh', 'case "$3" in', ...cases, 'esac'].join('\n'), { mode: 0o700 })
  const whole = await validateTree(folder, { kubectl, flux: undefined, release: undefined })
  expect(whole.notChecked).toEqual(['what the clusters are made of, before the folder that cannot be built is fixed'])
  return coveredPart(whole, covers).findings.map(showFinding)
}

describe('what is wrong in a folder that others take in is reported once, where it is', () => {
  test('a wrong name: nothing that is missing because of it', async () => {
    expect(await found({ 'kubernetes/gitops/flux-operator/kustomization.yaml': kustomization('releese.yaml') })).toEqual([
      'kubernetes/gitops/flux-operator/kustomization.yaml:3: build: resources names releese.yaml, which does not exist; fix the name, or remove the entry',
    ])
  })

  test('what kustomize refuses: in its words, without those of the log, and not once more for each folder above', async () => {
    const refused = {
      gitops: "accumulating resources from 'flux-operator': no matches for Id a",
      'gitops/flux-operator': 'no matches for Id a',
    }
    expect(await found({}, refused)).toEqual([
      'kubernetes/gitops/flux-operator/kustomization.yaml:1: build: kustomize cannot build it: no matches for Id a; kubectl kustomize kubernetes/gitops/flux-operator',
    ])
  })
})

test('two folders that take in each other are both reported: neither is the cause', async () => {
  const files = { 'kubernetes/gitops/flux-operator/kustomization.yaml': kustomization('release.yaml', '../../gitops') }
  expect(await found(files, { gitops: 'cycle detected', 'gitops/flux-operator': 'cycle detected' })).toEqual([
    'kubernetes/gitops/flux-operator/kustomization.yaml:1: build: kustomize cannot build it: cycle detected; kubectl kustomize kubernetes/gitops/flux-operator',
    'kubernetes/gitops/kustomization.yaml:1: build: kustomize cannot build it: cycle detected; kubectl kustomize kubernetes/gitops',
  ])
})

test('of a PATH, what keeps its folders from being built is reported wherever it is; of another, it is not', async () => {
  const wrong = { 'kubernetes/gitops/flux-operator/kustomization.yaml': kustomization('releese.yaml') }
  const isIn = (path: string) => (file: string) => file === path || file.startsWith(`${path}/`)
  const cause =
    'kubernetes/gitops/flux-operator/kustomization.yaml:3: build: resources names releese.yaml, which does not exist; fix the name, or remove the entry'
  expect(await found(wrong, {}, isIn('kubernetes/gitops/kustomization.yaml'))).toEqual([cause])
  expect(await found(wrong, {}, isIn('kubernetes/clusters'))).toEqual([])
})

test('of a PATH, YAML elsewhere that cannot be read is reported: no folder can be built before it is fixed', async () => {
  const folder = makeTemporaryFolder()
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries({ ...tree, 'kubernetes/gitops/odd.yaml': 'a: [' })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  const whole = await validateTree(folder, { kubectl: '/nowhere', flux: undefined, release: undefined })
  const covered = coveredPart(whole, (file) => file.startsWith('kubernetes/clusters/'))
  expect(covered.findings.map(({ file }) => file)).toEqual(['kubernetes/gitops/odd.yaml'])
})
