import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Document, isMap, isScalar, isSeq, LineCounter } from 'yaml'
import { foundWithin } from '../../desired-state/found-within.ts'
import { yamlDocuments } from '../../base/yaml.ts'
import { at } from './at.ts'
import type { Diagnostic } from './diagnostic.ts'

export type Path = readonly (string | number)[]

/** A YAML document of the tree, with the lines that its fields stand on. */
export interface Source {
  /** From the top of the checkout. */
  readonly file: string
  readonly value: unknown
  readonly kind: string
  readonly name: string
  /** The line of the deepest part of the path that is there, and how deep that is. */
  readonly find: (path: Path) => { line: number; depth: number }
}

/** A YAML file of the tree. */
export interface SourceFile {
  readonly file: string
  readonly text: string
  readonly documents: readonly Source[]
  /** How many things in it cannot be parsed. */
  readonly problems: number
}

/** Every file below a folder whose name ends so, from the top of the checkout, in order; without what a link has outside of it. */
export async function filesBelow(root: string, folder: string, ending: RegExp): Promise<string[]> {
  const names = await readdir(join(root, folder), { recursive: true }).catch((): string[] => [])
  const named = names.filter((name) => ending.test(name)).map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
  const found = await Promise.all(named.map(async (file) => ((await foundWithin(root, file)) === 'file' ? [file] : [])))
  return found.flat().sort()
}

/** Reads YAML as the API's own parsers do, and reports everything that they would refuse or silently take otherwise. */
export async function readSource(root: string, file: string): Promise<{ source: SourceFile; findings: Diagnostic[] }> {
  if ((await foundWithin(root, file)) !== 'file') {
    const message = 'this is not a file of the repository: a folder, or a link that leads out of it or nowhere'
    const finding = { file, line: 1, rule: 'yaml', message, remedy: 'put a file in its place' }
    return { source: { file, text: '', documents: [], problems: 1 }, findings: [finding] }
  }
  const text = await readFile(join(root, file), 'utf8')
  const lines = new LineCounter()
  const documents = yamlDocuments(text, { lineCounter: lines, merge: true })
  const findings = documents.flatMap(({ errors, warnings }) =>
    [...errors, ...warnings].map((error) => ({
      file,
      line: lines.linePos(error.pos[0]).line,
      rule: 'yaml',
      ...complaint(error.code, error.message),
    })),
  )
  const source = { file, text, documents: documents.map((document) => sourceOf(file, document, lines)), problems: findings.length }
  return { source, findings }
}

function complaint(code: string, message: string): { message: string; remedy: string } {
  if (code === 'DUPLICATE_KEY') return { message: 'the same key twice in one map', remedy: 'remove one of them: the last would win' }
  if (code === 'TAB_AS_INDENT') return { message: 'a tab as indentation', remedy: 'indent with spaces' }
  return { message: message.replaceAll('\n', ' '), remedy: 'fix the YAML' }
}

function sourceOf(file: string, document: Document.Parsed, lines: LineCounter): Source {
  const value: unknown = document.errors.length === 0 ? document.toJS() : undefined
  const lineOf = (offset: number | undefined): number => lines.linePos(offset ?? 0).line
  return {
    file,
    value,
    kind: text(at(value, 'kind')),
    name: text(at(value, 'metadata', 'name')),
    find(path) {
      let node: unknown = document.contents
      let line = lineOf(document.contents?.range?.[0])
      for (const [depth, step] of path.entries()) {
        if (isMap(node)) {
          const pair = node.items.find(({ key }) => isScalar(key) && key.value === step)
          if (pair === undefined) return { line, depth }
          if (isScalar(pair.key)) line = lineOf(pair.key.range?.[0])
          node = pair.value
        } else if (isSeq(node) && typeof step === 'number' && node.items[step] !== undefined) {
          node = node.items[step]
          if (isMap(node) || isScalar(node)) line = lineOf(node.range?.[0])
        } else return { line, depth }
      }
      return { line, depth: path.length }
    },
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
