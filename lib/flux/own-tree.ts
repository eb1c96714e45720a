import * as v from 'valibot'
import type { Cluster } from '../kubernetes/client.ts'
import { kinds } from '../kubernetes/objects.ts'
import type { Installation } from './installation.ts'

const pathSchema = v.object({ spec: v.optional(v.object({ path: v.optional(v.string(), '') }), {}) })

/** The folder below kubernetes/clusters of this project's tree that a cluster follows; undefined where it follows another tree. */
export async function ownFolderOf(
  cluster: Pick<Cluster, 'get'>,
  { follows, namespace }: Pick<Installation, 'follows' | 'namespace'>,
): Promise<string | undefined> {
  if (follows === undefined) return undefined
  const [settings, root] = await Promise.all([
    cluster.get({ ...kinds.configMap, namespace, name: 'flux-settings' }),
    cluster.get(follows.root),
  ])
  const { path } = v.parse(pathSchema, root ?? {}).spec
  return settings === undefined ? undefined : /^(?:\.\/)?kubernetes\/clusters\/([^/]+)\/?$/.exec(path)?.[1]
}
