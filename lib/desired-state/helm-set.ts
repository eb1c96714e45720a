import type { OperatorError } from '../base/errors.ts'

type Fields = Record<string, unknown>

/**
 * Sets one value at a path, as `helm install --set PATH=VALUE` does and helm-controller for a `targetPath` (helm pkg/strvals, ParseInto): a
 * value in quotes is text, and one without is a boolean, null, a whole number or text.
 * @param cannot makes the error for a path or a value that helm reads in a way of its own: lists, and several assignments in one
 */
export function setPath(values: Readonly<Fields>, path: string, value: string, cannot: () => OperatorError): Fields {
  const keys = keysOf(path)
  if (keys === undefined) throw cannot()
  const quoted = /^(["'])[^]*\1$/.exec(value)
  const bare = quoted === null ? value : value.replaceAll(/^["']+|["']+$/g, '')
  if (/^\{|[,\\]/.test(bare)) throw cannot()
  return put(values, keys, quoted === null ? typed(bare) : bare)
}

/** `a.b` is b in a, and `a\.b` one key; undefined for what is not understood here. */
function keysOf(path: string): string[] | undefined {
  if (/[[\],={}]/.test(path)) return undefined
  const keys = path.split(/(?<!\\)\./).map((key) => key.replaceAll('\\.', '.'))
  return keys.some((key) => key === '' || key.includes('\\')) ? undefined : keys
}

function typed(value: string): unknown {
  if (/^(true|false)$/i.test(value)) return value.toLowerCase() === 'true'
  if (/^null$/i.test(value)) return null
  return value === '0' || (/^[+-]?\d+$/.test(value) && !value.startsWith('0')) ? Number(value) : value
}

function put(below: Readonly<Fields>, [key = '', ...deeper]: readonly string[], value: unknown): Fields {
  const there = below[key]
  if (deeper.length === 0) return { ...below, [key]: value }
  const isMap = typeof there === 'object' && there !== null && !Array.isArray(there)
  return { ...below, [key]: put(isMap ? { ...there } : {}, deeper, value) }
}
