import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { rolloutStatus } from '../../../lib/commands/upgrade/steps/rollout.ts'
import { movedComponents } from '../../../lib/flux/instance.ts'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { controllers } from '../../../lib/health/probes/controllers.ts'
import { operator } from '../../../lib/health/probes/operator.ts'
import { kinds, type KubeObject, parseObject } from '../../../lib/kubernetes/objects.ts'
import { clusterOf } from '../fake-cluster.ts'
import { keptByOperator } from '../kept-by-operator.ts'
import { foundBy } from './found-by.ts'

const namespace = 'flux-system'
const name = 'source-controller'

function deployment(name: string, image: string, more: object = {}): KubeObject {
  return parseObject({
    ...kinds.deployment,
    metadata: { namespace, name, generation: 1, labels: { 'app.kubernetes.io/name': name }, ...more },
    spec: { replicas: 1, selector: { matchLabels: { app: name } }, template: { spec: { containers: [{ name: 'manager', image }] } } },
    status: { observedGeneration: 1, replicas: 1, updatedReplicas: 1, availableReplicas: 1 },
  })
}
const instance = (patch?: string): KubeObject =>
  parseObject({
    ...fluxKinds.fluxInstance,
    metadata: { namespace, name: 'flux', generation: 1 },
    spec: { distribution: { version: '2.9.5' }, ...(patch === undefined ? {} : { kustomize: { patches: [{ patch }] } }) },
    status: {
      lastAppliedRevision: 'v2.9.5@sha256:1',
      components: [{ name, repository: `ghcr.io/fluxcd/${name}`, tag: 'v1.9.5' }],
      conditions: [{ type: 'Ready', status: 'True', reason: 'x', message: '', observedGeneration: 1 }],
    },
  })
const hotfix = `ghcr.io/fluxcd/${name}:rc-1a2b3c`
const patch = `- op: replace\n  path: /spec/template/spec/containers/0/image\n  value: ${hotfix}`

test.each([
  ["by a mirror's address, which admission has put there", `mirror.example.com/proxy/fluxcd/${name}:v1.9.5`, undefined, 'ok', 'done'],
  ['that a patch of the FluxInstance gives it', hotfix, patch, 'ok', 'done'],
  ['of another version', `ghcr.io/fluxcd/${name}:v1.9.4`, undefined, 'fail', 'waiting'],
  ['of no patch', hotfix, undefined, 'fail', 'waiting'],
])('a controller runs an image %s', async (_, image, patched, state, is) => {
  const objects = [instance(patched), deployment(name, image)]
  const installed = () => Promise.resolve({ ...keptByOperator, components: [name] })
  expect(await foundBy(controllers, objects, { installed })).toMatchObject({ state })
  // An upgrade that waited for another would be rolled back.
  expect(
    await rolloutStatus(
      clusterOf(() => objects),
      namespace,
      instance(patched),
      '2.9.5',
      {},
    ),
  ).toMatchObject({ is })
})

test('a version moves no controller that a patch gives an image', async () => {
  const cluster = clusterOf(() => [deployment(name, hotfix)])
  expect(await movedComponents(cluster, instance(patch))).toEqual([])
  expect(await movedComponents(cluster, instance())).toMatchObject([{ name }])
})

test.each([
  ['that its values name', 'v0.59.0-ubi', 'ok'],
  ['that no one has released', 'v0.58.0', 'fail'],
])('the operator runs an image %s', async (_, tag, state) => {
  const annotations = { 'meta.helm.sh/release-name': 'flux-operator', 'meta.helm.sh/release-namespace': namespace }
  const stored = gzipSync(JSON.stringify({ manifest: 'image: ghcr.io/controlplaneio-fluxcd/flux-operator:v0.59.0-ubi\n' }))
  const release = Buffer.from(stored.toString('base64')).toString('base64')
  const objects = [
    deployment('flux-operator', `ghcr.io/controlplaneio-fluxcd/flux-operator:${tag}`, { annotations }),
    parseObject({
      ...fluxKinds.helmRelease,
      metadata: { namespace, name: 'flux-operator' },
      status: { history: [{ appVersion: 'v0.59.0' }] },
    }),
    parseObject({ ...kinds.secret, metadata: { namespace, name: 'sh.helm.release.v1.flux-operator.v1' }, data: { release } }),
  ]
  expect(await foundBy(operator, objects)).toMatchObject({ state })
})
