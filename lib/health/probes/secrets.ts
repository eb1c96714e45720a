import { referencesIn } from '../../capture/references.ts'
import { listMetadata } from '../../cluster/metadata.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { kinds, nameOf } from '../../cluster/objects.ts'
import { foundAmong, type Probe, type Trouble } from '../probe.ts'

/** Every Secret that an object of Flux cannot do without exists. */
export const secrets: Probe = {
  id: 'secrets',
  title: 'Secrets',
  async look({ cluster, kubectl, instance: findInstance, objects }) {
    const [instance, { all }] = await Promise.all([findInstance(), objects()])
    const ofInstance = instance === undefined ? [] : referencesIn(instance).filter(({ isOptional }) => !isOptional)
    /** The first field that names each. */
    const wanted = new Map<string, string>()
    for (const { ref, by } of [...ofInstance, ...all.flatMap((object) => object.secrets)]) {
      const name = nameOf(ref)
      if (ref.kind === kinds.secret.kind && !wanted.has(name)) wanted.set(name, by)
    }
    const there = wanted.size === 0 ? new Set() : await namesOfSecrets(cluster)
    const missing = [...wanted].filter(([name]) => !there.has(name))
    const troubles = missing.map(([object, by]): Trouble => {
      const [namespace, name] = object.replace('Secret ', '').split('/')
      const next = `${kubectl} --namespace ${namespace} create secret generic ${name} --from-file=…; or scripts/restore.ts`
      return { object, reason: `does not exist; ${by} names it`, next }
    })
    const detail = troubles.length === 0 ? `${wanted.size} referred to, none missing` : `${troubles.length} of ${wanted.size} missing`
    return foundAmong(detail, troubles)
  },
}

/** Names only, and not the many that Helm keeps its releases in. */
async function namesOfSecrets(cluster: Cluster): Promise<ReadonlySet<string>> {
  const path = await cluster.collection(kinds.secret, { fields: 'type!=helm.sh/release.v1' })
  const { objects } = await listMetadata(cluster, path, kinds.secret)
  return new Set(
    objects.map(({ metadata: { name, namespace } }) =>
      nameOf({ ...kinds.secret, name, ...(namespace === undefined ? {} : { namespace }) }),
    ),
  )
}
