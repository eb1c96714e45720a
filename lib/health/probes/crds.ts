import * as v from 'valibot'
import { kinds, type KubeObject } from '../../cluster/objects.ts'
import { isTrue } from '../../cluster/readiness.ts'
import { operatorCrds } from '../flux-crds.ts'
import { foundAmong, type Probe, type Trouble } from '../probe.ts'

const inventorySchema = v.object({
  status: v.optional(v.object({ inventory: v.optional(v.object({ entries: v.nullish(v.array(v.object({ id: v.string() }))) }), {}) }), {}),
})
const crdSchema = v.object({
  spec: v.object({ versions: v.array(v.object({ name: v.string(), storage: v.boolean() })) }),
  status: v.optional(v.object({ storedVersions: v.optional(v.array(v.string()), []) }), {}),
})

/** The CRDs that Flux and its operator brought are there, established, and hold objects of one version only. */
export const crds: Probe = {
  id: 'crds',
  title: 'CustomResourceDefinitions',
  async look({ cluster, kubectl, crds: read, instance }) {
    const [there, flux] = await Promise.all([read(), instance()])
    const fails: Trouble[] = []
    const warns: Trouble[] = []
    const names = new Set(there.map(({ metadata }) => metadata.name))
    for (const name of [...operatorCrds, ...installedBy(flux)].filter((expected) => !names.has(expected))) {
      // One that lost its label is not missing.
      if ((await cluster.get({ ...kinds.crd, name })) !== undefined) continue
      const next = `${kubectl} get crd ${name}`
      fails.push({ object: `CustomResourceDefinition ${name}`, reason: 'does not exist, and with it no object of its kind', next })
    }
    for (const crd of there) {
      const { name, deletionTimestamp } = crd.metadata
      const about = { object: `CustomResourceDefinition ${name}`, next: `${kubectl} get crd ${name} --output yaml` }
      if (deletionTimestamp !== undefined)
        fails.push({ ...about, reason: 'is being deleted, and every object of its kind', since: deletionTimestamp })
      else if (!isTrue(crd, 'Established')) fails.push({ ...about, reason: 'is not established: its API is not served' })
      const stale = staleVersions(crd)
      if (stale !== '')
        warns.push({ ...about, reason: `may hold objects of ${stale} (status.storedVersions): an upgrade that drops it is refused` })
    }
    return foundAmong(fails.length === 0 ? `${there.length} established` : `${fails.length} in trouble`, fails, warns)
  },
}

/** The CRDs in the FluxInstance's inventory. */
function installedBy(instance: KubeObject | undefined): string[] {
  if (instance === undefined) return []
  const { entries } = v.parse(inventorySchema, instance).status.inventory
  return (entries ?? []).flatMap(({ id }) => /^_(.+)_apiextensions\.k8s\.io_CustomResourceDefinition$/.exec(id)?.[1] ?? [])
}

function staleVersions(crd: KubeObject): string {
  const { spec, status } = v.parse(crdSchema, crd)
  const storage = spec.versions.find((version) => version.storage)?.name
  return status.storedVersions.filter((version) => version !== storage).join(', ')
}
