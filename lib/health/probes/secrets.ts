import { shellQuote } from '../../base/shell-line.ts'
import { referencesIn } from '../../flux/secret-references.ts'
import { listMetadata } from '../../kubernetes/metadata.ts'
import type { Cluster } from '../../kubernetes/client.ts'
import { deletionOf, kinds, type KubeObject, nameOf, type Ref, refOf } from '../../kubernetes/objects.ts'
import { foundAmong, type Probe, type Trouble } from '../probe.ts'

/** Every Secret that an object of Flux cannot do without exists. */
export const secrets: Probe = {
  id: 'secrets',
  title: 'Secrets',
  async check({ cluster, kubectl, where, instance: findInstance, objects }) {
    const [instance, { all }] = await Promise.all([findInstance(), objects()])
    const ofInstance = instance === undefined ? [] : referencesIn(instance).filter(({ isOptional }) => !isOptional)
    /** The first field that names each. */
    const wanted = new Map<string, { ref: Ref; by: string }>()
    for (const { ref, by } of [...ofInstance, ...all.flatMap((object) => object.secrets)]) {
      const name = nameOf(ref)
      if (ref.kind === kinds.secret.kind && !wanted.has(name)) wanted.set(name, { ref, by })
    }
    const there = wanted.size === 0 ? new Map<string, KubeObject>() : await readSecrets(cluster)
    const missing = [...wanted].filter(([name]) => there.get(name)?.metadata.deletionTimestamp !== undefined || !there.has(name))
    const troubles = missing.map(([object, { ref, by }]): Trouble => {
      const place = `${kubectl} --namespace ${ref.namespace}`
      const live = there.get(object)
      if (live !== undefined) {
        const next = `${place} get secret ${ref.name} --output jsonpath='{.metadata.finalizers}{"\\n"}'`
        return { object, reason: `${deletionOf(live)}; ${by} names it`, since: live.metadata.deletionTimestamp ?? '', next }
      }
      // What refers to it may hold any text: a person pastes this.
      const next = `${place} create secret generic ${shellQuote(ref.name)} --from-file=KEY=FILE; or from a capture: npx zx scripts/restore.ts ${where} --from FILE`
      return { object, reason: `does not exist; ${by} names it`, next }
    })
    const detail =
      troubles.length === 0 ? `${wanted.size} referenced, none missing` : `${troubles.length} of ${wanted.size} missing, or being deleted`
    return foundAmong(detail, troubles)
  },
}

/** By their names, metadata only, and not the many that Helm keeps its releases in. */
async function readSecrets(cluster: Cluster): Promise<ReadonlyMap<string, KubeObject>> {
  const path = await cluster.collection(kinds.secret, { fields: 'type!=helm.sh/release.v1' })
  const { objects } = await listMetadata(cluster, path, kinds.secret)
  return new Map(objects.map((object) => [nameOf(refOf(object)), object]))
}
