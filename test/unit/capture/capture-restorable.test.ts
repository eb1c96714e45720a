import { expect, test } from 'vitest'
import { type Entry, entryText } from '../../../lib/capture/capture.ts'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { revertObject, compareAll, restoreEntry } from '../../../lib/capture/compare.ts'
import { type Cluster, clusterAt } from '../../../lib/kubernetes/client.ts'
import { kinds, type KubeObject, parseObject } from '../../../lib/kubernetes/objects.ts'
import { socketEndpoint } from '../../../lib/kubernetes/transport.ts'

const ref = { ...kinds.namespace, name: 'flux-system' }
const project = { 'field.cattle.io/projectId': 'c-m-1:p-1' }
const namespace = (annotations: Record<string, string>, labels: Record<string, string> = {}): KubeObject =>
  parseObject({ ...kinds.namespace, metadata: { name: ref.name, uid: '1', resourceVersion: '7', annotations, labels } })
const captured = namespace({ ...project, 'lifecycle.cattle.io/create.namespace-auth': 'true', 'cattle.io/status': '{"Conditions":[]}' })
const entry: Entry = { ref, role: 'namespace', because: [], text: entryText(captured, false) }

/** A cluster with one namespace, or none, that remembers what is written. */
function clusterWith(live: KubeObject | undefined): { cluster: Cluster; written: KubeObject[] } {
  const written: KubeObject[] = []
  const take = (object: KubeObject): Promise<KubeObject> => {
    written.push(object)
    return Promise.resolve(object)
  }
  const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
  const base = clusterAt(socketEndpoint('/nowhere'), patience, new AbortController().signal)
  const cluster: Cluster = {
    ...base,
    get: () => Promise.resolve(live),
    isInstalled: () => Promise.resolve(true),
    create: take,
    replace: take,
  }
  return { cluster, written }
}

test('what Rancher has noted on the old namespace is not put on the new one; its project is', async () => {
  const { cluster, written } = clusterWith(undefined)
  await restoreEntry(cluster, entry)
  expect(written[0]?.metadata.annotations).toEqual(project)
})

test('what it has noted on the new one is not a difference, and stays through a change', async () => {
  const noted = { 'lifecycle.cattle.io/create.mgmt-project-rbac-create': 'true' }
  const same = clusterWith(namespace({ ...project, ...noted }))
  expect((await compareAll(same.cluster, [entry]))[0]?.verdict).toEqual({ is: 'same' })
  const live = namespace(noted)
  const { cluster, written } = clusterWith(live)
  expect((await compareAll(cluster, [entry]))[0]?.verdict).toMatchObject({
    is: 'different',
    fields: ['metadata.annotations[field.cattle.io/projectId]'],
  })
  await revertObject(cluster, entry, live)
  expect(written[0]?.metadata).toMatchObject({ uid: '1', annotations: { ...project, ...noted } })
  expect(Object.keys(written[0]?.metadata.annotations ?? {})).toHaveLength(2)
})

test('a Secret that another program has changed since is left to it; one of a person is made what was captured', async () => {
  const secret = (metadata: object, password: string): KubeObject =>
    parseObject({ ...kinds.secret, metadata: { name: 'git', namespace: 'flux-system', ...metadata }, data: { password } })
  const login: Entry = { ref: { ...kinds.secret, namespace: 'flux-system', name: 'git' }, role: 'referred', because: [], text: '' }
  const verdict = async (metadata: object): Promise<unknown> => {
    const { cluster } = clusterWith(secret(metadata, 'bmV3'))
    return (await compareAll(cluster, [{ ...login, text: entryText(secret(metadata, 'b2xk'), true) }]))[0]?.verdict
  }
  const sealed = { apiVersion: 'bitnami.com/v1alpha1', kind: 'SealedSecret', name: 'git', uid: '1' }
  expect(await verdict({ ownerReferences: [sealed] })).toEqual({ is: 'left', why: 'SealedSecret git writes it' })
  expect(await verdict({ annotations: { 'cert-manager.io/certificate-name': 'git' } })).toEqual({
    is: 'left',
    why: 'Certificate flux-system/git writes it',
  })
  expect(await verdict({})).toMatchObject({ is: 'different', fields: ['data.password'] })
})

test('a root that was made by hand, and that Pulumi has recreated since, is left to Pulumi', async () => {
  const root = (manager: string, path: string): KubeObject => {
    const managedFields = [
      { manager, operation: 'Apply', apiVersion: fluxKinds.kustomization.apiVersion, fieldsType: 'FieldsV1', fieldsV1: {} },
    ]
    return parseObject({
      ...fluxKinds.kustomization,
      metadata: { name: 'flux-system', namespace: 'flux-system', managedFields },
      spec: { path },
    })
  }
  const ref = { ...fluxKinds.kustomization, namespace: 'flux-system', name: 'flux-system' }
  const captured: Entry = { ref, role: 'flux-by-hand', because: [], text: entryText(root('kubectl', 'clusters/old'), true) }
  const verdict = async (manager: string): Promise<unknown> =>
    (await compareAll(clusterWith(root(manager, 'clusters/infra')).cluster, [captured]))[0]?.verdict
  expect(await verdict('pulumi-kubernetes-3f2504e0')).toEqual({ is: 'left', why: 'Pulumi has recreated it' })
  expect(await verdict('kubectl')).toMatchObject({ is: 'different', fields: ['spec.path'] })
})
