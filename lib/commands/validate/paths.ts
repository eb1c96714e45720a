import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { OperatorError } from '../../base/errors.ts'

/** What is checked: the tree, the documents. */
const parts = { kubernetes: /^kubernetes(\/|$)/, documents: /^(README\.md|docs(\/.*)?)$/ } as const

/** Which part of the checkout a person asked for. */
export interface Scope {
  readonly hasTree: boolean
  readonly hasDocuments: boolean
  readonly covers: (file: string) => boolean
}

/** What the words on the command line name: this very checkout, a repository in a folder, or one on a server. */
export type ValidationSubject =
  | { readonly is: 'checkout'; readonly scope: Scope }
  | { readonly is: 'folder'; readonly root: string; readonly name: string; readonly covers: (file: string) => boolean }
  | { readonly is: 'remote'; readonly url: string; readonly ref: string; readonly name: string }

/**
 * What the words name.
 * @param folder where the person typed them
 * @throws OperatorError `usage` for a path that does not exist, and for several that are not of one repository
 */
export function subjectOf(root: string, folder: string, words: readonly string[]): ValidationSubject {
  const [first = ''] = words
  if (words.some(isRemote)) {
    if (words.length > 1) throw oneAtATime(words)
    const [url = '', ref = 'HEAD'] = first.split('#')
    return { is: 'remote', url, ref: ref === '' ? 'HEAD' : ref, name: first }
  }
  if (words.every((word) => isOfCheckout(root, folder, word))) return { is: 'checkout', scope: scopeOf(root, folder, words) }
  const paths = words.map((word) => resolve(folder, word))
  const tops = new Set(paths.map((path) => topOf(path, root)))
  const [top = ''] = tops
  if (tops.size > 1) throw oneAtATime(words)
  const within = paths.map((path) => relative(top, realpathSync(path)).replaceAll('\\', '/'))
  const isAll = within.includes('')
  return {
    is: 'folder',
    root: top,
    name: first,
    covers: (file) => isAll || within.some((path) => file === path || file.startsWith(`${path}/`)),
  }
}

/** Whether a word is the address of a repository: `https://…`, `ssh://…`, `git@host:path`. */
function isRemote(word: string): boolean {
  return /^[a-z+]+:\/\//i.test(word) || /^[\w.-]+@[\w.-]+:/.test(word)
}

/** Whether a path is one of this checkout: all but folders in it that hold YAML and are not part of it, such as an example of a tree. */
function isOfCheckout(root: string, folder: string, word: string): boolean {
  const path = relative(root, resolve(folder, word)).replaceAll('\\', '/')
  if (path.startsWith('..')) return !existsSync(resolve(folder, word))
  if (path === '' || Object.values(parts).some((part) => part.test(path))) return true
  return !holdsYaml(resolve(folder, word))
}

function holdsYaml(path: string): boolean {
  if (!existsSync(path) || !statSync(path).isDirectory()) return false
  return readdirSync(path, { recursive: true, encoding: 'utf8' }).some((name) => /\.ya?ml$/.test(name))
}

/** The top of the repository that a path is in; the path itself where it is in none, or in this checkout, of which it is not a part. */
function topOf(path: string, checkout: string): string {
  const real = realpathSync(path)
  const folder = statSync(real).isDirectory() ? real : dirname(real)
  if (!relative(realpathSync(checkout), folder).startsWith('..')) return folder
  for (let at = folder; at !== dirname(at); at = dirname(at)) if (existsSync(join(at, '.git'))) return at
  return folder
}

function oneAtATime(words: readonly string[]): OperatorError {
  return new OperatorError(`these are of several repositories: ${words.join(' ')}`, {
    kind: 'usage',
    remedy: 'name one repository at a time',
  })
}

/**
 * The scope that the words on the command line name; everything where there are none.
 * @param folder where the person typed them
 * @throws OperatorError `usage` for a path that does not exist, or that is not a part of what is checked
 */
export function scopeOf(root: string, folder: string, words: readonly string[]): Scope {
  const paths = words.map((word) => {
    const path = relative(root, resolve(folder, word)).replaceAll('\\', '/')
    const isKnown = path === '' || Object.values(parts).some((part) => part.test(path))
    if (existsSync(resolve(folder, word)) && isKnown) return path
    const what = existsSync(resolve(folder, word)) ? `${word} is not part of what validate checks` : `there is no ${word}`
    throw new OperatorError(what, { kind: 'usage', remedy: 'name paths below kubernetes/ or docs/, README.md, or another repository' })
  })
  const isAll = paths.length === 0 || paths.includes('')
  return {
    hasTree: isAll || paths.some((path) => parts.kubernetes.test(path)),
    hasDocuments: isAll || paths.some((path) => parts.documents.test(path)),
    covers: (file) => isAll || paths.some((path) => file === path || file.startsWith(`${path}/`)),
  }
}
