import { expect, test } from 'vitest'
import { ensureCrds } from '../../../../lib/commands/recover/steps/parts.ts'
import { awaitControllers } from '../../../../lib/commands/recover/steps/repair.ts'
import { everyAnnotation, requestedAtAnnotation } from '../../../../lib/flux/annotations.ts'
import { operatorCrds } from '../../../../lib/flux/crds.ts'
import { fluxKinds } from '../../../../lib/flux/kinds.ts'
import { kinds, type KubeObject, parseObject } from '../../../../lib/kubernetes/objects.ts'
import { snapshotOf } from '../../health/found-by.ts'
import { given, stage } from '../../run-stage.ts'

const namespace = 'flux-system'
const missing = 'buckets.source.toolkit.fluxcd.io'

/** A FluxInstance that was asked to reconcile, has not answered, and is so since some seconds. */
function asked(status: 'True' | 'Unknown', seconds: number): KubeObject {
  const lastTransitionTime = new Date(Date.now() - seconds * 1000).toISOString()
  return parseObject({
    ...fluxKinds.fluxInstance,
    metadata: { namespace, name: 'flux', annotations: { [requestedAtAnnotation]: '1', [everyAnnotation]: '1m' } },
    status: {
      conditions: [{ type: 'Ready', status, reason: 'x', message: '', lastTransitionTime }],
      inventory: { entries: [{ id: `_${missing}_apiextensions.k8s.io_CustomResourceDefinition`, v: 'v1' }] },
    },
  })
}

test.each([
  ['has just begun', asked('Unknown', 5), 'waiting'],
  ['has not seen the request yet', asked('True', 500), 'waiting'],
  ['waits for what it has applied, and has seen no request since', asked('Unknown', 40), 'todo'],
])('an operator that %s', async (_, instance, expected) => {
  const there = operatorCrds.map((name) => parseObject({ ...kinds.crd, metadata: { name } }))
  const snapshot = snapshotOf([instance, ...there])
  const { run } = stage([], given, undefined, {}, { world: { cluster: snapshot.cluster } })
  const steps = [awaitControllers(namespace, ['source-controller']), ensureCrds(() => snapshot)]
  const seen = await Promise.all(steps.map((step) => step.check(run)))
  expect(seen.map(({ is }) => is)).toEqual([expected, expected])
})
