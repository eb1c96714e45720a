import { describe, expect, test } from 'vitest'
import { containerEnvironment, expandVariables, parseQuantity, type ReadEntries } from '../../../lab/node/environment.ts'
import { podOf } from '../node-pod.ts'

const entries: Readonly<Record<string, Record<string, string>>> = {
  'Secret/login': { user: 'me' },
  'ConfigMap/settings': { LEVEL: 'info' },
}
const read: ReadEntries = async (kind, name) => entries[`${kind}/${name}`]

const resolve = (container: object): Promise<Record<string, string>> => {
  const pod = podOf({ spec: { containers: [{ name: 'manager', image: 'x', ...container }] } })
  const [spec] = pod.spec.containers
  if (spec === undefined) throw new Error('the pod has a container')
  return containerEnvironment(spec, pod, '10.244.0.9', read)
}

describe("a container's environment", () => {
  test('takes values, fields, limits, keys and whole ConfigMaps', async () => {
    const env = [
      { name: 'RUNTIME_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
      { name: 'ADDRESS', value: 'http://$(RUNTIME_NAMESPACE).local' },
      { name: 'APP', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
      { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      { name: 'GOMEMLIMIT', valueFrom: { resourceFieldRef: { resource: 'limits.memory' } } },
      { name: 'GOMAXPROCS', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
      { name: 'USER_NAME', valueFrom: { secretKeyRef: { name: 'login', key: 'user' } } },
      { name: 'NONE', valueFrom: { secretKeyRef: { name: 'login', key: 'other', optional: true } } },
    ]
    const envFrom = [{ prefix: 'LOG_', configMapRef: { name: 'settings' } }, { secretRef: { name: 'absent', optional: true } }]
    expect(await resolve({ env, envFrom, resources: { limits: { memory: '1Gi', cpu: '1500m' } } })).toEqual({
      RUNTIME_NAMESPACE: 'flux-system',
      ADDRESS: 'http://flux-system.local',
      APP: 'source-controller',
      IP: '10.244.0.9',
      GOMEMLIMIT: '1073741824',
      GOMAXPROCS: '2',
      USER_NAME: 'me',
      LOG_LEVEL: 'info',
    })
  })

  test.each([
    [
      'a key',
      { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'login', key: 'password' } } }] },
      /password in Secret flux-system\/login/,
    ],
    ['a ConfigMap', { envFrom: [{ configMapRef: { name: 'gone' } }] }, /configmap "gone" not found/],
    ['a field it does not know', { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.x' } } }] }, /spec\.x/],
  ])('says that it lacks %s', async (_, container, message) => {
    await expect(resolve(container)).rejects.toThrow(message)
  })
})

test.each([
  ['a.$(NS).b', 'a.flux.b'],
  ['$(UNKNOWN)', '$(UNKNOWN)'],
  ['$$(NS)', '$(NS)'],
  ['$NS $', '$NS $'],
])('%s expands to %s', (value, expanded) => {
  expect(expandVariables(value, { NS: 'flux' })).toBe(expanded)
})

test('quantities', () => {
  expect(['64Mi', '100m', '2', '1.5G'].map(parseQuantity)).toEqual([67_108_864, 0.1, 2, 1.5e9])
  expect(() => parseQuantity('lots')).toThrow('lots is not a quantity')
})
