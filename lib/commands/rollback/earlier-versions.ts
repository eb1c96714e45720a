import { OperatorError } from '../../base/errors.ts'
import { inClone } from '../../tools/git-clone.ts'
import type { Session } from '../../connection/session.ts'
import { settingsFile } from '../../connection/cluster-settings.ts'
import { inGitOf, type Target } from '../../connection/target.ts'
import { versionsIn } from '../../desired-state/version-settings.ts'
import { isInSettings } from '../upgrade/in-settings.ts'
import { locateFlux } from '../upgrade/locate.ts'
import { readPlace } from '../upgrade/place-in-git.ts'
import { versionRepository } from '../upgrade/repository.ts'

interface EarlierVersions {
  readonly flux: string
  readonly operator: string | undefined
}

/**
 * The versions before the last upgrade, from the history of the file that says them.
 * @throws OperatorError `blocked` where Git has never had others
 */
export async function earlierVersions(session: Session, target: Target): Promise<EarlierVersions> {
  const isOwn = await isInSettings(session, target, { flux: '', operator: undefined })
  return isOwn ? earlierInSettings(session, target) : earlierAtPlace(session, target)
}

async function earlierInSettings({ folder, cluster }: Session, target: Target): Promise<EarlierVersions> {
  const { remote, folder: name } = inGitOf(target, 'rollback')
  const file = settingsFile(name)
  return inClone(remote, folder(), cluster.signal, async (clone) => {
    const now = versionsIn(await clone.read(file), file)
    for (const commit of await clone.history(file)) {
      const then = versionsIn(await clone.show(commit, file), file)
      const isOther = then.flux_version !== now.flux_version || then.operator_version !== now.operator_version
      if (isOther && then.flux_version !== undefined) return { flux: then.flux_version, operator: then.operator_version }
    }
    throw noOther(name, now.flux_version)
  })
}

async function earlierAtPlace(session: Session, target: Target): Promise<EarlierVersions> {
  const { folder, cluster } = session
  const located = await locateFlux(cluster, 'flux', target.where)
  const { at, name, remote } = await readPlace(session, target, located, { of: 'flux', version: undefined })
  const stands = { url: remote.url, ref: remote.ref, at: { ...at, path: [...at.path] } }
  const { file } = versionRepository({ session, target, script: 'rollback' }, { stands })
  return inClone(remote, folder(), cluster.signal, async (clone) => {
    for (const commit of await clone.history(file.path)) {
      const then = file.read(await clone.show(commit, file.path).catch(() => ''))[name] // a commit that took the file away
      // A range says nothing of what ran.
      if (then !== undefined && then !== at.says && /^\d+\.\d+\.\d+$/.test(then)) return { flux: then, operator: undefined }
    }
    throw noOther(`${at.file} of ${remote.url}`, at.says)
  })
}

function noOther(where: string, now: string | undefined): OperatorError {
  return new OperatorError(`Git has never had another version of Flux for ${where} than ${now ?? 'none'}`, {
    kind: 'blocked',
    remedy: 'name one: --to X.Y.Z',
  })
}
