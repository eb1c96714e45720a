import { expect, test } from 'vitest'
import { ensureOperatorScaledUp } from '../../../../lib/commands/recover/steps/scale-up.ts'
import { kinds, parseObject } from '../../../../lib/kubernetes/objects.ts'
import { clusterOf } from '../../fake-cluster.ts'
import { given, stage } from '../../run-stage.ts'

const operator = (replicas: number): object => ({
  ...kinds.deployment,
  metadata: { namespace: 'flux-system', name: 'flux-operator', generation: 1 },
  spec: { replicas },
  status: { observedGeneration: 1, replicas, updatedReplicas: replicas, availableReplicas: replicas },
})

test('an operator scaled to 0 is scaled up by recover: no HelmRelease restores what its chart does not set', async () => {
  let replicas = 0
  const cluster = {
    ...clusterOf(() => [parseObject(operator(replicas))]),
    patch: (_: unknown, patch: unknown) => {
      expect(patch).toEqual({ spec: { replicas: 1 } })
      replicas = 1
      return Promise.resolve(parseObject(operator(replicas)))
    },
    collection: () => Promise.resolve('1'),
  }
  const { result } = stage([ensureOperatorScaledUp('flux-system')], given, undefined, {}, { world: { cluster } })
  expect(await result).toMatchObject({ outcome: 'done', steps: [{ state: 'done', detail: 'flux-operator is available' }] })
})
