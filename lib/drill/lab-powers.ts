import { tellLab } from '../../lab/client.ts'
import { kinds } from '../cluster/objects.ts'
import { requestReconcile } from '../cluster/reconcile-request.ts'
import { readDistribution } from '../distribution.ts'
import type { Flags } from '../flags.ts'
import { inClone } from '../git-clone.ts'
import type { Stage } from '../on-clusters.ts'
import type { Tree } from '../tree.ts'
import type { LabPowers } from './scenario.ts'

/** What the lab can do to this cluster of it; not ended by Ctrl-C, since some of it takes a disaster back. */
export function labPowersOver<F extends Flags>(
  { target, session, signal }: Stage<F>,
  { namespace, syncName, distribution: { artifact } }: Pick<Tree, 'namespace' | 'syncName' | 'distribution'>,
): LabPowers {
  const { signal: never } = new AbortController()
  return {
    setFault: async (fault) => void (await tellLab({ do: 'fault-set', fault })),
    clearFaults: async () => void (await tellLab({ do: 'fault-clear' })),
    wipe: async () => void (await tellLab({ do: 'wipe', cluster: target.context.replace(/^lab-/, '') })),
    async inGit(body) {
      const made = await inClone(target.remote, session.folder, never, async (clone) => {
        const result = await body(clone)
        await clone.push(target.remote.ref.replace(/^refs\/heads\//, ''))
        return result
      })
      await requestReconcile(session.clusterUntil(never), { ...kinds.gitRepository, namespace, name: syncName })
      return made
    },
    settingsFile: `kubernetes/clusters/${target.folder}/settings.yaml`,
    distribution: () => readDistribution(artifact, session.registry, signal),
  }
}
