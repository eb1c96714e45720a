import { isDeepStrictEqual } from 'node:util'
import { type Document, isNode, isScalar, parseAllDocuments } from 'yaml'
import { OperatorError } from '../base/errors.ts'
import type { VersionPlace } from './version-places.ts'

/** What is to be done at a place. */
export type VersionEdit =
  | { readonly is: 'text'; readonly text: string }
  /** The manifests of Flux itself are made by the flux CLI of the version, with these arguments. */
  | { readonly is: 'export'; readonly args: readonly string[] }

/**
 * A file with another version at one place, and every other byte as it was: comments, quotes, line ends, other documents.
 * @param version without `v`
 * @throws OperatorError `blocked` where the place holds what no version can stand for, or cannot be changed without changing more
 */
export function withVersionAt(text: string, place: VersionPlace, version: string): VersionEdit {
  if (place.is === 'components') return { is: 'export', args: exportArguments(text, version) }
  const where = `${place.file}:${place.line}`
  if (place.is === 'digest') throw blocked(`${where} pins ${place.says}, a digest, of which nothing says the version`, 'write a tag there')
  const documents = parsed(text, place.file)
  const document = documents[place.document]
  const node: unknown = document?.getIn(place.path, true)
  if (document === undefined || !isScalar(node) || !isNode(node) || !node.range) throw blocked(`${where} holds no version`, 'look at it')
  const [start, end] = node.range
  const source = text.slice(start, end)
  const before = String(node.value)
  const after = changedValue(before, place, version)
  // Inside whatever quotes it stands in.
  const isPlainlyThere = source.split(before).length === 2
  const changed = text.slice(0, start) + (isPlainlyThere ? source.replace(before, () => after) : JSON.stringify(after)) + text.slice(end)
  // Whatever oddities of YAML there are: it must mean the same as before, but for the version.
  document.setIn(place.path, after)
  const meant = documents.map((one): unknown => one.toJS())
  const means = parsed(changed, place.file).map((one): unknown => one.toJS())
  if (!isDeepStrictEqual(means, meant))
    throw blocked(`the version at ${where} cannot be changed without changing more`, 'change it by hand')
  return { is: 'text', text: changed }
}

/** A `v` that stood there stays, and so does all around the ref of a remote base. A tag loses the digest that Renovate wrote behind it. */
function changedValue(before: string, { is, says }: VersionPlace, version: string): string {
  if (is === 'remote-base') return before.replace(says, () => version)
  return /^v\d/.test(before) ? `v${version}` : version
}

/** How `flux bootstrap` made the file, from what it wrote at its top (fluxcd/flux2 pkg/manifestgen/install, templates.go). */
function exportArguments(text: string, version: string): string[] {
  const components = /^# Components: (\S+)$/m.exec(text)?.[1]?.split(',') ?? []
  const namespace = /^kind: Namespace\n(?:.*\n)*?^ {2}name: (\S+)$/m.exec(text)?.[1]
  const registry = /^\s*image: (\S+)\/source-controller[:@]/m.exec(text)?.[1]
  return [
    'install',
    '--export',
    `--version=v${version}`,
    ...(components.length === 0 ? [] : [`--components=${components.join(',')}`]),
    ...(namespace === undefined ? [] : [`--namespace=${namespace}`]),
    ...(registry === undefined ? [] : [`--registry=${registry}`]),
    ...(/--watch-all-namespaces=false/.test(text) ? ['--watch-all-namespaces=false'] : []),
    ...(/^kind: NetworkPolicy$/m.test(text) ? [] : ['--network-policy=false']),
  ]
}

function parsed(text: string, file: string): Document[] {
  const documents = [...parseAllDocuments(text, { logLevel: 'silent' })]
  const problem = documents.flatMap(({ errors }) => errors)[0]
  if (problem !== undefined) throw blocked(`${file} is not valid YAML: ${problem.message.split('\n')[0]}`, `fix ${file}`)
  return documents
}

function blocked(what: string, remedy: string): OperatorError {
  return new OperatorError(what, { kind: 'blocked', remedy: `${remedy}, push, and run again` })
}
