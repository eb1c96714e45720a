import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { build, find } from '../built-tree.ts'

const operator = find(build('infrastructure/gitops/flux-operator'), 'HelmRelease', 'flux-operator')
const instance = find(build('infrastructure/gitops/flux-instance/infra'), 'HelmRelease', 'flux-instance')

describe.each([operator, instance])('HelmRelease $metadata.name', (release) => {
  const { name } = release.metadata

  test('takes its chart from the OCIRepository beside it, under a name that bootstrap can count on', () => {
    expect(release).toMatchObject({ spec: { releaseName: name, chartRef: { kind: 'OCIRepository', name } } })
    expect(release).not.toHaveProperty('spec.chart')
    // The release Secrets must survive where the release is: elsewhere they would die with flux-system and hooks would run again.
    expect(release).not.toHaveProperty('spec.targetNamespace')
  })

  test('tries again forever, and leaves rollbacks to Git', () => {
    const strategy = { name: 'RetryOnFailure', retryInterval: '1m' }
    expect(release).toMatchObject({ spec: { install: { strategy }, upgrade: { strategy }, driftDetection: { mode: 'enabled' } } })
    expect(release).not.toHaveProperty('spec.install.remediation')
    expect(release).not.toHaveProperty('spec.upgrade.remediation')
  })
})

test('a deleted operator is missed within a minute; the instance is checked every half hour', () => {
  expect(operator).toMatchObject({ spec: { interval: '1m' } })
  expect(instance).toMatchObject({ spec: { interval: '30m' } })
})

test('no release waits for the controller that carries it out', () => {
  expect(instance).toMatchObject({ spec: { install: { disableWait: true }, upgrade: { disableWait: true } } })
  expect(operator).not.toHaveProperty('spec.upgrade.disableWait')
})

test('the operator has the resources it was given', () => {
  expect(operator).toMatchObject({
    spec: {
      values: {
        resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { cpu: '200m', memory: '${operator_memory_limit:=256Mi}' } },
      },
    },
  })
})

test('the operator is reported its memory limit, so that Go collects before it is reached', () => {
  const resourceFieldRef = { containerName: 'manager', resource: 'limits.memory' }
  expect(operator).toMatchObject({ spec: { values: { extraEnvs: [{ name: 'GOMEMLIMIT', valueFrom: { resourceFieldRef } }] } } })
})

test('each value of web_ui has its values, and off is the default', () => {
  const map = find(build('infrastructure/gitops/flux-operator'), 'ConfigMap', 'flux-operator-web-ui')
  const { data } = v.parse(v.object({ data: v.record(v.string(), v.string()) }), map)
  const web = Object.fromEntries(Object.entries(data).map(([key, text]): [string, unknown] => [key, parse(text)]))
  expect(web).toEqual({
    'off.yaml': { web: { enabled: false } },
    'restricted.yaml': { web: { enabled: true, networkPolicy: { create: false } } },
    'open.yaml': { web: { enabled: true, networkPolicy: { create: true } } },
  })
  const reference = { kind: 'ConfigMap', name: 'flux-operator-web-ui', valuesKey: '${web_ui:=off}.yaml' }
  expect(operator).toMatchObject({ spec: { valuesFrom: [reference, {}] } })
})

test('the FluxInstance has the name the operator reconciles, is repaired within a minute, and outlives its release', () => {
  expect(instance).toMatchObject({
    spec: {
      values: {
        fullnameOverride: 'flux',
        commonAnnotations: { 'fluxcd.controlplane.io/reconcileEvery': '1m', 'helm.sh/resource-policy': 'keep' },
        instance: {
          components: ['source-controller', 'kustomize-controller', 'helm-controller', 'notification-controller'],
          cluster: { type: 'kubernetes', networkPolicy: true, domain: 'cluster.local' },
          sync: { kind: 'GitRepository', interval: '1m' },
        },
      },
    },
  })
})

describe('the patches of Flux', () => {
  const patchSchema = v.object({ target: v.object({ kind: v.literal('Deployment'), name: v.string() }), patch: v.string() })
  const valuesSchema = v.object({ instance: v.object({ kustomize: v.object({ patches: v.array(patchSchema) }) }) })
  const { patches } = v.parse(v.object({ spec: v.object({ values: valuesSchema }) }), instance).spec.values.instance.kustomize
  const patchesOf = (controller: string): unknown[] =>
    patches.filter(({ target }) => new RegExp(`^(${target.name})$`).test(controller)).map(({ patch }): unknown => parse(patch))

  test('hold nothing that Flux would take for a variable, except for the limits', () => {
    const variables = /\$\{(kustomize|controllers)_memory_limit:=256Mi\}/g
    for (const { patch, target } of patches) expect((patch + target.name).replaceAll(variables, '')).not.toContain('$')
  })

  test.each([
    ['source-controller', '50m', '200m', 'controllers'],
    ['helm-controller', '50m', '200m', 'controllers'],
    ['notification-controller', '50m', '200m', 'controllers'],
    ['kustomize-controller', '100m', '500m', 'kustomize'],
  ])('give %s from %s up to %s CPU, and the memory of its setting', (controller, least, most, setting) => {
    const memory = `\${${setting}_memory_limit:=256Mi}`
    const resources = { requests: { cpu: least, memory: '64Mi' }, limits: { cpu: most, memory } }
    const containers = [{ name: 'manager', resources }]
    const wanted = expect.objectContaining({ kind: 'Deployment', spec: { template: { spec: { containers } } } })
    expect(patchesOf(controller).filter((patch) => !Array.isArray(patch))).toEqual([wanted])
  })

  test('let a commit that fixes things through while the one before still waits to be healthy', () => {
    const added = (value: string): unknown => ({ op: 'add', path: '/spec/template/spec/containers/0/args/-', value })
    expect(patchesOf('kustomize-controller')).toContainEqual([
      added('--requeue-dependency=5s'),
      added('--feature-gates=CancelHealthCheckOnNewRevision=true'),
    ])
  })
})
