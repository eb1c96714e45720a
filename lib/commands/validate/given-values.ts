import { readFile } from 'node:fs/promises'
import { yamlDocuments } from '../../base/yaml.ts'
import { messageOf, OperatorError } from '../../base/errors.ts'
import { kinds } from '../../kubernetes/objects.ts'
import { at, isFields, textAt } from './at.ts'

/** What only the cluster has, as a person names it. */
export interface GivenValues {
  /** ConfigMaps and Secrets that someone makes on the cluster. */
  readonly objects: readonly unknown[]
  /** Variables by their names, for each Kustomization that takes some from an object that is nowhere else. */
  readonly variables: Readonly<Record<string, string>>
}

const given = [kinds.configMap.kind, kinds.secret.kind]

/** Where nothing is given. */
export const nothingGiven: GivenValues = { objects: [], variables: {} }

/**
 * Reads a file of values: `NAME: VALUE` on each line, or ConfigMaps and Secrets as the cluster has them, or both, as YAML documents.
 * @throws OperatorError `usage` where it cannot be read, or is neither
 */
export async function readGivenValues(file: string): Promise<GivenValues> {
  const usage = (what: string, cause?: unknown): OperatorError =>
    new OperatorError(what, { kind: 'usage', remedy: 'write NAME: VALUE on each line, or the ConfigMaps and Secrets themselves', cause })
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw usage(`--values ${file} cannot be read: ${messageOf(error)}`, error)
  })
  const objects: unknown[] = []
  const variables: Record<string, string> = {}
  for (const document of yamlDocuments(text, { merge: true })) {
    const [error] = document.errors
    if (error !== undefined) throw usage(`--values ${file} is not valid YAML: ${error.message.split('\n')[0]}`)
    const value: unknown = document.toJS()
    if (value === null || value === undefined) continue
    if (isFields(value) && given.some((kind) => kind === textAt(value, 'kind'))) {
      if (textAt(value, 'metadata', 'name') === '') throw usage(`--values ${file} holds a ${textAt(value, 'kind')} without a name`)
      objects.push(value)
    } else if (isFields(value) && at(value, 'apiVersion') === undefined) {
      for (const [name, one] of Object.entries(value)) {
        if (typeof one === 'object' && one !== null) throw usage(`--values ${file}: ${name} is not one value`)
        variables[name] = typeof one === 'string' ? one : one === null || one === undefined ? '' : JSON.stringify(one)
      }
    } else throw usage(`--values ${file} holds something that is neither values nor a ConfigMap or Secret`)
  }
  return { objects, variables }
}
