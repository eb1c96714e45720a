import { OperatorError } from '../lib/errors.ts'
import { operate } from '../lib/operate.ts'
import { summarizeFlux } from '../lib/procedures/flux-summary.ts'
import { tellUpgrade, upgrade, wayBackSteps } from '../lib/procedures/upgrade.ts'
import { prepareUpgrade } from '../lib/procedures/upgrade-inputs.ts'
import { note, readNotes } from '../lib/procedures/upgrade-notes.ts'
import { argumentsOf, main } from '../lib/script.ts'

await main(() =>
  operate(
    {
      name: 'upgrade',
      summary: 'Changes the version of Flux in Git, follows the rollout, verifies it, and goes back by itself if it fails.',
      flags: {
        to: { type: 'string', value: 'X.Y.Z', help: 'the version of Flux', format: 'version' },
        operator: { type: 'string', value: 'X.Y.Z', help: 'the version of flux-operator; Git brings it first', format: 'version' },
        branch: { type: 'string', value: 'NAME', help: 'propose the change on this branch, wait for the merge, then follow' },
        'no-rollback': { type: 'boolean', help: 'leave things as they are if it fails' },
        force: { type: 'boolean', help: 'although the cluster is not healthy now' },
      },
      isForSeveral: true,
      async prepare({ session, target, settings, own, memory }) {
        const stage = { script: 'upgrade.ts', session, target, memory, branch: own.branch }
        const remembered = readNotes(memory)
        if (remembered?.isGoingBack === true) {
          const tell = () => tellUpgrade(memory, remembered)
          return { steps: wayBackSteps(stage, remembered), ending: 'rolled-back', tell }
        }
        const options = { goesBack: own['no-rollback'] !== true }
        if (remembered !== undefined) return upgrade(stage, remembered, options)
        if (own.to === undefined && own.operator === undefined) {
          throw new OperatorError('upgrade to which version?', { kind: 'usage', remedy: '--to X.Y.Z, --operator X.Y.Z, or both' })
        }
        const { tree, notes, notices } = await prepareUpgrade(session, target, {
          flux: own.to,
          operator: own.operator,
          isForced: own.force === true,
          isBack: false,
          lockNamespace: settings.LOCK_NAMESPACE ?? 'kube-system',
        })
        note(memory, notes)
        return { ...upgrade(stage, notes, options), notices, commit: tree.commit }
      },
      unchanged: 'nothing to do: that version runs, as Git says',
      summarize: summarizeFlux,
    },
    argumentsOf('upgrade'),
  ),
)
