import { messageOf, OperatorError } from '../base/errors.ts'
import { yamlDocuments } from '../base/yaml.ts'
import { type KubeObject, parseObject, type Ref } from './objects.ts'

/** An object to be applied: its manifest, and nothing else. */
export function manifestOf(ref: Ref, fields: Record<string, unknown> = {}): KubeObject {
  const { apiVersion, kind, name, namespace } = ref
  return parseObject({ apiVersion, kind, metadata: { name, ...(namespace === undefined ? {} : { namespace }) }, ...fields })
}
/**
 * The objects of a stream of YAML documents; empty documents are left out.
 * @throws OperatorError where one is not YAML, or no object: what was read of it so far would pass for all of it
 */
export function parseObjects(stream: string): KubeObject[] {
  return yamlDocuments(stream).flatMap((document) => {
    const [error] = document.errors
    if (error !== undefined) throw new OperatorError(`this is not YAML: ${error.message}`, { kind: 'blocked' })
    try {
      const value: unknown = document.toJS()
      return value === null || value === undefined ? [] : [parseObject(value)]
    } catch (cause) {
      throw new OperatorError(`this is not an object of Kubernetes: ${messageOf(cause)}`, { kind: 'blocked', cause })
    }
  })
}
