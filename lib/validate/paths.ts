import { existsSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { OperatorError } from '../errors.ts'

/** What is looked at: the tree, the documents. */
const parts = { kubernetes: /^kubernetes(\/|$)/, documents: /^(README\.md|docs(\/.*)?)$/ } as const

/** Which part of the checkout a person asked for. */
export interface Scope {
  readonly hasTree: boolean
  readonly hasDocuments: boolean
  readonly covers: (file: string) => boolean
}

/**
 * The scope that the words on the command line name; everything where there are none.
 * @param folder where the person typed them
 * @throws OperatorError `usage` for a path that is not there, or that is no part of what is looked at
 */
export function scopeOf(root: string, folder: string, words: readonly string[]): Scope {
  const paths = words.map((word) => {
    const path = relative(root, resolve(folder, word)).replaceAll('\\', '/')
    const isKnown = path === '' || Object.values(parts).some((part) => part.test(path))
    if (existsSync(resolve(folder, word)) && isKnown) return path
    const what = existsSync(resolve(folder, word)) ? `${word} is no part of what validate looks at` : `there is no ${word}`
    throw new OperatorError(what, { kind: 'usage', remedy: 'name paths below kubernetes/ or docs/, or README.md' })
  })
  const isAll = paths.length === 0 || paths.includes('')
  return {
    hasTree: isAll || paths.some((path) => parts.kubernetes.test(path)),
    hasDocuments: isAll || paths.some((path) => parts.documents.test(path)),
    covers: (file) => isAll || paths.some((path) => file === path || file.startsWith(`${path}/`)),
  }
}
