import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkCluster, checkClusterName, inClusterOrder, longestClusterName, savedClusters } from '../../../lab/cluster-names.ts'
import { ofCluster } from '../../../lab/cluster-folders.ts'
import { type Layout, layoutOf } from '../../../lab/layout.ts'

let folder: string
let layout: Layout
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'names-'))
  layout = layoutOf(folder)
})
afterEach(() => rmSync(folder, { recursive: true }))

test("the tree's clusters come first, each once, the others by name", () => {
  expect(inClusterOrder(['edge', 'apps', 'b', 'infra', 'apps'])).toEqual(['infra', 'apps', 'b', 'edge'])
})

test.each([['edge-1'], ['a'], ['a'.repeat(longestClusterName)]])('%s can be the name of a cluster', (name) => {
  expect(() => checkClusterName(name)).not.toThrow()
})

test.each([[''], ['Edge'], ['-a'], ['a-'], ['1a'], ['a/b'], ['a.b'], ['a'.repeat(longestClusterName + 1)]])('"%s" cannot', (name) => {
  expect(() => checkClusterName(name)).toThrow(`"${name}" cannot be a cluster's name`)
})

test('a script starts no cluster by a wrong name: others than those of the tree are made by lab up', () => {
  expect(() => checkCluster(layout, 'infra')).not.toThrow()
  expect(() => checkCluster(layout, 'infa')).toThrow('the lab has no cluster "infa"; did you mean infra?')
  expect(() => checkCluster(layout, 'edge')).toThrow('the lab has no cluster "edge"; there are infra, apps')
  mkdirSync(join(layout.clusters, 'edge', 'etcd', 'member'), { recursive: true })
  expect(savedClusters(layout)).toEqual(['edge'])
  expect(() => checkCluster(layout, 'edge')).not.toThrow()
})

test("a cluster's folder is infra's, with its own name where infra's own stands", () => {
  const text = 'name: infra-gitops-x\npath: ./kubernetes/infrastructure/gitops/flux-instance/infra\nat: kubernetes/clusters/infra # infra'
  expect(ofCluster(text, 'edge')).toBe(
    'name: edge-gitops-x\npath: ./kubernetes/infrastructure/gitops/flux-instance/edge\nat: kubernetes/clusters/edge # infra',
  )
})
