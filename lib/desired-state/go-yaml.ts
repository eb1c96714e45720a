import { isScalar } from 'yaml'

/**
 * YAML from Git as Go's parser reads it, where ours would see less: YAML 1.1 ends lines, and with them comments, where 1.2 does not
 * (yaml/goyaml.v2 yamlprivateh.go, is_break).
 * @returns undefined for what is not UTF-8: Go reads UTF-16 as well
 */
export function decodedForGo(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r\n?|[\u0085\u2028\u2029]/g, '\n')
  } catch {
    return undefined
  }
}

/** The text of a scalar, one that is written as `!!binary` too; undefined for any other node. */
export function textForGo(node: unknown): string | undefined {
  if (!isScalar(node)) return undefined
  return node.value instanceof Uint8Array ? Buffer.from(node.value).toString() : typeof node.value === 'string' ? node.value : undefined
}

/** The name of a field: Go reads it in any case, `ſ` for an s and the sign of the kelvin for a k (encoding/json, foldName). */
export function foldedByGo(name: string): string {
  return name.toUpperCase().toLowerCase()
}
