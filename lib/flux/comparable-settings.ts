import * as v from 'valibot'
import type { KubeObject } from '../kubernetes/objects.ts'
import { imageIn } from './components.ts'
import type { Installation } from './installation.ts'

const specSchema = v.object({ spec: v.record(v.string(), v.unknown()) })

/** What two clusters can't have in common: each applies a folder of its own. */
const ownOfEach = ['spec.sync.path']

/**
 * The version and settings of a cluster's Flux by their names, for a comparison with another's: what it is made of, what it follows, and all
 * that its FluxInstance says; and which operator runs.
 */
export function comparableSettings(
  installation: Installation,
  instance: KubeObject | undefined,
  operators: readonly KubeObject[],
): Readonly<Record<string, string>> {
  const { installedBy, version, namespace, components, shards, follows } = installation
  const spec = instance === undefined ? {} : v.parse(specSchema, instance).spec
  const settings = leavesOf(spec, 'spec').filter(([path]) => !ownOfEach.includes(path))
  return {
    'installed by': installedBy,
    version: version ?? 'unknown',
    ...Object.fromEntries(operators.slice(0, 1).map((operator) => ['operator', imageIn(operator)])),
    namespace,
    components: [...components].sort().join(', '),
    ...(shards.length === 0 ? {} : { shards: [...shards].sort().join(', ') }),
    follows: follows === undefined ? 'nothing' : `${follows.source.kind} ${follows.url} ${follows.ref}`.trim(),
    ...Object.fromEntries(settings),
  }
}

function leavesOf(value: unknown, path: string): [string, string][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [[path, typeof value === 'string' ? value : JSON.stringify(value)]]
  }
  const fields: [string, unknown][] = Object.entries(value)
  return fields.flatMap(([key, below]) => leavesOf(below, `${path}.${key}`))
}
