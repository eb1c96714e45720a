import * as v from 'valibot'
import type { KubeObject } from './objects.ts'

const ownedSchema = v.object({
  metadata: v.object({
    ownerReferences: v.optional(
      v.array(v.object({ apiVersion: v.string(), kind: v.string(), name: v.string(), uid: v.optional(v.string(), '') })),
      [],
    ),
  }),
})
export type Owner = v.InferOutput<typeof ownedSchema>['metadata']['ownerReferences'][number]

/** What an object belongs to, and is deleted with by Kubernetes itself; nothing where it stands for itself. */
export function ownersOf(object: KubeObject): readonly Owner[] {
  return v.parse(ownedSchema, object).metadata.ownerReferences
}
