import { showDuration } from '../../../base/duration.ts'
import { OperatorError } from '../../../base/errors.ts'
import { kinds, type KubeObject, nameOf, refOf } from '../../../kubernetes/objects.ts'
import { waitUntil } from '../../../kubernetes/wait-until.ts'
import { listFluxCrds } from '../../../flux/crds.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { type Field, minute, removeAll, type Scenario } from '../scenario.ts'
import { deploymentsOf } from '../../../flux/components.ts'
import { releaseNames } from '../../../flux/refs.ts'

/** Disasters in which something is gone. */
export const deletions: readonly Scenario[] = [
  {
    name: 'controllers-deleted',
    needsInstaller: true,
    title: 'Every controller deleted',
    injects: "deletes the Deployments of Flux's controllers",
    objectiveMs: 2 * minute,
    inject: async (field) => removeAll(field.cluster, await controllers(field)),
  },
  {
    name: 'operator-deleted',
    isOperators: true,
    needsFolder: true,
    title: 'The operator deleted',
    injects: 'deletes the Deployment of flux-operator',
    objectiveMs: 2 * minute,
    inject: async (field) => removeAll(field.cluster, await operators(field)),
  },
  {
    name: 'operator-and-controllers-deleted',
    isOperators: true,
    needsFolder: true,
    title: 'The operator and every controller deleted',
    injects: "deletes the Deployments of flux-operator and of Flux's controllers",
    objectiveMs: 2 * minute,
    inject: async (field) => removeAll(field.cluster, [...(await operators(field)), ...(await controllers(field))]),
  },
  {
    name: 'flux-deleted',
    isOperators: true,
    needsFolder: true,
    title: 'All of Flux deleted, with its CRDs',
    injects: "deletes the FluxInstance and with it all Flux objects, then the operator, their CRDs and Flux's namespace",
    objectiveMs: 15 * minute,
    inject: deleteFlux,
  },
  {
    name: 'cluster-emptied',
    needsFolder: true,
    title: 'The whole cluster lost',
    injects: 'replaces the cluster by a new, empty one',
    objectiveMs: 15 * minute,
    isLabOnly: true,
    isTotal: true,
    inject: async ({ lab }) => lab?.wipe(),
  },
  {
    name: 'instance-release-deleted',
    isOperators: true,
    needsFolder: true,
    needsSettings: true,
    title: "The FluxInstance's HelmRelease deleted",
    injects: 'deletes the HelmRelease flux-instance; its FluxInstance stays (helm.sh/resource-policy: keep)',
    objectiveMs: 5 * minute,
    inject: async ({ cluster, namespace }) => {
      const release = await cluster.get({ ...fluxKinds.helmRelease, namespace, name: releaseNames.instance })
      await removeAll(cluster, release === undefined ? [] : [release])
    },
  },
]

function controllers({ cluster, namespace }: Field): Promise<KubeObject[]> {
  return deploymentsOf(cluster, namespace, 'controllers')
}

function operators({ cluster, namespace }: Field): Promise<KubeObject[]> {
  return deploymentsOf(cluster, namespace, 'operator')
}

/** As people do it by hand and in a hurry: workloads live on, because the operator takes the finalizers off first. */
async function deleteFlux(field: Field): Promise<void> {
  const { cluster, namespace, progress, timeout } = field
  await removeAll(cluster, await cluster.list(fluxKinds.fluxInstance))
  progress('the operator uninstalls Flux')
  const [left] = await waitUntil(cluster, {
    watches: [{ kind: fluxKinds.fluxInstance, query: {} }],
    timeout,
    check: () => cluster.list(fluxKinds.fluxInstance),
    isOver: (instances) => instances.length === 0,
  })
  if (left !== undefined) {
    const what = `the operator has not uninstalled Flux within ${showDuration(timeout)}`
    throw new OperatorError(`${what}: ${nameOf(refOf(left))} is still there`)
  }
  await removeAll(cluster, await operators(field))
  await removeAll(cluster, await listFluxCrds(cluster))
  const home = await cluster.get({ ...kinds.namespace, name: namespace })
  await removeAll(cluster, home === undefined ? [] : [home])
}
