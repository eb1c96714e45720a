import { expect, test } from 'vitest'
import { ensureCrds } from '../../../../lib/commands/recover/steps/parts.ts'
import { operatorCrds } from '../../../../lib/flux/crds.ts'
import { fluxKinds } from '../../../../lib/flux/kinds.ts'
import { kinds, parseObject } from '../../../../lib/kubernetes/objects.ts'
import type { Consent } from '../../../../lib/runner/consent.ts'
import { snapshotOf } from '../../health/found-by.ts'
import { stage } from '../../run-stage.ts'

const namespace = 'flux-system'
const yes: Consent = { changes: 'given', destroys: 'missing' }
const annotation = 'fluxcd.controlplane.io/reconcile'
const missing = 'buckets.source.toolkit.fluxcd.io'

test('what is missing is not asked of an object that a person has suspended: it would come once that is resumed', async () => {
  const managedFields = [
    {
      manager: 'kubectl-annotate',
      fieldsV1: { 'f:metadata': { 'f:annotations': { [`f:${annotation}`]: {} } } },
      time: '2026-11-30T01:00:00Z',
    },
  ]
  const instance = parseObject({
    ...fluxKinds.fluxInstance,
    metadata: { namespace, name: 'flux', annotations: { [annotation]: 'disabled' }, managedFields },
    status: { inventory: { entries: [{ id: `_${missing}_apiextensions.k8s.io_CustomResourceDefinition`, v: 'v1' }] } },
  })
  const there = operatorCrds.map((name) => parseObject({ ...kinds.crd, metadata: { name } }))
  const snapshot = snapshotOf([instance, ...there])
  const { result } = stage([ensureCrds(() => snapshot)], yes, undefined, {}, { world: { cluster: snapshot.cluster } })
  expect((await result).failure).toMatchObject({
    message: expect.stringContaining(
      `CustomResourceDefinition ${missing}: missing, and FluxInstance flux-system/flux, which would recreate it, is suspended by kubectl-annotate (kubectl)`,
    ),
    remedy: expect.stringContaining('--resume-suspended FluxInstance/flux-system/flux'),
  })
})
