import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import * as v from 'valibot'
import { yamlValue } from '../base/yaml.ts'

/** A named entry of a kubeconfig, and the file that it is in. */
interface Entry {
  readonly name: string
  readonly value: unknown
  readonly file: string
}

/** The entries of all files that kubectl would read, in its order. */
export interface KubeconfigEntries {
  readonly contexts: readonly Entry[]
  readonly clusters: readonly Entry[]
  readonly users: readonly Entry[]
}

const listOf = <T extends v.GenericSchema>(entry: T) => v.optional(v.nullable(v.array(entry)), [])
const fileSchema = v.nullable(
  v.object({
    contexts: listOf(v.object({ name: v.string(), context: v.unknown() })),
    clusters: listOf(v.object({ name: v.string(), cluster: v.unknown() })),
    users: listOf(v.object({ name: v.string(), user: v.unknown() })),
  }),
)

/**
 * Reads what kubectl reads: the files that `named` lists, else KUBECONFIG, else ~/.kube/config; those that do not exist are left out.
 * Throws where one cannot be read or is not a kubeconfig.
 */
export function readKubeconfigEntries(named = process.env.KUBECONFIG ?? ''): KubeconfigEntries {
  const listed = [...new Set(named.split(delimiter).filter((path) => path !== ''))]
  const files = listed.length === 0 ? [join(homedir(), '.kube', 'config')] : listed
  const read = files.flatMap((file) => {
    const text = readIfThere(file)
    const config = text === undefined ? null : v.parse(fileSchema, yamlValue(text))
    return config === null ? [] : [{ ...config, file }]
  })
  return {
    contexts: read.flatMap(({ contexts, file }) => (contexts ?? []).map(({ name, context: value }) => ({ name, value, file }))),
    clusters: read.flatMap(({ clusters, file }) => (clusters ?? []).map(({ name, cluster: value }) => ({ name, value, file }))),
    users: read.flatMap(({ users, file }) => (users ?? []).map(({ name, user: value }) => ({ name, value, file }))),
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
