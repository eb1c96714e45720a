import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { projectRoot } from '../../../lib/base/paths.ts'
import { substitute } from '../../../lib/desired-state/substitution.ts'
import { build, buildable, find, nameOf } from '../built-tree.ts'

const clusters = ['infra', 'apps']
const operatorFolder = 'infrastructure/gitops/flux-operator'
const instanceFolder = (cluster: string): string => `infrastructure/gitops/flux-instance/${cluster}`

const settingsSchema = v.object({ data: v.record(v.string(), v.string()) })
const settingsOf = (cluster: string): Record<string, string> =>
  v.parse(settingsSchema, find(build(`clusters/${cluster}`), 'ConfigMap', 'flux-settings')).data

/** An object as Flux has it in the end. Like kustomize, this loses the quotes around values before the variables are put in. */
function substituted(folder: string, kind: string, name: string, settings: Record<string, string>): unknown {
  return parse(substitute(stringify(find(build(folder), kind, name), { lineWidth: 0 }), settings, folder))
}

describe('every folder that kustomize can build', () => {
  test('is there for both clusters', () => {
    for (const cluster of clusters) expect(buildable).toEqual(expect.arrayContaining([`clusters/${cluster}`, instanceFolder(cluster)]))
    expect(buildable).toEqual(expect.arrayContaining(['infrastructure/gitops', operatorFolder]))
  })

  test.each(['flux-operator', 'flux-instance'])('infrastructure/gitops/%s has its OCIRepository and its HelmRelease', (name) => {
    const objects = build(`infrastructure/gitops/${name}`)
    for (const kind of ['OCIRepository', 'HelmRelease']) find(objects, kind, name)
  })

  test.each(buildable)('%s holds no object twice, nor the namespace', (folder) => {
    const names = build(folder).map(nameOf)
    expect(new Set(names).size).toBe(names.length)
    // A Flux Kustomization with it deletes it when it goes (fluxcd/flux2#3949).
    expect(names.filter((name) => name.startsWith('Namespace/'))).toEqual([])
    for (const name of names) expect(name).toMatch(/^\w+\/flux-system\//)
  })
})

describe.each(clusters)('cluster %s', (cluster) => {
  const own = build(`clusters/${cluster}`)
  const operator = find(own, 'Kustomization', `${cluster}-gitops-flux-operator`)
  const instance = find(own, 'Kustomization', `${cluster}-gitops-flux-instance`)

  test('follows its own folder of the tree, and only this', () => {
    expect(find(build(instanceFolder(cluster)), 'HelmRelease', 'flux-instance')).toMatchObject({
      spec: { values: { instance: { sync: { path: `kubernetes/clusters/${cluster}` } } } },
    })
    expect(operator).toMatchObject({ spec: { path: `./kubernetes/${operatorFolder}` } })
    expect(instance).toMatchObject({ spec: { path: `./kubernetes/${instanceFolder(cluster)}` } })
    expect(own.map(nameOf)).toHaveLength(3)
  })

  test.each([operator, instance])('its Kustomization $metadata.name keeps what it applied, and takes the settings', (kustomization) => {
    expect(kustomization).toMatchObject({
      spec: {
        prune: false,
        interval: '10m',
        retryInterval: '1m',
        timeout: '10m',
        sourceRef: { kind: 'GitRepository', name: 'flux-system' },
        postBuild: { substituteFrom: [{ kind: 'ConfigMap', name: 'flux-settings' }] },
      },
    })
    expect(existsSync(join(projectRoot, v.parse(v.object({ spec: v.object({ path: v.string() }) }), kustomization).spec.path))).toBe(true)
  })

  test('has its monitoring beside it, not applied unless its line is taken in', () => {
    const file = join(projectRoot, 'kubernetes/clusters', cluster)
    expect(readFileSync(join(file, 'kustomization.yaml'), 'utf8')).toMatch(/^ {2}# - monitoring\.yaml$/m)
    expect(parse(readFileSync(join(file, 'monitoring.yaml'), 'utf8'))).toMatchObject({
      metadata: { name: `${cluster}-gitops-flux-monitoring` },
      spec: { path: './kubernetes/infrastructure/gitops/flux-monitoring', prune: true },
    })
    // What turns the chart's ServiceMonitor on comes with the monitoring, and nothing misses it before.
    const values = find(build('infrastructure/gitops/flux-monitoring'), 'ConfigMap', 'flux-operator-monitoring')
    const { name } = v.parse(v.object({ metadata: v.object({ name: v.string() }) }), values).metadata
    expect(find(build(operatorFolder), 'HelmRelease', 'flux-operator')).toMatchObject({
      spec: { valuesFrom: [{}, { kind: 'ConfigMap', name, optional: true }] },
    })
  })

  test('has the operator healthy before the instance is touched', () => {
    expect(instance).toMatchObject({ spec: { dependsOn: [{ name: `${cluster}-gitops-flux-operator` }] } })
    expect(operator).not.toHaveProperty('spec.dependsOn')
  })

  // Another order takes a stale Ready for the new one: kustomize-controller reads them one by one and stops at the first that fits.
  test('checks health from the last effect to its first cause', () => {
    const checked = ({ kind, name }: { kind: string; name: string }): unknown =>
      expect.objectContaining({ kind, name, namespace: 'flux-system' })
    const of = (name: string): unknown[] => [checked({ kind: 'HelmRelease', name }), checked({ kind: 'OCIRepository', name })]
    expect(operator).toMatchObject({ spec: { healthChecks: of('flux-operator') } })
    expect(instance).toMatchObject({ spec: { healthChecks: [checked({ kind: 'FluxInstance', name: 'flux' }), ...of('flux-instance')] } })
  })

  test('takes a FluxInstance for healthy at its present generation only', () => {
    const schema = v.object({ spec: v.object({ healthCheckExprs: v.array(v.record(v.string(), v.string())) }) })
    const [expression] = v.parse(schema, instance).spec.healthCheckExprs
    expect(expression).toMatchObject({ kind: 'FluxInstance', apiVersion: 'fluxcd.controlplane.io/v1' })
    for (const state of ['current', 'failed']) expect(expression?.[state]).toContain('c.observedGeneration == metadata.generation')
  })
})

describe.each(clusters)('the settings of %s', (cluster) => {
  const settings = settingsOf(cluster)

  test('are seen at once when they change', () => {
    expect(find(build(`clusters/${cluster}`), 'ConfigMap', 'flux-settings')).toMatchObject({
      metadata: { labels: { 'reconcile.fluxcd.io/watch': 'Enabled' } },
    })
  })

  test('pin versions, and an artifact that belongs to the operator', () => {
    const { operator_version: operator, flux_version: flux, distribution_artifact: artifact = '' } = settings
    expect(operator).toMatch(/^\d+\.\d+\.\d+$/)
    expect(flux).toMatch(/^2\.\d+\.\d+$/)
    if (artifact === '' || /@sha256:[0-9a-f]{64}$/.test(artifact)) return
    expect(artifact).toMatch(new RegExp(`^oci://.+:v${operator?.replaceAll('.', '\\.')}$`))
  })

  test('name Git without credentials, and a full ref', () => {
    expect(settings['git_url']).toMatch(/^(https|ssh):\/\/(git@)?[^@]+$/)
    expect(settings['git_ref']).toMatch(/^refs\/(heads|tags)\/./)
  })

  test('are those that the tree uses, no less and no more', () => {
    const tree = [operatorFolder, instanceFolder(cluster)].flatMap(build).map((object) => stringify(object, { lineWidth: 0 }))
    const used = tree.flatMap((text) => [...text.matchAll(/\$\{(\w+)/g)].map(([, name = '']) => name))
    expect(Object.keys(settings).sort()).toEqual([...new Set(used)].sort())
  })

  test('and the tree make up values of the right types', () => {
    for (const name of ['flux-operator', 'flux-instance']) {
      const folder = name === 'flux-operator' ? operatorFolder : instanceFolder(cluster)
      expect(substituted(folder, 'OCIRepository', name, settings)).toMatchObject({
        spec: {
          url: `${settings['charts_registry']}/${name}`,
          insecure: settings['charts_insecure'] === 'true',
          ref: { tag: settings['operator_version'] },
          interval: '12h',
          layerSelector: { mediaType: 'application/vnd.cncf.helm.chart.content.v1.tar+gzip', operation: 'copy' },
        },
      })
    }
    expect(substituted(instanceFolder(cluster), 'HelmRelease', 'flux-instance', settings)).toMatchObject({
      spec: {
        values: {
          instance: {
            distribution: { version: settings['flux_version'], artifact: settings['distribution_artifact'], imagePullSecret: '' },
            sync: { url: settings['git_url'], ref: settings['git_ref'], pullSecret: settings['git_pull_secret'] },
          },
        },
      },
    })
  })
})

describe('a cluster of another kind', () => {
  const settings = settingsOf('infra')

  test('air-gapped: the artifact is empty in the values and gone from what the chart renders', () => {
    const release = substituted(instanceFolder('infra'), 'HelmRelease', 'flux-instance', { ...settings, distribution_artifact: '' })
    const renderer = v.object({ kustomize: v.object({ patches: v.tuple([v.object({ patch: v.string() })]) }) })
    const [{ kustomize }] = v.parse(v.object({ spec: v.object({ postRenderers: v.tuple([renderer]) }) }), release).spec.postRenderers
    const patch: unknown = parse(kustomize.patches[0].patch)
    expect(release).toMatchObject({ spec: { values: { instance: { distribution: { artifact: '' } } } } })
    expect(patch).toMatchObject({ kind: 'FluxInstance', spec: { distribution: { artifact: null } } })
  })

  test('a mirror with a login: both the name and the list come out', () => {
    const login = { ...settings, registry_pull_secret: 'mirror', operator_pull_secrets: '[{name: mirror}]', charts_insecure: '' }
    expect(substituted(operatorFolder, 'HelmRelease', 'flux-operator', login)).toMatchObject({
      spec: { values: { image: { pullSecrets: [{ name: 'mirror' }] } } },
    })
    expect(substituted(operatorFolder, 'OCIRepository', 'flux-operator', login)).toMatchObject({ spec: { insecure: false } })
    expect(substituted(instanceFolder('infra'), 'HelmRelease', 'flux-instance', login)).toMatchObject({
      spec: { values: { instance: { distribution: { imagePullSecret: 'mirror', artifactPullSecret: 'mirror' } } } },
    })
  })
})
