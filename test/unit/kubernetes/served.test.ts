import { expect, test } from 'vitest'
import { servedBy } from '../../../lib/kubernetes/served.ts'

const kustomization = { apiVersion: 'kustomize.toolkit.fluxcd.io/v1', kind: 'Kustomization' }
const answer = {
  resources: [
    { name: 'kustomizations', kind: 'Kustomization', namespaced: true },
    { name: 'kustomizations/status', kind: 'Kustomization', namespaced: true },
  ],
}

function asked(answers: readonly unknown[]) {
  const paths: string[] = []
  const { find, learn } = servedBy((path) => {
    paths.push(path)
    const next = answers[paths.length - 1]
    return next === undefined ? Promise.reject(new Error('away')) : Promise.resolve(next)
  })
  return { paths, find, learn }
}

test('what every Kubernetes serves is not asked for', async () => {
  const { paths, find } = asked([])
  expect(await find({ apiVersion: 'v1', kind: 'Namespace' })).toEqual({ plural: 'namespaces', namespaced: false })
  expect(await find({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' })).toEqual({ plural: 'networkpolicies', namespaced: true })
  expect(paths).toEqual([])
})

test('a version of a group is asked for once, however many wait for it', async () => {
  const { paths, find } = asked([answer])
  const served = { plural: 'kustomizations', namespaced: true }
  expect(await Promise.all([find(kustomization), find(kustomization)])).toEqual([served, served])
  expect(await find(kustomization)).toEqual(served)
  expect(paths).toEqual(['/apis/kustomize.toolkit.fluxcd.io/v1'])
})

test('what is not served, or could not be asked, is asked for again', async () => {
  const { paths, find } = asked([{ resources: [] }, undefined, answer])
  await expect(find(kustomization)).rejects.toThrow('the cluster has no kind Kustomization in kustomize.toolkit.fluxcd.io/v1')
  await expect(find(kustomization)).rejects.toThrow('away')
  expect(await find(kustomization)).toEqual({ plural: 'kustomizations', namespaced: true })
  expect(paths).toHaveLength(3)
})

test('what another answer has said is not asked for', async () => {
  const { paths, find, learn } = asked([])
  const served = { plural: 'kustomizations', namespaced: true }
  learn([{ ...kustomization, ...served }])
  expect(await find(kustomization)).toEqual(served)
  expect(paths).toEqual([])
})
