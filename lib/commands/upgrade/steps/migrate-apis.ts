import { counted } from '../../../base/counted.ts'
import * as v from 'valibot'
import type { Cluster } from '../../../kubernetes/client.ts'
import { retryOnConflict } from '../../../kubernetes/retry-conflict.ts'
import { listFluxObjects } from '../../../flux/object-status.ts'
import { type FluxCrd, listControllerCrds } from '../../../flux/crds.ts'
import { kinds, type KubeObject, nameOf, refOf } from '../../../kubernetes/objects.ts'
import type { Step } from '../../../runner/step.ts'

const managedSchema = v.object({
  metadata: v.object({ managedFields: v.optional(v.array(v.looseObject({ apiVersion: v.optional(v.string()) })), []) }),
})

/** The objects with a field manager that still writes in a version that goes away; each server-side apply to them would then fail. */
export function staleObjects(objects: readonly KubeObject[], crds: readonly FluxCrd[], removedVersions: ReadonlySet<string>): KubeObject[] {
  return objects.filter((object) => staleVersions(object, crds, removedVersions).length > 0)
}

function staleVersions(object: KubeObject, crds: readonly FluxCrd[], removedVersions: ReadonlySet<string>): string[] {
  const [group = ''] = object.apiVersion.split('/')
  const crd = crds.find((one) => one.group === group && one.kind === object.kind)
  const used = v.parse(managedSchema, object).metadata.managedFields.flatMap(({ apiVersion }) => apiVersion ?? [])
  return used.filter((apiVersion) => crd !== undefined && removedVersions.has(`${crd.name} ${apiVersion.split('/')[1]}`))
}

/**
 * Writes what stands in API versions that will be removed in those that stay: stored objects, `storedVersions`, and the marks of field managers
 * (fluxcd/flux2#5598; what `flux migrate` does too). Nothing of what the objects say is changed.
 */
export function ensureMigrated(removedVersions: ReadonlySet<string>): Step {
  return {
    id: 'migrate',
    title: 'Migrate objects in API versions that will be removed',
    risk: 'change',
    async check({ cluster }) {
      const { stale, stored } = await findStale(cluster, removedVersions)
      if (stale.length === 0 && stored.length === 0) return { is: 'done', detail: 'no object uses them' }
      return {
        is: 'todo',
        change: `${counted(stale.length, 'object')}, ${counted(stored.length, 'CRD')}`,
        commands: ['flux migrate'],
        details: [...stale.map((object) => nameOf(refOf(object))), ...stored.map(({ name }) => `storedVersions of ${name}`)],
      }
    },
    async apply({ cluster, timeout }, progress) {
      const { crds, objects, stale, stored } = await findStale(cluster, removedVersions)
      let done = 0
      for (const object of stale) {
        await migrate(cluster, object, crds, timeout)
        progress(`${++done} of ${stale.length} objects`)
      }
      for (const crd of stored) {
        // Every object once, unchanged: the API stores it in today's version.
        for (const object of objects.filter(({ kind, apiVersion }) => kind === crd.kind && apiVersion.startsWith(`${crd.group}/`)))
          await cluster.patch(refOf(object), {})
        const storedVersions = crd.stored.filter((one) => !removedVersions.has(`${crd.name} ${one}`))
        await cluster.patch({ ...kinds.crd, name: crd.name }, { status: { storedVersions } }, 'status')
      }
    },
    watches: [],
  }
}

async function findStale(
  cluster: Cluster,
  removedVersions: ReadonlySet<string>,
): Promise<{ crds: FluxCrd[]; objects: KubeObject[]; stale: KubeObject[]; stored: FluxCrd[] }> {
  const crds = await listControllerCrds(cluster)
  const objects = await listFluxObjects(cluster, crds)
  const stored = crds.filter(({ name, stored: versions }) => versions.some((one) => removedVersions.has(`${name} ${one}`)))
  return { crds, objects, stale: staleObjects(objects, crds, removedVersions), stored }
}

/** Gives each field manager's entry the version that the object is stored in; who owns which field stays. */
async function migrate(cluster: Cluster, object: KubeObject, crds: readonly FluxCrd[], timeout: number): Promise<void> {
  const [group = ''] = object.apiVersion.split('/')
  const storage = crds.find((crd) => crd.group === group && crd.kind === object.kind)?.storage ?? ''
  await retryOnConflict(`migrate ${nameOf(refOf(object))}`, timeout, async () => {
    const live = await cluster.get(refOf(object))
    if (live === undefined) return
    const managedFields = v
      .parse(managedSchema, live)
      .metadata.managedFields.map((entry) => ({ ...entry, apiVersion: `${group}/${storage}` }))
    await cluster.patch(refOf(object), { metadata: { resourceVersion: live.metadata.resourceVersion, managedFields } })
  })
}
