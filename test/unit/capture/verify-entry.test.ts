import { describe, expect, test } from 'vitest'
import { entryText, type Role } from '../../../lib/capture/capture.ts'
import { compareAll } from '../../../lib/capture/compare.ts'
import { linesOf, parseLines } from '../../../lib/capture/format.ts'
import { parseObject, refOf } from '../../../lib/kubernetes/objects.ts'
import { startApi } from '../api-server.ts'

const header = { context: 'infra', server: 'https://10.0.0.1', uid: 'a', namespace: 'flux-system', takenAt: '2026-03-01T12:00:00.000Z' }

function captureOf(role: Role, apiVersion: string, kind: string, metadata: object, more: object = {}, namespace = 'flux-system') {
  const object = parseObject({ apiVersion, kind, metadata, ...more })
  return { header: { ...header, namespace }, entries: [{ ref: refOf(object), role, because: [], text: entryText(object, true) }] }
}

async function* each(lines: Iterable<string>): AsyncGenerator<string> {
  yield* lines
}
const parse = async (capture: ReturnType<typeof captureOf>) => (await parseLines(each(linesOf(capture)))).capture
const own = { name: 'a', namespace: 'flux-system' }
const rbac = 'rbac.authorization.k8s.io/v1'

describe('a forged capture is refused', () => {
  test.each<[string, Role, string, string, object, object?, string?]>([
    ['a binding as what Flux refers to', 'referred', rbac, 'ClusterRoleBinding', { name: 'a' }],
    ['a binding, with a namespace', 'referred', rbac, 'ClusterRoleBinding', own],
    ['a binding as an object of Flux', 'flux-by-hand', rbac, 'RoleBinding', own],
    ['a Pod as an account', 'account', 'v1', 'Pod', own],
    ['another API of that name', 'referred', 'example.com/v1', 'Secret', own],
    ['another Secret as what Helm keeps', 'helm-storage', 'v1', 'Secret', own, { type: 'Opaque' }],
    ['what Helm keeps elsewhere', 'helm-storage', 'v1', 'Secret', { name: 'a', namespace: 'b' }, { type: 'helm.sh/release.v1' }],
    ['an object named in another namespace', 'named', 'v1', 'Pod', { name: 'a', namespace: 'kube-system' }],
    ['an object named in no namespace', 'named', rbac, 'ClusterRoleBinding', { name: 'a' }],
    ['a way to another path as a name', 'referred', 'v1', 'Secret', { name: '../../secrets/a', namespace: 'flux-system' }],
    ['a way up as a name', 'referred', 'v1', 'Secret', { name: '..', namespace: 'flux-system' }],
    ['a way to another path as a namespace', 'referred', 'v1', 'Secret', { name: 'a', namespace: '..' }],
    ['a name that shows another', 'referred', 'v1', 'Secret', { name: 'a\u202eb', namespace: 'flux-system' }],
    ['a namespace in a namespace', 'namespace', 'v1', 'Namespace', { name: 'a', namespace: 'b' }],
    ['no namespace', 'referred', 'v1', 'Secret', { name: 'a' }],
    ['a namespace in its header that is none', 'named', 'v1', 'Pod', { name: 'a', namespace: '../b' }, {}, '../b'],
    ['a namespace in its header that is none, and an object in one', 'referred', 'v1', 'Secret', own, {}, '../b'],
  ])('with %s', async (_, role, apiVersion, kind, metadata, more, namespace) => {
    await expect(parse(captureOf(role, apiVersion, kind, metadata, more, namespace))).rejects.toMatchObject({
      kind: 'blocked',
      message: expect.stringMatching(new RegExp(`^it contains ${kind} .* of ${apiVersion} as "${role}", which no capture of Flux does$`)),
    })
  })
  test('with an object that the cluster has in no namespace, whatever namespace it says', async () => {
    const resources = [{ name: 'nodeclasses', kind: 'NodeClass', namespaced: false }]
    const api = await startApi({ '/apis/example.com/v1': { resources } })
    try {
      const { entries } = await parse(captureOf('named', 'example.com/v1', 'NodeClass', own))
      expect(await compareAll(api.cluster, entries)).toMatchObject([
        { verdict: { is: 'blocked', reason: expect.stringContaining('in no namespace') } },
      ])
    } finally {
      api.close()
    }
  })
})

test.each<[Role, string, string, object, object?]>([
  ['namespace', 'v1', 'Namespace', { name: 'flux-system' }],
  ['account', 'v1', 'ServiceAccount', { name: 'team-a', namespace: 'apps' }],
  ['referred', 'v1', 'Secret', own],
  ['referred', 'v1', 'ConfigMap', { name: 'kube-root-ca.crt', namespace: 'apps' }],
  ['helm-storage', 'v1', 'Secret', { name: 'sh.helm.release.v1.a.v1', namespace: 'flux-system' }, { type: 'helm.sh/release.v1' }],
  ['named', rbac, 'RoleBinding', { name: 'system:a', namespace: 'flux-system' }],
  ['flux-by-hand', 'source.toolkit.fluxcd.io/v1', 'GitRepository', { name: 'a', namespace: 'apps' }],
  ['flux', 'fluxcd.controlplane.io/v1', 'FluxInstance', { name: 'flux', namespace: 'flux-system' }],
])('what a capture contains is read: %s, %s %s', async (role, apiVersion, kind, metadata, more) => {
  const capture = captureOf(role, apiVersion, kind, metadata, more)
  expect(await parse(capture)).toEqual(capture)
})
