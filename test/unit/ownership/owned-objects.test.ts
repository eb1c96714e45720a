import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { exactNames } from '../../../lib/ownership/known-names.ts'
import type { FinalizerHolder } from '../../../lib/flux/finalizers.ts'
import { heldOf } from '../../../lib/flux/held-objects.ts'
import { objectsOfRelease } from '../../../lib/flux/helm-release.ts'
import { kinds, parseObject } from '../../../lib/kubernetes/objects.ts'
import { judgeContent } from '../../../lib/commands/teardown/checks/foreign-content.ts'
import { judgeFinalizers, judgeNamespaceFinalizers } from '../../../lib/commands/teardown/checks/foreign-finalizers.ts'
import { judgeOneFlux, namespaceOfFlux } from '../../../lib/commands/teardown/checks/one-flux.ts'
import { judgeHolders } from '../../../lib/commands/recover/verify-finalizers.ts'

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
  test('the name alone is not a proof', () => {
    expect(matches('flux-edit-flux-system', rules('source.toolkit.fluxcd.io', 'apps'))).toBe(false)
    expect(matches('flux-edit-flux-system', { rules: null })).toBe(false)
    expect(matches('flux-web-user', rules('*'))).toBe(false)
    expect(matches('cluster-reconciler-flux-system', bound('cluster-admin', 'kustomize-controller', 'jane'))).toBe(false)
    expect(matches('cluster-reconciler-flux-system', bound('view', 'kustomize-controller'))).toBe(false)
    expect(matches('cluster-reconciler-flux-system', bound('cluster-admin'))).toBe(false)
    expect(matches('flux-operator', bound('cluster-admin', 'flux-operator'), 'elsewhere')).toBe(false)
  })
  test('the roles of the community’s chart are this Flux’s where Pulumi has written them for its namespace', () => {
    const written = (manager: string, instance?: string) => ({
      metadata: {
        name: 'flux-edit',
        managedFields: [{ manager, operation: 'Apply' }],
        ...(instance === undefined ? {} : { labels: { 'app.kubernetes.io/instance': instance } }),
      },
      ...rules('source.toolkit.fluxcd.io'),
    })
    expect(matches('flux-edit', written('pulumi-kubernetes-0a1b2c3d', 'flux-system'))).toBe(true)
    expect(matches('flux-edit', written('pulumi-kubernetes-0a1b2c3d'))).toBe(true)
    expect(matches('flux-edit', written('pulumi-kubernetes-0a1b2c3d', 'elsewhere'))).toBe(false)
    expect(matches('flux-edit', written('helm', 'flux-system'))).toBe(false)
    expect(matches('flux-crd-controller', bound('crd-controller', 'kustomize-controller', 'source-controller'))).toBe(true)
    expect(matches('flux-crd-controller', bound('crd-controller', 'kustomize-controller', 'jane'))).toBe(false)
  })
  test('nothing is recognised by a name that is everyone’s', () => {
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
  test("Flux's and Kubernetes' own are not findings", () => {
    const held = heldOf(object('Kustomization', { finalizers: ['finalizers.fluxcd.io', 'foregroundDeletion'] }))
    expect(judgeFinalizers([held], [])).toEqual([])
  })
  test("another's is named with its object", () => {
    const held = heldOf(object('Kustomization', { finalizers: ['finalizers.fluxcd.io', 'example.com/billing'] }))
    expect(judgeFinalizers([held], []).map(({ is, what }) => `${is}: ${what}`)).toEqual([
      "blocks: Kustomization shop/apps has a finalizer that is not Flux's: example.com/billing",
    ])
  })
  const rancher = 'controller.cattle.io/namespace-auth'
  const namespace = (deletionTimestamp?: string) =>
    parseObject({
      ...kinds.namespace,
      metadata: { name: 'flux-system', finalizers: [rancher, 'foregroundDeletion'], ...(deletionTimestamp && { deletionTimestamp }) },
    })
  test('on the namespace that go once its deletion is asked for are named, and stand in nobody’s way', () => {
    const reported = `Namespace flux-system will be deleted once the owners of these finalizers have removed them: ${rancher}`
    expect(judgeNamespaceFinalizers(namespace(), false)).toEqual([{ is: 'notice', what: reported }])
    expect(judgeNamespaceFinalizers(namespace('2026-01-02T03:04:05Z'), true)).toEqual([{ is: 'notice', what: reported }])
    expect(judgeNamespaceFinalizers(undefined, false)).toEqual([])
  })
  test('on the namespace that are still there after someone deleted it block the run', () => {
    expect(judgeNamespaceFinalizers(namespace('2026-01-02T03:04:05Z'), false).map(({ is, what }) => `${is}: ${what}`)).toEqual([
      `blocks: Namespace flux-system has a finalizer that is not Flux's: ${rancher}`,
    ])
  })
})

describe('what holds a namespace that is being deleted', () => {
  const namespace = 'flux-system'
  const kustomization = { apiVersion: 'kustomize.toolkit.fluxcd.io/v1', kind: 'Kustomization', namespace, name: 'apps' }
  test("is not a finding where Flux's own finalizers and Kubernetes' do", () => {
    const holders: FinalizerHolder[] = [
      { ref: kustomization, finalizers: ['finalizers.fluxcd.io', 'foregroundDeletion'] },
      {
        ref: { apiVersion: 'fluxcd.controlplane.io/v1', kind: 'FluxInstance', namespace, name: 'flux' },
        finalizers: ['fluxcd.controlplane.io/finalizer'],
      },
      { ref: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name: 'data' }, finalizers: ['kubernetes.io/pvc-protection'] },
      { ref: { apiVersion: 'v1', kind: 'Service', namespace, name: 'hook' }, finalizers: ['service.kubernetes.io/load-balancer-cleanup'] },
      { ref: { apiVersion: 'v1', kind: 'Namespace', name: namespace }, finalizers: [] },
    ]
    expect(judgeHolders(holders)).toEqual([])
  })
  test.each<[string, FinalizerHolder, string]>([
    [
      "someone else's on an object of Flux",
      { ref: kustomization, finalizers: ['finalizers.fluxcd.io', 'example.com/billing'] },
      "Kustomization flux-system/apps is held by a finalizer that is not Flux's, and holds the namespace: example.com/billing",
    ],
    [
      "Rancher's on the namespace",
      { ref: { apiVersion: 'v1', kind: 'Namespace', name: namespace }, finalizers: ['controller.cattle.io/namespace-auth'] },
      "Namespace flux-system is held by a finalizer that is not Flux's, and holds the namespace: controller.cattle.io/namespace-auth",
    ],
    [
      "Flux's on what is not Flux's",
      { ref: { apiVersion: 'v1', kind: 'ConfigMap', namespace, name: 'odd' }, finalizers: ['finalizers.fluxcd.io'] },
      "ConfigMap flux-system/odd is held by a finalizer that is not Flux's, and holds the namespace: finalizers.fluxcd.io",
    ],
    [
      'one that only looks like Kubernetes',
      { ref: { apiVersion: 'v1', kind: 'Secret', namespace, name: 'odd' }, finalizers: ['notkubernetes.io/hold'] },
      "Secret flux-system/odd is held by a finalizer that is not Flux's, and holds the namespace: notkubernetes.io/hold",
    ],
  ])('is named, and left to others: %s', (_, holder, what) => {
    expect(judgeHolders([holder]).map((finding) => `${finding.is}: ${finding.what}`)).toEqual([`blocks: ${what}`])
  })
})

describe("what is someone else's in Flux's namespace", () => {
  const claim = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: 'flux-system', name: 'cache' }
  const namespace = (more: Record<string, unknown> = {}) =>
    parseObject({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'flux-system', ...more } })

  test('blocks, unless the capture carries it', () => {
    expect(judgeContent([claim], namespace(), () => false)).toMatchObject([{ is: 'blocks' }])
    expect(judgeContent([claim], namespace(), () => true)).toEqual([])
  })
  test('is only reported where the namespace is on its way out already', () => {
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
      {
        is: 'blocks',
        what: 'Deployment team/source-controller: another Flux than the one in flux-system; its objects would be deleted with their CustomResourceDefinitions',
        remedy: expect.stringContaining(
          'to remove both: kubectl --namespace team delete deployments source-controller   # never flux uninstall',
        ),
      },
    ])
  })
  test('the only one is found wherever it is', () => {
    const there = { instances: [], operators: [], controllers: [deployment('gitops')] }
    expect(namespaceOfFlux(there)).toBe('gitops')
    expect(judgeOneFlux(there, 'gitops')).toEqual([])
  })
})
