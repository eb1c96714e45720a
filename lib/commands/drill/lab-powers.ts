import { reportLab } from '../../../lab/client.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import { requestReconcile } from '../../flux/reconcile-request.ts'
import { readDistribution } from '../../flux/distribution.ts'
import type { Flags } from '../../terminal/flags.ts'
import { branchOf } from '../../tools/git.ts'
import { inClone } from '../../tools/git-clone.ts'
import { settingsFile } from '../../connection/cluster-settings.ts'
import { inGitOf } from '../../connection/target.ts'
import type { CommandContext } from '../../runner/run-command.ts'
import type { Tree } from '../../desired-state/tree.ts'
import type { LabPowers } from './scenario.ts'

/** What the lab can do to this cluster of it; not ended by Ctrl-C, since some of it undoes a disaster. */
export function labPowersOver<F extends Flags>(
  { target, session, signal }: CommandContext<F>,
  { namespace, syncName, distribution: { artifact } }: Pick<Tree, 'namespace' | 'syncName' | 'distribution'>,
): LabPowers {
  const { signal: never } = new AbortController()
  const { folder, remote } = inGitOf(target, 'drill')
  return {
    setFault: async (fault) => void (await reportLab({ do: 'fault-set', fault })),
    clearFaults: async () => void (await reportLab({ do: 'fault-clear' })),
    snapshot: async (name) => void (await reportLab({ do: 'snapshot', name })),
    reset: async (name) => void (await reportLab({ do: 'reset', name })),
    wipe: async () => void (await reportLab({ do: 'wipe', cluster: target.context.replace(/^lab-/, '') })),
    async inGit(body) {
      const made = await inClone(remote, session.folder(), never, async (clone) => {
        const result = await body(clone)
        await clone.push(branchOf(remote))
        return result
      })
      await requestReconcile(session.clusterUntil(never), { ...fluxKinds.gitRepository, namespace, name: syncName })
      return made
    },
    settingsFile: settingsFile(folder),
    distribution: () => readDistribution(artifact, session.registry, signal),
  }
}
