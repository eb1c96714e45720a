import { operate } from '../lib/operate.ts'
import { summarizeFlux } from '../lib/procedures/flux-summary.ts'
import { earlierVersions } from '../lib/procedures/earlier-versions.ts'
import { rollBack } from '../lib/procedures/upgrade.ts'
import { prepareUpgrade } from '../lib/procedures/upgrade-inputs.ts'
import { note, readNotes } from '../lib/procedures/upgrade-notes.ts'
import { argumentsOf, main } from '../lib/script.ts'

await main(() =>
  operate(
    {
      name: 'rollback',
      summary: 'Returns to the version of Flux before the last upgrade, or to one named: first the cluster, then Git.',
      flags: {
        to: { type: 'string', value: 'X.Y.Z', help: 'the version of Flux; else the one before, as Git has it', format: 'version' },
        branch: { type: 'string', value: 'NAME', help: 'propose the change in Git on NAME-rollback, and wait for the merge' },
      },
      async prepare({ session, target, settings, own, memory }) {
        const stage = { script: 'rollback.ts', session, target, memory, branch: own.branch }
        const remembered = readNotes(memory)
        if (remembered !== undefined) return rollBack(stage, remembered)
        const earlier = own.to === undefined ? await earlierVersions(session, target) : { flux: own.to, operator: undefined }
        const { tree, notes, notices } = await prepareUpgrade(session, target, {
          ...earlier,
          isForced: true,
          isBack: true,
          lockNamespace: settings.LOCK_NAMESPACE ?? 'kube-system',
        })
        note(memory, notes)
        return { ...rollBack(stage, notes), notices, commit: tree.commit }
      },
      unchanged: 'nothing to do: that version runs, as Git says',
      summarize: summarizeFlux,
    },
    argumentsOf('rollback'),
  ),
)
