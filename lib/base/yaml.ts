import { Composer, type Document, Lexer, LineCounter, Parser, YAMLParseError } from 'yaml'
import { messageOf } from './errors.ts'

/**
 * No object of Kubernetes is as deep. The composer calls itself for each level, and V8 ends the process, where it cannot compile a regular
 * expression at the end of its stack: 2,500 brackets are enough (Node 20).
 */
const deepest = 250

/** That a text may have an alias; most have none, and need not be read twice. */
const alias = /(?:^|[\s[{,])\*[^\s*,'"\]}]/m

interface YamlOptions {
  /** Where lines begin; without one, errors say where they are themselves. */
  readonly lineCounter?: LineCounter
  /** Go's parser knows merge keys. */
  readonly merge?: boolean
  /** All scalars are texts. */
  readonly schema?: 'failsafe'
}

/**
 * The documents of a text from outside. One without errors can be read by `toJS`, and in no time: aliases that stand for millions, keys that
 * are maps themselves, which Go refuses too, and a text that is too deep are errors. Nothing is printed of what is in it.
 */
export function yamlDocuments(text: string, { lineCounter, ...options }: YamlOptions = {}): Document.Parsed[] {
  const lines = lineCounter ?? new LineCounter()
  const composer = new Composer({ ...options, logLevel: 'silent', stringKeys: true })
  const parser = new Parser(lines.addNewLine)
  lines.addNewLine(0)
  const documents: Document.Parsed[] = []
  let isTooDeep = false
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) documents.push(...composer.next(token))
    isTooDeep = parser.stack.length > deepest
    if (isTooDeep) break
  }
  if (isTooDeep) {
    const message = `it is nested more than ${deepest} levels deep`
    documents.push(...composer.next({ type: 'error', offset: parser.offset, message, source: '' }))
  } else for (const token of parser.end()) documents.push(...composer.next(token))
  documents.push(...composer.end(isTooDeep, text.length))
  const mayAlias = alias.test(text)
  for (const document of documents) {
    if (mayAlias && document.errors.length === 0) verifyReadable(document)
    if (lineCounter === undefined) for (const error of document.errors) error.message += placeOf(error.pos[0], lines)
  }
  return documents
}

/** The value of a text's first document; null for an empty one. Throws where it is not YAML. */
export function yamlValue(text: string): unknown {
  const [document] = yamlDocuments(text)
  const [error] = document?.errors ?? []
  if (error !== undefined) throw error
  const value: unknown = document?.toJS()
  return value ?? null
}

function verifyReadable(document: Document.Parsed): void {
  try {
    document.toJS()
  } catch (error) {
    document.errors.push(new YAMLParseError([0, 0], 'BAD_ALIAS', messageOf(error)))
  }
}

function placeOf(offset: number, lines: LineCounter): string {
  const { line, col } = lines.linePos(offset)
  return ` at line ${line}, column ${col}`
}
