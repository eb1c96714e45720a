import { captureCommandFlags } from '../lib/commands/capture/capture.ts'
import { drillFlags } from '../lib/commands/drill/flags.ts'
import { fleet } from '../lib/commands/fleet/fleet.ts'
import { healthCheckFlags } from '../lib/commands/health-check/health-check.ts'
import { rollbackFlags, upgradeFlags } from '../lib/commands/upgrade/flags.ts'
import { argumentsOf, main } from '../lib/terminal/main.ts'

await main(() =>
  fleet(
    {
      'health-check': {
        summary: 'Checks everything that Flux needs and does, and reports what is wrong.',
        flags: healthCheckFlags,
        example: '--only sources,kustomizations',
        effectOf: (own) => (own.fix === true ? 'changes' : 'nothing'),
        refuses: { destroy: 'it destroys nothing' },
        isResumable: false,
      },
      capture: {
        summary: 'Writes what Flux needs, and Git does not have, into one encrypted file for each cluster.',
        flags: captureCommandFlags,
        example: '--out /media/usb/captures',
        effectOf: () => 'nothing',
        refuses: { destroy: 'it changes nothing in the clusters' },
        isResumable: false,
        folders: ['out', 'copy-to'],
      },
      upgrade: {
        summary: 'Changes the version of Flux in Git, follows and verifies the rollout, and rolls back by itself if it fails.',
        flags: upgradeFlags,
        usage: '(--to X.Y.Z | --operator X.Y.Z)',
        example: '--to 2.9.5',
        effectOf: () => 'changes',
        lacks: ({ to, operator }) =>
          to === undefined && operator === undefined
            ? { what: 'upgrade to which version?', remedy: '--to X.Y.Z, --operator X.Y.Z, or both' }
            : undefined,
        isResumable: true,
      },
      rollback: {
        summary: 'Returns to the version of Flux before the last upgrade, or to a named one.',
        flags: rollbackFlags,
        example: '--to 2.9.4',
        effectOf: () => 'changes',
        isResumable: true,
      },
      drill: {
        summary: 'Breaks Flux on purpose, recovers it, and measures how long that takes.',
        flags: drillFlags,
        usage: '--scenario NAME,…|all',
        example: '--scenario operator-deleted',
        effectOf: ({ lab }) => (lab === true ? 'changes' : 'destroys'),
        lacks: ({ scenario }) =>
          scenario === undefined ? { what: 'which disasters? --scenario is mandatory', remedy: '--scenario NAME,…|all' } : undefined,
        isResumable: false,
      },
    },
    argumentsOf('fleet'),
  ),
)
