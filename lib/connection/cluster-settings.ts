import { readFile } from 'fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { yamlValue } from '../base/yaml.ts'
import { projectRoot } from '../base/paths.ts'
import { messageOf, OperatorError } from '../base/errors.ts'

/**
 * The cluster's settings as the person's own checkout has them: they say where the remote is. undefined where the tree has no folder for
 * the cluster.
 */
export async function readLocalSettings(cluster: string): Promise<Readonly<Record<string, string>> | undefined> {
  const path = settingsFile(cluster)
  const content = await readFile(join(projectRoot, path), 'utf8').catch(() => undefined)
  return content === undefined ? undefined : parseSettings(content, path)
}

/** The values of a settings.yaml. Throws OperatorError `usage` where it is none. */
export function parseSettings(content: string, path: string): Readonly<Record<string, string>> {
  let value: unknown
  try {
    value = yamlValue(content)
  } catch (cause) {
    throw new OperatorError(`${path} is not YAML: ${messageOf(cause).split('\n')[0]}`, { kind: 'usage', remedy: `edit ${path}`, cause })
  }
  const settings = v.safeParse(settingsSchema, value)
  if (settings.success) return settings.output.data
  throw new OperatorError(`${path} is not the ConfigMap flux-settings with text values: ${v.summarize(settings.issues)}`, { kind: 'usage' })
}

/** Where a tree has them, from its root. */
export function settingsFile(cluster: string): string {
  return join('kubernetes', 'clusters', cluster, 'settings.yaml')
}

export const settingsSchema = v.object({ kind: v.literal('ConfigMap'), data: v.record(v.string(), v.string()) })
