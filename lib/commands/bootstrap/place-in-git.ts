import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { realpathSync } from 'node:fs'
import { OperatorError } from '../../base/errors.ts'
import { projectRoot } from '../../base/paths.ts'
import { shellQuote } from '../../base/shell-line.ts'
import type { Session } from '../../connection/session.ts'
import type { ClusterInGit, Target } from '../../connection/target.ts'
import { checkOut, headOf } from '../../tools/git.ts'
import { subjectOf } from '../validate/paths.ts'
import { readOtherTree } from './other-tree.ts'

/**
 * Finds the repository of the folder that `--path` names: in the lab that of the lab; else the one that the folder's own FluxInstance says Flux
 * is to follow.
 * @throws OperatorError `usage` where there is no such folder, or another installer than the operator is to take it
 */
export async function findTreeLocation(folder: string, via: string | undefined, target: Target, session: Session): Promise<ClusterInGit> {
  if (via !== undefined && via !== 'operator') {
    throw new OperatorError(`--path installs the operator of a tree, but --via ${via} installs without one`, {
      kind: 'usage',
      remedy: 'leave --via out',
    })
  }
  const { kubectl } = session.tools
  if (target.labGit !== undefined) {
    const checkout = join(session.folder(), 'lab-tree')
    await mkdir(checkout)
    await checkOut(target.labGit, await headOf(target.labGit, session.cluster.signal), '.', checkout, session.cluster.signal)
    const { sync } = await readOtherTree({ path: folder, folder: checkout, kubectl }, "the lab's Git")
    return { folder, path: folder, remote: { ...target.labGit, url: sync.url, ref: sync.ref } }
  }
  if (!existsSync(resolve(folder))) {
    throw new OperatorError(`there is no folder ${folder}`, {
      kind: 'usage',
      remedy: 'name the folder that the cluster follows, in your checkout of the repository',
    })
  }
  const subject = subjectOf(projectRoot, process.cwd(), [folder])
  const root = subject.is === 'folder' ? subject.root : projectRoot
  const path = relative(root, realpathSync(folder))
  const { sync } = await readOtherTree({ path, folder: root, kubectl }, shellQuote(root))
  return { folder: path, path, remote: { url: sync.url, ref: sync.ref, login: target.login } }
}
