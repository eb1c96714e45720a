import type { RegistryLogin } from '../../../tools/registry-login.ts'
import { digestOf, findArtifact, listTags, parseArtifact } from '../../../tools/registry.ts'
import { nearestVersions } from '../../../base/version.ts'
import { blocks, type Finding, notice } from '../../../preflight/preflight.ts'
import type { Tree } from '../../../desired-state/tree.ts'

/** Who asks the registry. */
interface RegistryAccess {
  readonly registry: RegistryLogin
  readonly cluster: { readonly signal: AbortSignal }
}

/** Whether the operator's chart exists; if not, which do. The version itself is asked for: a list may be long, or not be reported. */
export async function checkChart(
  { registry, cluster: { signal } }: RegistryAccess,
  { operator: { url } }: { operator: Pick<Tree['operator'], 'url'> },
  version: string,
): Promise<Finding[]> {
  const artifact = parseArtifact(`${url}:${version}`)
  const presence = artifact === undefined ? 'refused' : await findArtifact(artifact, registry, signal)
  if (presence === 'there') return []
  if (artifact === undefined || presence === 'refused')
    return [notice(`whether there is a chart ${url} ${version} is not known: the registry does not say without another login`)]
  const tags = await listTags(artifact, registry, signal)
  const near = nearestVersions(version, tags ?? [])
  const others = near.length === 0 ? '' : `; the nearest that exist are ${near.join(', ')}`
  return [blocks(`there is no flux-operator ${version} in ${url}${others}`, `--operator ${near[0] ?? 'X.Y.Z'}`)]
}

/** The digest of the artifact at an address; undefined where that is none, or the registry does not say. */
export async function digestAt({ registry, cluster: { signal } }: RegistryAccess, url: string): Promise<string | undefined> {
  const artifact = parseArtifact(url)
  return artifact === undefined ? undefined : digestOf(artifact, registry, signal)
}
