import { expect, test } from 'vitest'
import { ensureReleased } from '../../../../lib/commands/recover/steps/repair.ts'
import { requestedAtAnnotation } from '../../../../lib/flux/annotations.ts'
import { fluxKinds } from '../../../../lib/flux/kinds.ts'
import { type KubeObject, parseObject } from '../../../../lib/kubernetes/objects.ts'
import type { StepStatus } from '../../../../lib/runner/step.ts'
import { clusterOf } from '../../fake-cluster.ts'
import { given, stage } from '../../run-stage.ts'

const namespace = 'flux-system'

function kustomization(name: string, ready: 'True' | 'Unknown', more: object = {}, annotations: object = {}): KubeObject {
  const conditions = [{ type: 'Ready', status: ready, reason: 'x', message: '', lastTransitionTime: '2026-11-30T18:40:34Z' }]
  return parseObject({ ...fluxKinds.kustomization, metadata: { namespace, name, annotations }, spec: more, status: { conditions } })
}

const dependsOn = [{ name: 'operator' }, { name: 'settings' }]

/** What the step would ask, of Kustomizations that are so. */
async function asked(operator: KubeObject): Promise<readonly string[]> {
  const objects = [operator, kustomization('settings', 'True'), kustomization('instance', 'Unknown', { dependsOn })]
  const cluster = clusterOf(() => objects)
  const { run } = stage([], given, undefined, {}, { world: { cluster } })
  const status: StepStatus = await ensureReleased(namespace, 'instance', 'flux-instance').check(run)
  return status.is === 'todo' ? (status.commands ?? []) : [status.is]
}

test('where a HelmRelease is gone, the Kustomization that applies it is asked, and what that waits for', async () => {
  const ask = (name: string): string => `flux --namespace flux-system reconcile kustomization ${name}`
  expect(await asked(kustomization('operator', 'Unknown'))).toEqual([ask('instance'), ask('operator')])
  expect(await asked(kustomization('operator', 'True'))).toEqual([ask('instance')])
  expect(await asked(kustomization('operator', 'Unknown', { suspend: true }))).toEqual([ask('instance')])
  expect(await asked(kustomization('operator', 'Unknown', {}, { [requestedAtAnnotation]: '1' }))).toEqual([ask('instance')])
})
