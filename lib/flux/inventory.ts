import * as v from 'valibot'
import type { KubeObject, Ref } from '../kubernetes/objects.ts'

const inventorySchema = v.object({
  status: v.optional(
    v.object({ inventory: v.optional(v.object({ entries: v.nullish(v.array(v.object({ id: v.string(), v: v.string() })), []) }), {}) }),
    {},
  ),
})

/** What an object of Flux says it has applied: `NAMESPACE_NAME_GROUP_KIND` each (fluxcd/cli-utils pkg/object, ObjMetadata). */
export function inventoryOf(object: KubeObject): Ref[] {
  return (v.parse(inventorySchema, object).status.inventory.entries ?? []).flatMap(({ id, v: version }) => {
    const parts = /^(?<namespace>[^_]*)_(?<name>.+)_(?<group>[^_]*)_(?<kind>[^_]+)$/.exec(id)?.groups
    if (parts === undefined) return []
    const { namespace = '', name = '', group = '', kind = '' } = parts
    return [
      {
        apiVersion: group === '' ? version : `${group}/${version}`,
        kind,
        name: name.replaceAll('__', ':'), // RBAC names hold colons
        ...(namespace === '' ? {} : { namespace }),
      },
    ]
  })
}

/** The same object, whichever version of its group it was read or listed at. */
export function identityOf({ apiVersion, kind, namespace = '', name }: Ref): string {
  const group = apiVersion.includes('/') ? apiVersion.split('/')[0] : ''
  return `${group} ${kind} ${namespace}/${name}`
}
