import * as v from 'valibot'
import type { Session } from '../../connection/session.ts'
import { settingsFile } from '../../connection/cluster-settings.ts'
import type { Target } from '../../connection/target.ts'
import { versionsIn } from '../../desired-state/version-settings.ts'
import { folderAt } from '../../flux/brought-by.ts'
import { readFlux } from '../../flux/installations.ts'
import type { Cluster } from '../../kubernetes/client.ts'
import { headOf, PathMissing, readAt } from '../../tools/git.ts'

/**
 * Whether a cluster's versions are in its settings.yaml, as in this project's own tree: where the tree has its folder, the file there says
 * those that are asked for, and Flux follows that folder. A file that cannot be read counts: what is wrong with it is then reported.
 */
export async function isInSettings(
  { folder, cluster }: Pick<Session, 'folder' | 'cluster'>,
  { inGit }: Pick<Target, 'inGit'>,
  asked: { readonly flux: string | undefined; readonly operator: string | undefined },
): Promise<boolean> {
  // A tree of another layout has no settings.yaml.
  if (inGit === undefined || inGit.path !== undefined || (await followsElsewhere(cluster, inGit.folder))) return false
  const { remote, folder: name } = inGit
  const { signal } = cluster
  const file = settingsFile(name)
  try {
    const says = versionsIn(await readAt(remote, await headOf(remote, signal), file, folder(), signal), file)
    return (
      (asked.flux === undefined || says.flux_version !== undefined) && (asked.operator === undefined || says.operator_version !== undefined)
    )
  } catch (error) {
    signal.throwIfAborted()
    return !(error instanceof PathMissing)
  }
}

const syncSchema = v.object({ spec: v.object({ sync: v.optional(v.object({ path: v.optional(v.string(), '') }), {}) }) })

/** Whether there is a Flux, and it follows another folder than the cluster's own; where there is none, nothing does. */
async function followsElsewhere(cluster: Cluster, name: string): Promise<boolean> {
  const { instances, controllers } = await readFlux(cluster)
  const paths = instances.map((instance) => v.parse(syncSchema, instance).spec.sync.path ?? '')
  if (paths.length === 0) return controllers.length > 0
  return !paths.some((path) => folderAt(path) === `kubernetes/clusters/${name}`)
}
