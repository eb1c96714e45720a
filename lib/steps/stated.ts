import { type KubeObject, parseObject, type Ref } from '../cluster/objects.ts'

/** An object to be applied: what is stated of it, and nothing else. */
export function stated(ref: Ref, fields: Record<string, unknown> = {}): KubeObject {
  const { apiVersion, kind, name, namespace } = ref
  return parseObject({ apiVersion, kind, metadata: { name, ...(namespace === undefined ? {} : { namespace }) }, ...fields })
}
