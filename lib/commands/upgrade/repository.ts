import { settingsFile } from '../../connection/cluster-settings.ts'
import type { Tools } from '../../connection/session.ts'
import { inGitOf, type Target } from '../../connection/target.ts'
import type { Remote } from '../../tools/git.ts'
import { exportManifests } from '../../tools/flux-cli.ts'
import type { UpgradeState } from './state.ts'
import { placeVersions, settingsVersions, type VersionFile } from './version-file.ts'

/** Where the version of a cluster's Flux is changed. */
export interface VersionRepository {
  readonly remote: Remote
  readonly file: VersionFile
}

/** What it takes to reach a repository and change what is there. */
export interface RepositoryAccess {
  readonly session: { readonly tools: Pick<Tools, 'flux'>; readonly cluster: { readonly signal: AbortSignal } }
  readonly target: Pick<Target, 'context' | 'inGit' | 'login' | 'signingKey'>
  readonly script: string
}

/** The repository that the cluster follows, and the file there: the cluster's settings.yaml, or wherever else the version stands. */
export function versionRepository(
  { session, target, script }: RepositoryAccess,
  { stands }: Pick<UpgradeState, 'stands'>,
): VersionRepository {
  if (stands === undefined) {
    const { folder, remote } = inGitOf(target, script)
    return { remote, file: settingsVersions(settingsFile(folder)) }
  }
  const { url, ref, at } = stands
  const { login, signingKey } = target
  const remote = { url, ref, login, ...(signingKey === undefined ? {} : { signingKey }) }
  const exported = (args: readonly string[], version: string): Promise<string> =>
    exportManifests(session.tools.flux, { file: at.file, args, version }, session.cluster.signal)
  return { remote, file: placeVersions(at, exported) }
}
