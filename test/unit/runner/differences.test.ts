import { expect, test } from 'vitest'
import { comparableSettings } from '../../../lib/flux/comparable-settings.ts'
import { judgeInstallation } from '../../../lib/flux/installation.ts'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { kinds, type KubeObject, parseObject } from '../../../lib/kubernetes/objects.ts'
import { type ClusterSettings, differencesBetween, showDifferences } from '../../../lib/runner/differences.ts'
import { recordingConsole } from '../../recording-console.ts'

function operatorOf(tag: string): KubeObject {
  const containers = [{ image: `registry.example.com/mirror/of/flux-operator:${tag}` }]
  return parseObject({
    ...kinds.deployment,
    metadata: { name: 'flux-operator', namespace: 'flux-system' },
    spec: { template: { spec: { containers } } },
  })
}

function clusterWith(context: string, version: string, cluster: object, operator = 'v0.59.0'): ClusterSettings {
  const instance = parseObject({
    ...fluxKinds.fluxInstance,
    metadata: { name: 'flux', namespace: 'flux-system' },
    spec: { distribution: { version }, cluster, sync: { path: `clusters/${context}`, url: 'https://git.example.com/fleet.git' } },
    status: { lastAppliedRevision: `v${version}@sha256:abc` },
  })
  const installation = judgeInstallation({ instances: [instance], controllers: [], operators: [], crds: [] })
  return { context, settings: comparableSettings({ ...installation, follows: undefined }, instance, [operatorOf(operator)]) }
}

test('what differs between clusters is reported in a table, the folder of each aside', () => {
  const clusters = [clusterWith('infra', '2.9.5', { size: 'small' }), clusterWith('apps', '2.9.4', { size: 'small', multitenant: true })]
  const { console, lines } = recordingConsole()
  expect(showDifferences(console, clusters)).toEqual([
    { setting: 'version', values: { infra: '2.9.5', apps: '2.9.4' } },
    { setting: 'spec.distribution.version', values: { infra: '2.9.5', apps: '2.9.4' } },
    { setting: 'spec.cluster.multitenant', values: { infra: null, apps: 'true' } },
  ])
  expect(lines.slice(1)).toEqual([
    '⚠ infra and apps differ in 3 settings',
    '                             infra  apps',
    '  version                    2.9.5  2.9.4',
    '  spec.distribution.version  2.9.5  2.9.4',
    '  spec.cluster.multitenant   –      true',
  ])
})

test('clusters that are alike have none', () => {
  const same = [clusterWith('infra', '2.9.5', {}), clusterWith('apps', '2.9.5', {})]
  expect(differencesBetween(same)).toEqual([])
})

test('another operator is a difference, and clusters whose long names end differently can be distinguished', () => {
  const prefix = 'arn:aws:eks:eu-central-1:111122223333:cluster/production'
  const clusters = [clusterWith(`${prefix}-a`, '2.9.5', {}), clusterWith(`${prefix}-b`, '2.9.5', {}, 'v0.58.0')]
  const { console, lines } = recordingConsole()
  showDifferences(console, clusters)
  expect(lines.slice(1)).toEqual([
    `⚠ ${prefix}-a and ${prefix}-b differ in 1 setting`,
    `            ${prefix}-a  ${prefix}-b`,
    `  operator  ${'…ple.com/mirror/of/flux-operator:v0.59.0'.padEnd(prefix.length + 2)}  …ple.com/mirror/of/flux-operator:v0.58.0`,
  ])
})
