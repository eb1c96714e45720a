import type { Ref } from '../kubernetes/objects.ts'

/**
 * The lines of a document that say which object it is. To parse a chart's CustomResourceDefinitions whole takes longer than all else that a
 * health check does. Returns undefined where its outermost lines are not all of the form `key: value`: then only the whole of it tells.
 */
export function namingLines(document: string): string | undefined {
  const head: string[] = []
  let isHead = true
  for (const line of document.split('\n')) {
    if (/^[^\s#]/.test(line) && !(isItem.test(line) && head.length > 0)) {
      const key = outermostKey.exec(line)?.[1]
      if (key === undefined) return undefined
      isHead = naming.includes(key)
    }
    if (isHead) head.push(line)
  }
  return head.join('\n')
}
const naming = ['apiVersion', 'kind', 'metadata']
const outermostKey = /^([\w-]+):(?:\s|$)/
/** A list may stand as far left as the key that it belongs to. */
const isItem = /^-(?:\s|$)/

/**
 * The object that a head names, where it is written as charts write it: each name a plain word in its own line, those of `metadata` two spaces
 * in. To parse the heads of the operator's chart as YAML took a twelfth of a health check's CPU time (measured). Returns undefined for what is
 * written otherwise, and where a line could mean something else than what it looks like.
 */
export function plainRefIn(head: string): Ref | undefined {
  const found = new Map<string, string>()
  let deepest = Infinity
  for (const line of head.split('\n')) {
    if (/^\s*(#|$)/.test(line)) continue
    const indent = line.search(/[^ ]/)
    if (indent > deepest) return undefined // a text continues in the next line
    deepest = Infinity
    if (indent > 2) continue
    const [, key, value] = plainLine.exec(line) ?? []
    if (key === undefined) {
      if (indent === 2 && otherLine.test(line)) continue
      return undefined
    }
    if (found.has(key) || isBelow(key) !== (indent === 2) || (key === 'metadata') !== (value === undefined)) return undefined
    if (value !== undefined) deepest = indent
    found.set(key, value ?? '')
  }
  const [apiVersion, kind, name, namespace] = ['apiVersion', 'kind', 'name', 'namespace'].map((key) => found.get(key))
  if (apiVersion === undefined || kind === undefined || name === undefined) return undefined
  return { apiVersion, kind, name, ...(namespace === undefined ? {} : { namespace }) }
}

function isBelow(key: string): boolean {
  return key === 'name' || key === 'namespace'
}

/** What begins with a letter and is none of these is a text, in every version of YAML. */
const plainLine = /^ *(apiVersion|kind|metadata|name|namespace):(?: +(?!(?:true|false|null|yes|no|on|off|y|n)\s*$)([a-z][\w./-]*))?[ \r]*$/i
/** Another key of `metadata`, or an item of a list below one. */
const otherLine = /^ {2}(?:- |(?!name:|namespace:)[\w./-]+:(?: |\r?$))/
