import { OperatorError } from '../../base/errors.ts'
import { inClone } from '../../tools/git-clone.ts'
import type { Session } from '../../connection/session.ts'
import { settingsFile } from '../../connection/cluster-settings.ts'
import { inGitOf, type Target } from '../../connection/target.ts'
import { versionsIn } from '../../desired-state/version-settings.ts'

/**
 * The versions before the last upgrade, from the history of the cluster's settings.yaml.
 * @throws OperatorError `blocked` where Git has never had others
 */
export async function earlierVersions(
  { folder, cluster }: Session,
  target: Target,
): Promise<{ flux: string; operator: string | undefined }> {
  const { remote, folder: name } = inGitOf(target, 'rollback')
  const file = settingsFile(name)
  return inClone(remote, folder, cluster.signal, async (clone) => {
    const now = versionsIn(await clone.read(file), file)
    for (const commit of await clone.history(file)) {
      const then = versionsIn(await clone.show(commit, file), file)
      const isOther = then.flux_version !== now.flux_version || then.operator_version !== now.operator_version
      if (isOther && then.flux_version !== undefined) return { flux: then.flux_version, operator: then.operator_version }
    }
    throw new OperatorError(`Git has never had another version of Flux for ${name} than ${now.flux_version ?? 'none'}`, {
      kind: 'blocked',
      remedy: 'name one: --to X.Y.Z',
    })
  })
}
