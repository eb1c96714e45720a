import { isDeepStrictEqual } from 'node:util'
import * as v from 'valibot'
import { type Document, isNode, isScalar } from 'yaml'
import { yamlDocuments } from '../base/yaml.ts'
import { OperatorError } from '../base/errors.ts'

/** The values of a cluster's settings.yaml that say which versions run. */
export type VersionLines = Readonly<Partial<Record<(typeof versionKeys)[number], string>>>

const versionKeys = ['flux_version', 'operator_version', 'distribution_artifact', 'operator_chart_digest', 'instance_chart_digest'] as const

const settingsSchema = v.looseObject({
  kind: v.literal('ConfigMap'),
  metadata: v.looseObject({ name: v.literal('flux-settings') }),
  data: v.record(v.string(), v.unknown()),
})

/**
 * A cluster's settings.yaml with other versions, and every other byte as it was: comments, quoting, line ends, other documents.
 * @param file named in errors
 * @throws OperatorError `blocked` where a version is not a value of its own, so that changing it would change more
 */
export function withVersions(text: string, file: string, versions: VersionLines): string {
  const documents = parsed(text, file)
  const at = documents.findIndex((document) => v.is(settingsSchema, document.toJS()))
  const document = documents[at]
  if (document === undefined) throw blocked(`${file} holds no ConfigMap flux-settings`, file)
  const edits = Object.entries(versions).map(([key, value]) => editOf(text, document, key, value, file))
  let changed = text
  for (const { start, end, value } of edits.toSorted((one, other) => other.start - one.start)) {
    changed = changed.slice(0, start) + value + changed.slice(end)
  }
  // Whatever oddities of YAML there are: it must mean the same as before, except for the versions.
  const meant = documents.map((one, index): unknown => (index === at ? withData(one.toJS(), versions) : one.toJS()))
  const means = parsed(changed, file).map((one): unknown => one.toJS())
  if (!isDeepStrictEqual(means, meant)) throw blocked(`the versions in ${file} cannot be changed without changing more`, file)
  return changed
}

/** The versions that a cluster's settings.yaml names; those that it leaves out are undefined. */
export function versionsIn(text: string, file: string): VersionLines {
  const found = parsed(text, file).flatMap((document) => {
    const settings = v.safeParse(settingsSchema, document.toJS())
    return settings.success ? [settings.output.data] : []
  })[0]
  if (found === undefined) throw blocked(`${file} holds no ConfigMap flux-settings`, file)
  return Object.fromEntries(versionKeys.flatMap((name) => (typeof found[name] === 'string' ? [[name, found[name]]] : [])))
}

function parsed(text: string, file: string): Document[] {
  const documents = yamlDocuments(text)
  const problem = documents.flatMap(({ errors }) => errors)[0]
  if (problem !== undefined) throw blocked(`${file} is not YAML: ${problem.message}`, file)
  return documents
}

function withData(settings: unknown, versions: VersionLines): unknown {
  const { data, ...rest } = v.parse(settingsSchema, settings)
  return { ...rest, data: { ...data, ...versions } }
}

/** Which characters make the value, and what is to stand there. */
function editOf(text: string, document: Document, key: string, value: string, file: string): { start: number; end: number; value: string } {
  const node: unknown = document.getIn(['data', key], true)
  if (!isNode(node) || !node.range) throw blocked(`${file} does not say ${key}`, file)
  const [start, end] = node.range
  const source = text.slice(start, end)
  const before = isScalar(node) && typeof node.value === 'string' ? node.value : ''
  // Inside whatever quotes or block it stands in, where it stands there as it is.
  const isPlainlyThere = before !== '' && source.split(before).length === 2
  return { start, end, value: isPlainlyThere ? source.replace(before, () => value) : JSON.stringify(value) }
}

function blocked(what: string, file: string): OperatorError {
  return new OperatorError(what, { kind: 'blocked', remedy: `fix ${file} in Git, push, and run again` })
}
