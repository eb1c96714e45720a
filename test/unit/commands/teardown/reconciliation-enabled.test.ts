import { expect, test } from 'vitest'
import { ensureReconciliationEnabled } from '../../../../lib/commands/teardown/steps/disable-reconciliation.ts'
import { fluxKinds } from '../../../../lib/flux/kinds.ts'
import { parseObject } from '../../../../lib/kubernetes/objects.ts'
import { clusterOf } from '../../fake-cluster.ts'
import { stage } from '../../run-stage.ts'

test("a FluxInstance that is reconciled again is not reported by the duration of its operator's last reconciliation", async () => {
  const instance = parseObject({
    ...fluxKinds.fluxInstance,
    metadata: { namespace: 'flux-system', name: 'flux' },
    status: { conditions: [{ type: 'Ready', status: 'True', message: 'Reconciliation finished in 7s' }] },
  })
  const { run } = stage([], 'dry-run')
  const memory = { ...run.memory, read: () => ({ teardown: { rested: { annotation: null, wasReady: true } } }) }
  const status = await ensureReconciliationEnabled('flux-system').check({ ...run, memory, cluster: clusterOf(() => [instance]) })
  expect(status).toEqual({ is: 'done', detail: 'its annotation is as it was, and it is Ready' })
})
