import { expect, test } from 'vitest'
import { asAppliedBy, distributionOf, packed, unpacked } from '../../../lib/flux/install-manifests.ts'
import { parseObjects } from '../../../lib/kubernetes/manifest.ts'

const objects = parseObjects(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: buckets.source.toolkit.fluxcd.io}
spec: {versions: [{name: v1, served: true, storage: true}, {name: v1beta1, served: false, storage: false}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: source-controller, namespace: flux-system, labels: {app.kubernetes.io/part-of: flux}}
spec: {template: {spec: {containers: [{name: manager, image: "ghcr.io/fluxcd/source-controller:v1.9.5@sha256:12"}]}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: proxy, namespace: flux-system}
spec: {template: {spec: {containers: [{name: proxy, image: "proxy:1"}]}}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: flux-system, namespace: flux-system}
`)

test('manifests say the images of their version and the API versions that it serves, and nothing of another', () => {
  const distribution = distributionOf(objects, '2.9.5')
  expect(distribution.versions).toEqual(['2.9.5'])
  expect([...distribution.imagesOf('2.9.5')]).toEqual([['source-controller', 'v1.9.5']])
  expect([...distribution.apisOf('2.9.5')]).toEqual([['buckets.source.toolkit.fluxcd.io', ['v1']]])
  expect([...distribution.imagesOf('2.9.4'), ...distribution.apisOf('2.9.4')]).toEqual([])
})

test('what is restored bears the marks of the Kustomization that applies it, and leaves what Flux follows alone', () => {
  const kept = unpacked(packed(asAppliedBy(objects, { namespace: 'flux-system', name: 'root' })))
  expect(kept.map(({ kind }) => kind)).toEqual(['CustomResourceDefinition', 'Deployment', 'Deployment'])
  expect(kept[1]?.metadata.labels).toEqual({
    'app.kubernetes.io/part-of': 'flux',
    'kustomize.toolkit.fluxcd.io/name': 'root',
    'kustomize.toolkit.fluxcd.io/namespace': 'flux-system',
  })
})
