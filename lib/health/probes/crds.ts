import * as v from 'valibot'
import { kinds, type KubeObject } from '../../kubernetes/objects.ts'
import { isTrue } from '../../kubernetes/readiness.ts'
import { crdsOf, installedCrds, operatorCrds } from '../../flux/crds.ts'
import { foundAmong, type Probe, type Trouble } from '../probe.ts'

const crdSchema = v.object({
  spec: v.object({ versions: v.array(v.object({ name: v.string(), storage: v.boolean() })) }),
  status: v.optional(v.object({ storedVersions: v.optional(v.array(v.string()), []) }), {}),
})

/** The CRDs that Flux, and its operator where there is one, brought are there, established, and hold objects of one version only. */
export const crds: Probe = {
  id: 'crds',
  title: 'CustomResourceDefinitions',
  async check({ cluster, kubectl, crds: read, instance, installed }) {
    const [there, flux, { expectsOperator, components, version }] = await Promise.all([read(), instance(), installed()])
    const expected = expectsOperator ? [...operatorCrds, ...installedCrds(flux)] : crdsOf(components, version)
    const fails: Trouble[] = []
    const warns: Trouble[] = []
    const names = new Set(there.map(({ metadata }) => metadata.name))
    for (const name of expected.filter((one) => !names.has(one))) {
      // One that lost its label is not missing.
      if ((await cluster.get({ ...kinds.crd, name })) !== undefined) continue
      const next = `${kubectl} get crd ${name}`
      fails.push({
        object: `CustomResourceDefinition ${name}`,
        reason: 'does not exist, and neither does any object of its kind',
        next,
        damage: 'crd-gone',
      })
    }
    for (const crd of there) {
      const { name, deletionTimestamp } = crd.metadata
      const about = { object: `CustomResourceDefinition ${name}`, next: `${kubectl} get crd ${name} --output yaml` }
      if (deletionTimestamp !== undefined)
        fails.push({ ...about, reason: 'is being deleted, and every object of its kind', since: deletionTimestamp, damage: 'crd-gone' })
      else if (!isTrue(crd, 'Established')) fails.push({ ...about, reason: 'is not established: its API is not served' })
      const stale = staleVersions(crd)
      if (stale !== '')
        warns.push({ ...about, reason: `may hold objects of ${stale} (status.storedVersions): an upgrade that drops it is refused` })
    }
    return foundAmong(fails.length === 0 ? `${there.length} established` : `${fails.length} unhealthy`, fails, warns)
  },
}

function staleVersions(crd: KubeObject): string {
  const { spec, status } = v.parse(crdSchema, crd)
  const storage = spec.versions.find((version) => version.storage)?.name
  return status.storedVersions.filter((version) => version !== storage).join(', ')
}
