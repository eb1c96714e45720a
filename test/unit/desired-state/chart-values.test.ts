import { describe, expect, test } from 'vitest'
import { OperatorError } from '../../../lib/base/errors.ts'
import { findChart } from '../../../lib/desired-state/chart.ts'
import { composeValues } from '../../../lib/desired-state/chart-values.ts'
import { setPath } from '../../../lib/desired-state/helm-set.ts'
import { type KubeObject, nameOf, parseObject, type Ref, refOf } from '../../../lib/kubernetes/objects.ts'

const namespace = 'flux-system'
const map = (name: string, data: Record<string, string>, more: object = {}): KubeObject =>
  parseObject({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data, ...more })
const secret = (name: string, data: Record<string, string>, more: object = {}): KubeObject =>
  parseObject({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')])),
    ...more,
  })
const clusterOf = (...objects: readonly KubeObject[]) => ({
  get: (ref: Ref) => Promise.resolve(objects.find((object) => nameOf(refOf(object)) === nameOf(ref))),
})

/** The values of a HelmRelease with these references, as the tree has it beside these objects. */
function composed(valuesFrom: readonly object[], values: object, inCluster: readonly KubeObject[], inGit: readonly KubeObject[] = []) {
  const release = parseObject({
    apiVersion: 'helm.toolkit.fluxcd.io/v2',
    kind: 'HelmRelease',
    metadata: { name: 'flux-operator', namespace },
    spec: { chartRef: { kind: 'OCIRepository', name: 'flux-operator' }, valuesFrom, values, targetNamespace: 'elsewhere' },
  })
  const source = parseObject({
    apiVersion: 'source.toolkit.fluxcd.io/v1',
    kind: 'OCIRepository',
    metadata: { name: 'flux-operator', namespace },
    spec: { url: 'oci://registry.example/charts/flux-operator', ref: { tag: '0.59.0' } },
  })
  const chart = findChart([release, source, ...inGit], 'here')
  return composeValues(clusterOf(...inCluster), 'HelmRelease flux-operator', chart.values, chart.valuesFrom)
}

describe('the values that helm-controller renders a chart with', () => {
  test('are each reference over those before it, and the HelmRelease’s own over all', async () => {
    const values = await composed(
      [
        { kind: 'ConfigMap', name: 'one' },
        { kind: 'Secret', name: 'two', valuesKey: 'more' },
      ],
      { web: { enabled: false }, tolerations: [] },
      [
        map('one', { 'values.yaml': 'web: { enabled: true, serverOnly: false }\nlogLevel: info\ntolerations: [{ key: a }]\n' }),
        secret('two', { more: 'logLevel: debug\nreporting: { interval: 30s }\n' }),
      ],
    )
    expect(values).toEqual({
      web: { enabled: false, serverOnly: false },
      logLevel: 'debug',
      reporting: { interval: '30s' },
      tolerations: [],
    })
  })

  test('come from Git where Git brings them with the HelmRelease, and from the cluster where they are encrypted there', async () => {
    const from = [{ kind: 'ConfigMap', name: 'one' }]
    const [older, newer] = [map('one', { 'values.yaml': 'logLevel: info' }), map('one', { 'values.yaml': 'logLevel: debug' })]
    expect(await composed(from, {}, [older], [newer])).toEqual({ logLevel: 'debug' })
    const sealed = secret('two', { 'values.yaml': 'ENC[…]' }, { sops: { mac: 'ENC[…]' } })
    expect(await composed([{ kind: 'Secret', name: 'two' }], {}, [secret('two', { 'values.yaml': 'logLevel: error' })], [sealed])).toEqual({
      logLevel: 'error',
    })
  })

  test('a target path is set as helm --set would', async () => {
    const from = [{ kind: 'ConfigMap', name: 'one', valuesKey: 'tag', targetPath: 'image.tag' }]
    expect(await composed(from, { image: { repository: 'r' } }, [map('one', { tag: 'v0.59.0' })])).toEqual({
      image: { repository: 'r', tag: 'v0.59.0' },
    })
  })

  test('what is optional may be missing, the key too', async () => {
    const from = [
      { kind: 'ConfigMap', name: 'none', optional: true },
      { kind: 'ConfigMap', name: 'one', valuesKey: 'none', optional: true },
    ]
    expect(await composed(from, { logLevel: 'info' }, [map('one', {})])).toEqual({ logLevel: 'info' })
  })

  test.each<[string, object, readonly KubeObject[], string, string]>([
    [
      'does not exist',
      { kind: 'Secret', name: 'none' },
      [],
      'HelmRelease flux-operator takes values from Secret flux-system/none, which does not exist',
      'kubectl --namespace flux-system get secret none; then create it, or make the reference optional in Git',
    ],
    [
      'has no such key',
      { kind: 'ConfigMap', name: 'one', valuesKey: 'x.yaml' },
      [map('one', {})],
      'the key x.yaml of ConfigMap flux-system/one, which HelmRelease flux-operator takes values from, does not exist',
      'kubectl --namespace flux-system describe configmap one; fix it, then run again',
    ],
    [
      'is not a map',
      { kind: 'ConfigMap', name: 'one' },
      [map('one', { 'values.yaml': '- a' })],
      'the key values.yaml of ConfigMap flux-system/one, which HelmRelease flux-operator takes values from, is not a map of values',
      'kubectl --namespace flux-system describe configmap one; fix it, then run again',
    ],
    [
      'cannot be parsed, and is not quoted: it may be secret',
      { kind: 'Secret', name: 'two' },
      [secret('two', { 'values.yaml': 'password: {hunter2' })],
      'the key values.yaml of Secret flux-system/two, which HelmRelease flux-operator takes values from, cannot be parsed as YAML',
      'kubectl --namespace flux-system describe secret two; fix it, then run again',
    ],
    [
      'is a list at a target path',
      { kind: 'ConfigMap', name: 'one', targetPath: 'extraArgs' },
      [map('one', { 'values.yaml': '{a,b}' })],
      'the key values.yaml of ConfigMap flux-system/one, which HelmRelease flux-operator takes values from, cannot be set at extraArgs here: only plain values can',
      'kubectl --namespace flux-system describe configmap one; fix it, then run again',
    ],
  ])('one that %s is a finding', async (_, reference, inCluster, message, remedy) => {
    await expect(composed([reference], {}, inCluster)).rejects.toMatchObject({ kind: 'blocked', message, remedy })
  })
})

describe('a value at a path', () => {
  const cannot = (): OperatorError => new OperatorError('cannot')
  test.each<[string, string, unknown]>([
    ['a.b', 'text', { a: { b: 'text', c: 1 } }],
    ['a', 'TRUE', { a: true }],
    ['a', 'null', { a: null }],
    ['a', '0', { a: 0 }],
    ['a', '007', { a: '007' }],
    ['a', '-12', { a: -12 }],
    ['a', '1.5', { a: '1.5' }],
    ['a', '"12"', { a: '12' }],
    ['a', "'true'", { a: 'true' }],
    ['x\\.y', 'z', { a: { c: 1 }, 'x.y': 'z' }],
  ])('%s=%s', (path, value, expected) => {
    expect(setPath({ a: { c: 1 } }, path, value, cannot)).toEqual(expected)
  })

  test.each([
    ['a[0]', 'x'],
    ['a..b', 'x'],
    ['', 'x'],
    ['a', 'x,b=y'],
    ['a', '{x}'],
    ['a', 'x\\,y'],
  ])('%s=%s is not understood', (path, value) => {
    expect(() => setPath({}, path, value, cannot)).toThrow('cannot')
  })
})
