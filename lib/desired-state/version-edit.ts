import { isDeepStrictEqual } from 'node:util'
import { type Document, isNode, isScalar } from 'yaml'
import { yamlDocuments } from '../base/yaml.ts'
import { OperatorError } from '../base/errors.ts'
import { componentsIn } from '../flux/installer.ts'
import { usualNamespace } from '../flux/refs.ts'
import { cliFlags } from '../flux/reinstall.ts'
import { parseObjects } from '../kubernetes/manifest.ts'
import { kinds } from '../kubernetes/objects.ts'
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
  if (place.is === 'digest') throw blocked(`${where} pins ${place.says}, a digest, whose version is not known`, 'write a tag there')
  const documents = parsed(text, place.file)
  const document = documents[place.document]
  const node: unknown = document?.getIn(place.path, true)
  if (document === undefined || !isScalar(node) || !isNode(node) || !node.range) throw blocked(`${where} holds no version`, 'check it')
  const [start, end] = node.range
  const source = text.slice(start, end)
  const before = String(node.value)
  const after = changedValue(before, place, version)
  // Inside whatever quotes it stands in.
  const isPlainlyThere = source.split(before).length === 2
  const changed = text.slice(0, start) + (isPlainlyThere ? source.replace(before, () => after) : JSON.stringify(after)) + text.slice(end)
  // Whatever oddities of YAML there are: it must mean the same as before, except for the version.
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

/** How the flux CLI made the file, from what is in it: the flags of `flux install` that make the same. */
function exportArguments(text: string, version: string): string[] {
  const objects = parseObjects(text)
  const deployments = objects.filter(({ kind }) => kind === kinds.deployment.kind)
  const listed = /^# Components: (\S+)$/m.exec(text)?.[1]?.split(',')
  const namespace = deployments[0]?.metadata.namespace ?? usualNamespace
  const components = listed ?? deployments.flatMap(componentsIn)
  const hasPolicies = objects.some(({ kind }) => kind === 'NetworkPolicy')
  return ['install', '--export', ...cliFlags({ version, namespace, components }, deployments, hasPolicies)]
}

function parsed(text: string, file: string): Document[] {
  const documents = yamlDocuments(text)
  const problem = documents.flatMap(({ errors }) => errors)[0]
  if (problem !== undefined) throw blocked(`${file} is not valid YAML: ${problem.message.split('\n')[0]}`, `fix ${file}`)
  return documents
}

function blocked(what: string, remedy: string): OperatorError {
  return new OperatorError(what, { kind: 'blocked', remedy: `${remedy}, push, and run again` })
}
