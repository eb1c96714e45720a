import { parseDocument } from 'yaml'
import { OperatorError } from '../lib/base/errors.ts'

/** Values of a cluster's settings.yaml. */
export type SettingValues = Readonly<Record<string, string>>

/** The Secret with user and password of the lab's Git, which bootstrap puts beside Flux. */
const gitSecret = 'flux-git'

/**
 * What every cluster's settings must say for its Flux to live in the lab.
 * @param lab.registry host and port
 * @param lab.operatorVersion of the charts and the artifact in that registry, without `v`
 */
export function labSettings(lab: { registry: string; gitUrl: string; operatorVersion: string }): SettingValues {
  return {
    distribution_artifact: `oci://${lab.registry}/flux-operator-manifests:v${lab.operatorVersion}`,
    charts_registry: `oci://${lab.registry}/charts`,
    charts_insecure: 'true',
    git_url: lab.gitUrl,
    git_ref: 'refs/heads/main',
    git_pull_secret: gitSecret,
  }
}

/**
 * A cluster's settings.yaml with these values in place of its own; comments and all else stay. A `distribution_artifact: ""`, which asks
 * for the manifests inside the operator, stays too.
 * @param file named in errors
 */
export function withSettings(text: string, file: string, values: SettingValues): string {
  const document = parseDocument(text)
  const [problem] = document.errors
  if (problem !== undefined) throw new OperatorError(`${file} is not YAML: ${problem.message}`, { kind: 'blocked', remedy: `fix ${file}` })
  for (const [key, value] of Object.entries(values)) {
    const path = ['data', key]
    const own: unknown = document.getIn(path)
    if (typeof own !== 'string') {
      throw new OperatorError(`${file} has no text at data.${key}, so the lab cannot put its own there`, {
        kind: 'blocked',
        remedy: 'npx zx scripts/validate.ts',
      })
    }
    if (key === 'distribution_artifact' && own === '') continue
    document.setIn(path, value)
  }
  return document.toString({ lineWidth: 0 })
}
