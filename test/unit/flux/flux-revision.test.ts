import { expect, test } from 'vitest'
import { componentsOf, instanceStateOf, wantedComponents } from '../../../lib/flux/instance.ts'
import { appliedRevision, fetchedRevision, versionOfRevision } from '../../../lib/flux/revision.ts'
import { parseObject } from '../../../lib/kubernetes/objects.ts'

const object = (more: object) => parseObject({ apiVersion: 'v1', kind: 'Any', metadata: { name: 'any' }, ...more })

test('what a source has fetched and an object applied, where that is known', () => {
  expect(fetchedRevision(object({ status: { artifact: { revision: 'refs/heads/main@sha1:abc' } } }))).toBe('refs/heads/main@sha1:abc')
  expect(appliedRevision(object({ status: { lastAppliedRevision: 'main@sha1:abc' } }))).toBe('main@sha1:abc')
  for (const none of [undefined, object({}), object({ status: {} }), object({ status: { artifact: null } })]) {
    expect([fetchedRevision(none), appliedRevision(none)]).toEqual(['', ''])
  }
  expect(versionOfRevision('v2.9.5@sha256:abc')).toBe('v2.9.5')
})

test('which controllers a FluxInstance asks for, and has', () => {
  const components = [{ name: 'source-controller', repository: 'ghcr.io/fluxcd/source-controller', tag: 'v1.9.5' }]
  const distribution = { version: '2.9.5' }
  const instance = object({
    spec: { distribution, components: ['source-controller'] },
    status: { lastAppliedRevision: 'v2.9.4@sha256:abc', components },
  })
  expect(wantedComponents(instance)).toEqual(['source-controller'])
  expect(instanceStateOf(instance)).toEqual({ wanted: '2.9.5', applied: '2.9.4', components })
  const usual = ['source-controller', 'kustomize-controller', 'helm-controller', 'notification-controller']
  for (const other of [undefined, object({ spec: { distribution } })]) {
    expect(wantedComponents(other)).toEqual(usual)
    expect(componentsOf(other)).toEqual([])
  }
})
