import { expect, test } from 'vitest'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { requestReconcile } from '../../lib/flux/reconcile-request.ts'
import { instanceIn } from '../../lib/flux/refs.ts'
import { kinds } from '../../lib/kubernetes/objects.ts'
import { applied, removeNow } from '../lab/any-flux/broken.ts'
import { testInstallation, untilHealthy } from '../lab/any-flux/lifecycle.ts'
import { unusualWorkstation } from '../lab/any-flux/workstation.ts'

const namespace = 'flux-system'

function kustomizationFor(shard: string): object {
  return {
    ...fluxKinds.kustomization,
    metadata: { namespace, name: 'sharded', labels: { 'sharding.fluxcd.io/key': shard } },
    spec: { interval: '1h', prune: true, path: './sharded', sourceRef: { kind: 'OCIRepository', name: 'flux-system' } },
  }
}

testInstallation('a FluxInstance on an OCI artifact, with a shard', unusualWorkstation, (world) => {
  test("a shard's Deployment that is gone is a controller that is missing", async () => {
    const { cluster, turned } = world()
    await removeNow(world(), { ...kinds.deployment, namespace, name: 'kustomize-controller-shard1' })
    expect(await turned()).toMatchObject([
      { id: 'controllers', state: 'fail', objects: [{ object: `Deployment ${namespace}/kustomize-controller-shard1` }] },
    ])
    await requestReconcile(cluster, instanceIn(namespace))
    await untilHealthy(world())
  })

  test('an object for a shard that there is, is reconciled; one for a shard that there is not, no controller reconciles', async () => {
    const { turned, lab } = world()
    const sharded = await applied(world(), '', kustomizationFor('shard1'))
    await lab.kubectl(`--namespace=${namespace}`, 'wait', 'kustomization/sharded', '--for=condition=Ready', '--timeout=300s')
    expect(await turned()).toEqual([])
    await sharded.undo()
    const lost = await applied(world(), '', kustomizationFor('shard9'))
    const reason = 'no controller reconciles it: it is for shard shard9, for which there is no kustomize-controller'
    expect(await turned()).toMatchObject([
      { id: 'kustomizations', state: 'fail', objects: [{ object: `Kustomization ${namespace}/sharded`, reason }] },
    ])
    await lost.undo()
  })
})
