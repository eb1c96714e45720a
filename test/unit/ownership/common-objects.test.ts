import { describe, expect, test } from 'vitest'
import { withoutCommon } from '../../../lib/ownership/common-objects.ts'
import type { Query } from '../../../lib/kubernetes/client.ts'
import { ApiError } from '../../../lib/kubernetes/http.ts'
import { type Kind, kinds, type KubeObject, nameOf, parseObject, refOf } from '../../../lib/kubernetes/objects.ts'

const own = 'flux-system'
const binding = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding' }
const object = (kind: Kind, namespace: string, name: string, content: object, annotations: object = {}): KubeObject =>
  parseObject({ ...kind, metadata: { namespace, name, uid: `${namespace}-${name}`, annotations }, ...content })

async function left(
  objects: readonly KubeObject[],
  namespaces: readonly string[] = ['default', 'shop', 'web', 'kube-system'],
): Promise<string[]> {
  const list = (kind: Kind, { fields = '' }: Query = {}): Promise<KubeObject[]> => {
    if (kind.kind === 'Namespace') return Promise.resolve([own, ...namespaces].map((name) => parseObject({ ...kind, metadata: { name } })))
    if (kind.kind === 'Odd') return Promise.reject(new ApiError(400, 'BadRequest', 'field label not supported: metadata.name'))
    return Promise.resolve(objects.filter((one) => one.kind === kind.kind && fields === `metadata.name=${one.metadata.name}`))
  }
  const here = objects.filter(({ metadata }) => metadata.namespace === own).map(refOf)
  return (await withoutCommon({ list }, own, here)).map(nameOf)
}
const inAll = (make: (namespace: string) => KubeObject): KubeObject[] => [own, 'default', 'shop'].map(make)

describe('what every namespace has is nobody’s of this one', () => {
  test('a ConfigMap of the same content in most of the others', async () => {
    const data = { data: { 'root-cert.pem': 'PEM', 'a.pem': 'A' } }
    const reordered = { data: { 'a.pem': 'A', 'root-cert.pem': 'PEM' } }
    expect(await left(inAll((at) => object(kinds.configMap, at, 'istio-ca-root-cert', at === 'shop' ? reordered : data)))).toEqual([])
  })
  test('a RoleBinding whose content differs in its own namespace alone', async () => {
    const subjects = (at: string) => ({ subjects: [{ kind: 'Group', name: `system:serviceaccounts:${at}` }] })
    expect(await left(inAll((at) => object(binding, at, 'system:image-pullers', subjects(at))))).toEqual([])
  })
  test('an account, whatever Secrets it has, and the tokens made for it; one by hand stays', async () => {
    const accounts = inAll((at) => object(kinds.serviceAccount, at, 'builder', { secrets: [{ name: `builder-dockercfg-${at}` }] }))
    const token = { 'kubernetes.io/service-account.name': 'builder' }
    const secrets = ['builder-token-x7k2p', 'builder-forever'].map((name) => object(kinds.secret, own, name, {}, token))
    const pull = object(
      kinds.secret,
      own,
      'builder-dockercfg-9s8f7',
      {},
      { 'openshift.io/internal-registry-auth-token.service-account': 'builder' },
    )
    expect(await left([...accounts, ...secrets, pull])).toEqual(['Secret flux-system/builder-forever'])
  })
})

test('an object of a list is of the kind that was asked for, and nothing more of what named it', () => {
  const ref = { ...kinds.configMap, namespace: own, name: 'istio-ca-root-cert' }
  const item = { metadata: { name: 'istio-ca-root-cert', namespace: 'shop' }, data: {} }
  expect(Object.keys(parseObject(item, ref)).sort()).toEqual(['apiVersion', 'data', 'kind', 'metadata'])
})

describe('what stays someone’s', () => {
  test('is an object of another content, in a few namespaces, or of an API that does not select by name', async () => {
    const settings = inAll((at) =>
      object(kinds.configMap, at, 'settings', { data: { for: `${at} and its users`, of: at === 'shop' ? 'b' : 'a' } }),
    )
    const rare = [own, 'default'].map((at) => object(kinds.configMap, at, 'rare', { data: {} }))
    const odd = inAll((at) => object({ apiVersion: 'odd.io/v1', kind: 'Odd' }, at, 'odd', {}))
    const all = ['ConfigMap flux-system/settings', 'ConfigMap flux-system/rare', 'Odd flux-system/odd']
    expect(await left([...settings, ...rare, ...odd])).toEqual(all)
  })
  test('is anything where there are hardly any other namespaces', async () => {
    const both = [own, 'default'].map((at) => object(kinds.configMap, at, 'istio-ca-root-cert', { data: {} }))
    expect(await left(both, ['default', 'kube-system'])).toEqual(['ConfigMap flux-system/istio-ca-root-cert'])
  })
})
