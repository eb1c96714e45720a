import { expect, test } from 'vitest'
import { clusterAt } from '../../../lib/kubernetes/client.ts'
import { kinds, type KubeObject, parseObject } from '../../../lib/kubernetes/objects.ts'
import { socketEndpoint } from '../../../lib/kubernetes/transport.ts'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { controllers } from '../../../lib/health/probes/controllers.ts'
import { operator } from '../../../lib/health/probes/operator.ts'
import { createSnapshot, type Snapshot } from '../../../lib/health/snapshot.ts'
import { keptByOperator } from '../kept-by-operator.ts'

const namespace = 'flux-system'
const deployment = (name: string): KubeObject =>
  parseObject({
    ...kinds.deployment,
    metadata: { name, namespace, labels: { 'app.kubernetes.io/name': name } },
    spec: { replicas: 1, template: { spec: { containers: [{ name: 'manager', image: `ghcr.io/x/${name}:v1` }] } } },
    status: { availableReplicas: 1, updatedReplicas: 1, replicas: 1, observedGeneration: 0 },
  })
const release = parseObject({ ...fluxKinds.helmRelease, metadata: { name: 'flux-operator', namespace }, spec: {} })

function snapshotOf(...names: readonly string[]): Snapshot {
  const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
  const cluster = clusterAt(socketEndpoint('/nowhere'), patience, new AbortController().signal)
  const options = { cluster, kubectl: 'kubectl', where: '--lab', login: { kind: 'none' } as const, folder: () => '', monitoring: undefined }
  return {
    ...createSnapshot(options),
    namespace: () => Promise.resolve(namespace),
    installed: () => Promise.resolve({ ...keptByOperator, components: ['helm-controller'] }),
    instance: () => Promise.resolve(undefined),
    deployments: () => Promise.resolve(names.map(deployment)),
    pods: () => Promise.resolve([]),
    get: ({ kind }) => Promise.resolve(kind === 'HelmRelease' ? release : undefined),
  }
}

test('operator and helm-controller, which recreate each other, are both missing: recover comes next, for nothing recreates either', async () => {
  const recover = 'npx zx scripts/recover.ts --lab'
  expect(await operator.check(snapshotOf())).toMatchObject({
    objects: [{ reason: 'does not exist, and neither does helm-controller, which would recreate it', next: recover }],
  })
  expect(await controllers.check(snapshotOf())).toMatchObject({
    objects: [{ reason: 'does not exist, and neither does the operator, which would recreate it', next: recover }],
  })
})

test('one of them is recreated by the other', async () => {
  expect(await operator.check(snapshotOf('helm-controller'))).toMatchObject({
    objects: [{ reason: 'does not exist: helm-controller recreates it within a minute, if it runs' }],
  })
  expect(await controllers.check(snapshotOf('flux-operator'))).toMatchObject({
    objects: [{ reason: 'does not exist: the operator recreates it, if it runs' }],
  })
})
