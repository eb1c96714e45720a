import { kinds, type KubeObject } from '../cluster/objects.ts'
import { onChange } from '../cluster/watch.ts'
import { type Field, minute, removeAll, type Scenario } from './scenario.ts'

/** Disasters in which something is gone. */
export const losses: readonly Scenario[] = [
  {
    name: 'controllers-deleted',
    title: 'Every controller deleted',
    strikes: "deletes the Deployments of Flux's controllers",
    objectiveMs: 2 * minute,
    strike: async (field) => removeAll(field.cluster, await controllers(field)),
  },
  {
    name: 'operator-deleted',
    title: 'The operator deleted',
    strikes: 'deletes the Deployment of flux-operator',
    objectiveMs: 2 * minute,
    strike: async (field) => removeAll(field.cluster, await operators(field)),
  },
  {
    name: 'operator-and-controllers-deleted',
    title: 'The operator and every controller deleted',
    strikes: "deletes the Deployments of flux-operator and of Flux's controllers",
    objectiveMs: 2 * minute,
    strike: async (field) => removeAll(field.cluster, [...(await operators(field)), ...(await controllers(field))]),
  },
  {
    name: 'flux-deleted',
    title: 'All of Flux deleted, with its CRDs',
    strikes:
      "deletes the FluxInstance, which takes all objects of Flux along, then the operator, every CRD of theirs, and Flux's namespace",
    objectiveMs: 15 * minute,
    strike: deleteFlux,
  },
  {
    name: 'cluster-emptied',
    title: 'The whole cluster lost',
    strikes: 'makes the cluster a new, empty one',
    objectiveMs: 15 * minute,
    isLabOnly: true,
    isTotal: true,
    strike: async ({ lab }) => lab?.wipe(),
  },
  {
    name: 'instance-release-deleted',
    title: "The FluxInstance's HelmRelease deleted",
    strikes: 'deletes the HelmRelease flux-instance; its FluxInstance stays, for its chart asks for that',
    objectiveMs: 5 * minute,
    strike: async ({ cluster, namespace }) => {
      const release = await cluster.get({ ...kinds.helmRelease, namespace, name: 'flux-instance' })
      await removeAll(cluster, release === undefined ? [] : [release])
    },
  },
]

function controllers({ cluster, namespace }: Field): Promise<KubeObject[]> {
  return cluster.list(kinds.deployment, { namespace, labels: 'app.kubernetes.io/part-of=flux' })
}

function operators({ cluster, namespace }: Field): Promise<KubeObject[]> {
  return cluster.list(kinds.deployment, { namespace, labels: 'app.kubernetes.io/name=flux-operator' })
}

/** As people do it by hand and in a hurry: workloads live on, because the operator takes the finalizers off first. */
async function deleteFlux(field: Field): Promise<void> {
  const { cluster, namespace, progress } = field
  await removeAll(cluster, await cluster.list(kinds.fluxInstance))
  progress('the operator uninstalls Flux')
  const changes = onChange(cluster, [{ kind: kinds.fluxInstance, query: {} }])
  try {
    while ((await cluster.list(kinds.fluxInstance)).length > 0) await changes.next(2000)
  } finally {
    changes.stop()
  }
  await removeAll(cluster, await operators(field))
  const isFlux = ({ metadata: { name } }: KubeObject): boolean => /\.(toolkit\.fluxcd\.io|fluxcd\.controlplane\.io)$/.test(name)
  await removeAll(cluster, (await cluster.list(kinds.crd)).filter(isFlux))
  const home = await cluster.get({ ...kinds.namespace, name: namespace })
  await removeAll(cluster, home === undefined ? [] : [home])
}
