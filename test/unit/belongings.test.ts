import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { exactNames } from '../../lib/belongings/exact-names.ts'
import { heldOf } from '../../lib/belongings/flux-objects.ts'
import { objectsOfRelease } from '../../lib/belongings/helm-release.ts'
import { parseObject } from '../../lib/cluster/objects.ts'
import { judgeContent } from '../../lib/preflight/foreign-content.ts'
import { judgeFinalizers } from '../../lib/preflight/foreign-finalizers.ts'
import { judgeOneFlux, namespaceOfFlux } from '../../lib/preflight/one-flux.ts'

const matches = (name: string, content: Record<string, unknown>, namespace = 'flux-system'): boolean => {
  const named = exactNames(namespace).find(({ ref }) => ref.name === name)
  return named?.matches(parseObject({ ...named.ref, metadata: { name }, ...content })) === true
}

describe('by exact name and content', () => {
  const rules = (...apiGroups: string[]) => ({ rules: [{ apiGroups, resources: ['*'], verbs: ['*'] }] })
  const bound = (role: string, ...names: string[]) => ({
    roleRef: { name: role },
    subjects: names.map((name) => ({ kind: 'ServiceAccount', namespace: 'flux-system', name })),
  })

  test("Flux's own roles and bindings are Flux's", () => {
    expect(matches('flux-edit-flux-system', rules('source.toolkit.fluxcd.io', 'helm.toolkit.fluxcd.io'))).toBe(true)
    expect(matches('flux-operator-view', rules('fluxcd.controlplane.io'))).toBe(true)
    expect(matches('cluster-reconciler-flux-system', bound('cluster-admin', 'kustomize-controller', 'helm-controller'))).toBe(true)
    expect(matches('flux-operator', bound('cluster-admin', 'flux-operator'))).toBe(true)
  })
  test('the name alone is no proof', () => {
    expect(matches('flux-edit-flux-system', rules('source.toolkit.fluxcd.io', 'apps'))).toBe(false)
    expect(matches('flux-edit-flux-system', { rules: null })).toBe(false)
    expect(matches('flux-web-user', rules('*'))).toBe(false)
    expect(matches('cluster-reconciler-flux-system', bound('cluster-admin', 'kustomize-controller', 'jane'))).toBe(false)
    expect(matches('cluster-reconciler-flux-system', bound('view', 'kustomize-controller'))).toBe(false)
    expect(matches('cluster-reconciler-flux-system', bound('cluster-admin'))).toBe(false)
    expect(matches('flux-operator', bound('cluster-admin', 'flux-operator'), 'elsewhere')).toBe(false)
  })
  test('nothing goes by a name that is everybody’s', () => {
    expect(exactNames('flux-system').map(({ ref }) => ref.name)).not.toContain('manager-role')
  })
})

test("a Helm release's objects are read out of the Secret that Helm keeps it in", () => {
  const manifest = `---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: flux-operator-edit}
---
apiVersion: v1
kind: Service
metadata: {name: flux-operator}
`
  const release = gzipSync(JSON.stringify({ name: 'flux-operator', namespace: 'flux-system', manifest })).toString('base64')
  const secret = parseObject({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'sh.helm.release.v1.flux-operator.v1' },
    data: { release: Buffer.from(release).toString('base64') },
  })
  expect(objectsOfRelease(secret, 'flux-system').map(({ kind, name }) => `${kind} ${name}`)).toEqual([
    'ClusterRole flux-operator-edit',
    'Service flux-operator',
  ])
})

const object = (kind: string, metadata: Record<string, unknown>) =>
  parseObject({ apiVersion: 'kustomize.toolkit.fluxcd.io/v1', kind, metadata: { name: 'apps', namespace: 'shop', ...metadata } })

describe('finalizers', () => {
  test("Flux's and Kubernetes' own are no finding", () => {
    const held = heldOf(object('Kustomization', { finalizers: ['finalizers.fluxcd.io', 'foregroundDeletion'] }))
    expect(judgeFinalizers([held], [], undefined)).toEqual([])
  })
  test("another's is named with its object", () => {
    const held = heldOf(object('Kustomization', { finalizers: ['finalizers.fluxcd.io', 'example.com/billing'] }))
    expect(judgeFinalizers([held], [], undefined).map(({ is, what }) => `${is}: ${what}`)).toEqual([
      "blocks: Kustomization shop/apps has a finalizer that is not Flux's: example.com/billing",
    ])
  })
})

describe("what is somebody else's in Flux's namespace", () => {
  const claim = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: 'flux-system', name: 'cache' }
  const namespace = (more: Record<string, unknown> = {}) =>
    parseObject({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'flux-system', ...more } })

  test('blocks, unless the capture carries it', () => {
    expect(judgeContent([claim], namespace(), () => false)).toMatchObject([{ is: 'blocks' }])
    expect(judgeContent([claim], namespace(), () => true)).toEqual([])
  })
  test('is only told of where the namespace is on its way out already', () => {
    const leaving = namespace({ deletionTimestamp: '2026-01-01T00:00:00Z' })
    expect(judgeContent([claim], leaving, () => false)).toMatchObject([{ is: 'notice' }])
  })
})

describe('another Flux', () => {
  const deployment = (namespace: string) =>
    parseObject({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { namespace, name: 'source-controller' } })

  test('elsewhere blocks: its objects would go with the CRDs', () => {
    const there = { instances: [], operators: [], controllers: [deployment('flux-system'), deployment('team')] }
    expect(namespaceOfFlux(there)).toBe('flux-system')
    expect(judgeOneFlux(there, 'flux-system')).toMatchObject([
      { is: 'blocks', what: expect.stringContaining('Deployment team/source-controller') },
    ])
  })
  test('the only one is found wherever it is', () => {
    const there = { instances: [], operators: [], controllers: [deployment('gitops')] }
    expect(namespaceOfFlux(there)).toBe('gitops')
    expect(judgeOneFlux(there, 'gitops')).toEqual([])
  })
})
