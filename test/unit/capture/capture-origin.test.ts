import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { readStorage } from '../../../lib/flux/helm-storage.ts'
import { newestRevision, objectsOfRelease } from '../../../lib/flux/helm-release.ts'
import { externalSecretOf, Inventories, makerOf } from '../../../lib/capture/makers.ts'
import { isSuspended, suspendedBy } from '../../../lib/flux/suspension.ts'
import { kinds, type KubeObject, parseObject } from '../../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../../lib/flux/kinds.ts'

const flux = (kind: string, name: string, more: Record<string, unknown> = {}): KubeObject =>
  parseObject({ apiVersion: 'kustomize.toolkit.fluxcd.io/v1', kind, metadata: { name, namespace: 'flux-system' }, ...more })

describe('what brings an object of Flux back', () => {
  test('is what holds it in its inventory', () => {
    const inventories = new Inventories()
    const entries = [
      { id: 'flux-system_apps_kustomize.toolkit.fluxcd.io_Kustomization', v: 'v1' },
      { id: '_team_rbac__x_ClusterRole', v: 'v1' },
    ]
    inventories.add(flux('Kustomization', 'root', { status: { inventory: { entries } } }))
    const ref = { apiVersion: 'kustomize.toolkit.fluxcd.io/v1beta2', kind: 'Kustomization', namespace: 'flux-system', name: 'apps' }
    expect(inventories.holderOf(ref)).toBe('Kustomization flux-system/root')
    expect(inventories.holderOf({ ...ref, name: 'root' })).toBeUndefined()
  })
  test('is the HelmRelease that made a HelmChart', () => {
    const inventories = new Inventories()
    inventories.add(flux('HelmRelease', 'web', { status: { helmChart: 'charts/team-web' } }))
    const ref = { apiVersion: 'source.toolkit.fluxcd.io/v1', kind: 'HelmChart', namespace: 'charts', name: 'team-web' }
    expect(inventories.holderOf(ref)).toBe('HelmRelease flux-system/web')
  })
  test.each([
    ['ArtifactGenerator mono', { ownerReferences: [{ apiVersion: 'x/v1', kind: 'ArtifactGenerator', name: 'mono', uid: '1' }] }],
    ['Helm release web', { annotations: { 'meta.helm.sh/release-name': 'web' } }],
    ['flux-operator', { labels: { 'app.kubernetes.io/managed-by': 'flux-operator' } }],
    [undefined, {}],
  ])('or tells so itself: %s', (maker, metadata) => {
    expect(makerOf(flux('Kustomization', 'x', { metadata: { name: 'x', namespace: 'a', ...metadata } }))).toBe(maker)
  })
})

describe('a Secret that External Secrets writes', () => {
  const secret = (metadata: Record<string, unknown>): KubeObject =>
    parseObject({ ...kinds.secret, metadata: { name: 'login', namespace: 'a', ...metadata } })
  test.each([
    [
      'ExternalSecret a/git',
      { ownerReferences: [{ apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret', name: 'git', uid: '1' }] },
    ],
    ['External Secrets', { labels: { 'reconcile.external-secrets.io/managed': 'true' } }],
    [undefined, { ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'git', uid: '1' }] }],
  ])('is reported by its owner or label: %s', (writer, metadata) => {
    expect(externalSecretOf(secret(metadata))).toBe(writer)
  })
})

describe('what is suspended', () => {
  const suspended = (manager: string): KubeObject =>
    flux('Kustomization', 'apps', {
      metadata: { name: 'apps', namespace: 'a', managedFields: [{ manager, fieldsV1: { 'f:spec': { 'f:suspend': {} } } }] },
      spec: { suspend: true },
    })
  const disabled = (manager: string): KubeObject => {
    const fieldsV1 = { 'f:metadata': { 'f:annotations': { 'f:fluxcd.controlplane.io/reconcile': {} } } }
    const metadata = {
      name: 'flux',
      annotations: { 'fluxcd.controlplane.io/reconcile': 'disabled' },
      managedFields: [{ manager, fieldsV1 }],
    }
    return parseObject({ ...fluxKinds.fluxInstance, metadata })
  }
  test.each(['kubectl-patch', 'flux', 'kubectl-edit'])('by hand: %s', (manager) => {
    expect(suspendedBy(suspended(manager))).toBe(manager)
    expect(suspendedBy(disabled(manager))).toBe(manager)
  })
  test('again for a person, by this project; but a FluxInstance’s reconciliation is disabled for a teardown', () => {
    expect(suspendedBy(suspended('flux-runbook'))).toBe('flux-runbook')
    expect(suspendedBy(disabled('flux-runbook'))).toBeUndefined()
  })
  test.each(['kustomize-controller', 'helm-controller', 'flux-operator'])('by what Git says: %s', (manager) => {
    expect(isSuspended(suspended(manager))).toBe(true)
    expect(suspendedBy(suspended(manager))).toBeUndefined()
    expect(suspendedBy(disabled(manager))).toBeUndefined()
  })
  test('by what Git says, also where a person has written the same', () => {
    const both = suspended('kubectl-edit')
    const { managedFields } = suspended('kustomize-controller').metadata
    expect(
      suspendedBy({ ...both, metadata: { ...both.metadata, managedFields: [...both.metadata.managedFields, ...managedFields] } }),
    ).toBe(undefined)
  })
  test('by someone of whom nothing is noted', () => {
    const object = suspended('kubectl-edit')
    expect(suspendedBy({ ...object, metadata: { ...object.metadata, managedFields: [] } })).toBe('unknown')
  })
  test('not at all', () => {
    expect(suspendedBy(flux('Kustomization', 'apps', { spec: { suspend: false } }))).toBeUndefined()
    expect(isSuspended(flux('Alert', 'a'))).toBe(false)
  })
})

describe('Helm’s memory of a release', () => {
  const revision = (name: string, version: number, release: Record<string, unknown>): KubeObject => {
    const packed = gzipSync(JSON.stringify({ name, manifest: '', ...release })).toString('base64')
    return parseObject({
      ...kinds.secret,
      metadata: { name: `sh.helm.release.v1.${name}.v${version}`, namespace: 'flux-system', labels: { owner: 'helm', name } },
      data: { release: Buffer.from(packed).toString('base64') },
    })
  }
  test('is captured, all revisions, where the release is deployed to another namespace', () => {
    const elsewhere = [revision('web', 1, { namespace: 'web' }), revision('web', 2, { namespace: 'web' })]
    const mixed = revision('mixed', 1, { namespace: 'flux-system', manifest: 'metadata:\n  name: x\n  namespace: "web"\n' })
    const own = revision('flux-operator', 1, { namespace: 'flux-system', manifest: 'metadata:\n  namespace: flux-system\n' })
    expect(readStorage([...elsewhere, mixed, own])).toEqual({ elsewhere: [...elsewhere, mixed], unreadable: [] })
  })

  const stored = (name: string, version: number, release: string): KubeObject => ({
    ...revision(name, version, {}),
    data: { release: Buffer.from(release).toString('base64') },
  })
  const plain = (release: object): string => Buffer.from(JSON.stringify(release)).toString('base64')
  test('is read without a manifest, which a chart of CRDs or hooks alone leaves out, and from before Helm compressed it', () => {
    const [crds, old] = [stored('crds', 1, plain({ name: 'crds' })), stored('old', 1, plain({ namespace: 'web', manifest: null }))]
    const hooks = revision('hooks', 1, { namespace: 'web', manifest: undefined })
    expect(readStorage([crds, old, hooks])).toEqual({ elsewhere: [old, hooks], unreadable: [] })
    expect(objectsOfRelease(crds, 'flux-system')).toEqual([])
  })
  test('is named where it cannot be read, and carried along, except where it is Flux’s own or another revision tells', () => {
    const truncated = Buffer.from(gzipSync('{"name":"web"}').subarray(0, 20)).toString('base64')
    const broken = [stored('web', 1, truncated), stored('flux-operator', 1, truncated), stored('here', 1, truncated)]
    const [text, list] = [stored('text', 1, 'no base64 of anything'), stored('list', 1, Buffer.from('"web"').toString('base64'))]
    const none = { ...revision('none', 1, {}), data: undefined }
    const reported = readStorage([...broken, revision('here', 2, { namespace: 'flux-system' }), text, list, none])
    expect(reported.elsewhere.map(({ metadata }) => metadata.name)).toEqual([
      'sh.helm.release.v1.web.v1',
      'sh.helm.release.v1.text.v1',
      'sh.helm.release.v1.list.v1',
      'sh.helm.release.v1.none.v1',
    ])
    const of = (name: string): string => `the Helm release record in Secret flux-system/sh.helm.release.v1.${name}.v1 cannot be read`
    expect(reported.unreadable.slice(0, 3)).toEqual(['web', 'flux-operator', 'here'].map((name) => `${of(name)}: unexpected end of file`))
    expect(reported.unreadable.slice(4)).toEqual(['list', 'none'].map((name) => `${of(name)}: it holds no release`))
  })
  test('counts by its newest revision that can be read', async () => {
    const secrets = [revision('flux-operator', 1, {}), stored('flux-operator', 2, 'damaged')].map((secret, at) => ({
      ...secret,
      metadata: { ...secret.metadata, labels: { ...secret.metadata.labels, version: String(at + 1) } },
    }))
    const newest = await newestRevision({ list: () => Promise.resolve(secrets) }, 'flux-system', 'flux-operator')
    expect(newest?.metadata.name).toBe('sh.helm.release.v1.flux-operator.v1')
  })
  test('names its objects although one document of its manifest is none', () => {
    const manifest = '---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\n---\n{{ broken\n---\njust: text\n'
    expect(objectsOfRelease(revision('web', 1, { manifest }), 'web').map(({ name }) => name)).toEqual(['web'])
  })
})
