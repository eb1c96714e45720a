import type { Memory } from '../memory.ts'
import type { WayBack } from '../procedure.ts'
import type { Telling } from '../report.ts'
import type { Run } from '../run.ts'
import type { Step } from '../step.ts'
import { ensureCaptured, notedCapture } from '../steps/capture.ts'
import { ensureFinalizersOff } from '../steps/finalizers.ts'
import { takeStock } from '../steps/fingerprint.ts'
import { ensureHelmIdle } from '../steps/helm-idle.ts'
import { ensureClusterScopedGone, ensureContentGone } from '../steps/remove-belongings.ts'
import { ensureCrdsGone } from '../steps/remove-crds.ts'
import { sendNamespaceAway, ensureNamespaceGone } from '../steps/remove-namespace.ts'
import { ensureAtRest, ensureAwake } from '../steps/rest.ts'
import { ensureControllersStopped, ensureOperatorStopped, ensureStarted } from '../steps/stop.ts'
import { noteTeardown, teardownNotes } from '../steps/teardown-notes.ts'
import { type Proof, verifyNoResidue, verifySurvival } from '../steps/verify-gone.ts'
import type { Target } from '../target.ts'
import type { TeardownInputs } from './teardown-inputs.ts'

/** From a Flux that runs to none, with everything alive that it deployed. Nothing is destroyed before all of Flux is still. */
export function teardown(inputs: TeardownInputs, memory: Memory, proof: Proof): Step[] {
  const { namespace, keepsNamespace, belongings, isGone, capture } = inputs
  const isFinal = (): boolean => teardownNotes(memory).passedReturn !== undefined
  return [
    ensureAtRest(namespace),
    ensureHelmIdle(namespace),
    ensureOperatorStopped(namespace),
    ensureControllersStopped(namespace),
    takeStock(namespace, belongings, isGone),
    ...(capture === undefined ? [] : [ensureCaptured({ ...capture, isFinal })]),
    ...(keepsNamespace ? [] : [sendNamespaceAway(namespace)]),
    ensureFinalizersOff(),
    ensureCrdsGone(),
    keepsNamespace ? ensureContentGone(namespace, belongings) : ensureNamespaceGone(namespace),
    ensureClusterScopedGone(namespace, belongings),
    verifyNoResidue(namespace, keepsNamespace, belongings, proof),
    verifySurvival(namespace, proof),
  ].map(rememberReturn)
}

/** Before anything is destroyed the run notes that the way back is over. */
function rememberReturn(step: Step): Step {
  if (step.risk !== 'destroy') return step
  return {
    ...step,
    async act(run, progress) {
      if (teardownNotes(run.memory).passedReturn === undefined) noteTeardown(run.memory, { passedReturn: new Date().toISOString() })
      await step.act(run, progress)
    },
  }
}

/** Until the point of no return all is put back: nothing was deleted, only stopped. */
export function teardownWayBack(namespace: string, memory: Memory): WayBack {
  return {
    title: 'putting Flux back as it was',
    isTaken() {
      const { passedReturn, rested, replicas } = teardownNotes(memory)
      return passedReturn === undefined && (rested !== undefined || Object.keys(replicas).length > 0)
    },
    steps: [ensureStarted(namespace), ensureAwake(namespace)],
  }
}

/** What the document says of a teardown. */
export function tellTeardown({ residue, survival }: Proof): Telling {
  const { checked = 0, changed = [], missing = [], reported = [] } = survival ?? {}
  const lines = (title: string, names: readonly string[]): string[] => names.map((name) => `- ${title}: ${name}`)
  return {
    fields: {
      ...(residue === undefined ? {} : { residue }),
      ...(survival === undefined && residue === undefined
        ? {}
        : { survival: { checked, changed: changed.length, missing: missing.length } }),
    },
    sections:
      survival === undefined
        ? []
        : [
            {
              title: 'What was to stay alive',
              lines: [
                `${checked} objects that stand for themselves; changed ${changed.length}, missing ${missing.length}.`,
                '',
                ...lines('missing', missing),
                ...lines('made anew', changed),
                ...reported.map((one) => `- ${one}`),
              ],
            },
          ],
  }
}

/** What is so now, and how Flux comes back: what Git does not have from the capture first. */
export function summarizeTeardown({ context, memory }: Run, { where }: Target, { survival }: Proof): string[] {
  const file = notedCapture(memory)?.file
  return [
    `There is no Flux on ${context} any more. ${survival === undefined ? '' : `${survival.checked} objects that it could have touched are the same as before.`}`,
    '',
    'Next, to have it again:',
    ...(file === undefined ? [] : [`  npx zx scripts/restore.ts ${where} --from ${file}`]),
    `  npx zx scripts/bootstrap.ts ${where}`,
  ]
}
