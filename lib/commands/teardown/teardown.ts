import { counted } from '../../base/counted.ts'
import { shellQuote } from '../../base/shell-line.ts'
import type { RunState } from '../../runner/run-state.ts'
import type { StepSequence, Rollback } from '../../runner/execute.ts'
import type { DocumentFields } from '../../runner/report.ts'
import type { StepContext } from '../../runner/step.ts'
import type { ObservingStep, Step } from '../../runner/step.ts'
import { captureSections, ensureCaptured, recordedCapture } from './steps/capture.ts'
import { ensureFinalizersRemoved } from './steps/finalizers.ts'
import { recordFingerprint } from './steps/fingerprint.ts'
import { ensureHelmIdle } from './steps/helm-idle.ts'
import { ensureClusterScopedGone, ensureContentGone } from './steps/delete-objects.ts'
import { ensureCrdsGone } from './steps/delete-crds.ts'
import { startNamespaceDeletion, ensureNamespaceGone } from './steps/delete-namespace.ts'
import { ensureReconciliationDisabled, ensureReconciliationEnabled } from './steps/disable-reconciliation.ts'
import { ensureControllersStopped, ensureOperatorStopped, ensureStarted } from './steps/stop-controllers.ts'
import { recordTeardown, readTeardownState } from './state.ts'
import { type Proof, verifyNoResidue, verifySurvival } from './steps/verify-gone.ts'
import type { Survival } from '../../continuity/compare.ts'
import type { Target } from '../../connection/target.ts'
import type { TeardownInputs } from './prepare.ts'

/** The steps of a teardown, and the two among them that prove it. */
export interface Teardown {
  readonly steps: readonly Step[]
  readonly residue: ObservingStep<readonly string[]>
  readonly survival: ObservingStep<Survival>
}

/**
 * From a Flux that runs to none, with everything alive that it deployed. Nothing is destroyed before all of Flux is still.
 * @param afterCapture what else needs the kinds of Flux, right after the capture and only where there is one
 */
export function teardown(inputs: TeardownInputs, memory: RunState, afterCapture: readonly Step[] = []): Teardown {
  const { namespace, keepsNamespace, ownedObjects, isGone, capture } = inputs
  const isFinal = (): boolean => readTeardownState(memory).passedReturn !== undefined
  const residue = verifyNoResidue(namespace, keepsNamespace, ownedObjects)
  const survival = verifySurvival(namespace)
  const steps = [
    ensureReconciliationDisabled(namespace),
    ensureHelmIdle(namespace),
    ensureOperatorStopped(namespace),
    ensureControllersStopped(namespace),
    recordFingerprint(namespace, ownedObjects, isGone),
    ...(capture === undefined ? [] : [ensureCaptured({ ...capture, isFinal }), ...afterCapture]),
    ...(keepsNamespace ? [] : [startNamespaceDeletion(namespace, ownedObjects)]),
    ensureFinalizersRemoved(),
    ensureCrdsGone(),
    keepsNamespace ? ensureContentGone(namespace, ownedObjects) : ensureNamespaceGone(namespace),
    ensureClusterScopedGone(namespace, ownedObjects),
    residue,
    survival,
  ].map(rememberReturn)
  return { steps, residue, survival }
}

/** What the steps have proven so far. */
export function proofOf({ residue, survival }: Teardown): Proof {
  return { residue: residue.observed()?.value, survival: survival.observed()?.value }
}

/** Before anything is destroyed the run notes that it can no longer be undone. */
function rememberReturn(step: Step): Step {
  if (step.risk !== 'destroy') return step
  return {
    ...step,
    async apply(run, progress) {
      if (readTeardownState(run.memory).passedReturn === undefined) recordTeardown(run.memory, { passedReturn: new Date().toISOString() })
      await step.apply(run, progress)
    },
  }
}

/** Until the point of no return all is restored: nothing was deleted, only stopped. */
export function teardownRollback(namespace: string, memory: RunState): Rollback {
  return {
    title: 'restoring Flux as it was',
    shouldRollBack() {
      const { passedReturn, rested, replicas } = readTeardownState(memory)
      return passedReturn === undefined && (rested !== undefined || Object.keys(replicas).length > 0)
    },
    steps: [ensureStarted(namespace), ensureReconciliationEnabled(namespace)],
  }
}

/** What state a teardown that stops past the point of no return leaves things in. */
export function teardownStopped(memory: RunState): ReturnType<NonNullable<StepSequence['ifStopped']>> {
  const { passedReturn, isOver } = readTeardownState(memory)
  if (passedReturn === undefined) return undefined
  const file = recordedCapture(memory)?.file
  const flux = isOver === undefined ? 'Flux is partly gone' : 'Flux was removed, and is not completely restored'
  const kept = file === undefined ? '' : `; the capture is ${file}`
  return { state: `${flux}; the workloads that it deployed keep running. From here the run can only be resumed${kept}` }
}

/** What the document says of a teardown. */
export function reportTeardown({ residue, survival }: Proof, memory: RunState): DocumentFields {
  const { checked = 0, changed = [], missing = [], reported = [] } = survival ?? {}
  const lines = (title: string, names: readonly string[]): string[] => names.map((name) => `- ${title}: ${name}`)
  return {
    fields: {
      ...(residue === undefined ? {} : { residue }),
      ...(survival === undefined && residue === undefined
        ? {}
        : { survival: { checked, changed: changed.length, missing: missing.length } }),
    },
    sections: [
      ...(survival === undefined
        ? []
        : [
            {
              title: 'What was to stay alive',
              lines: [
                `${counted(checked, 'object')} without an owner; changed ${changed.length}, missing ${missing.length}.`,
                '',
                ...lines('missing', missing),
                ...lines('recreated', changed),
                ...reported.map((one) => `- ${one}`),
              ],
            },
          ]),
      ...captureSections(memory),
    ],
  }
}

/** What is so now, and how Flux comes back: what Git does not have from the capture. */
export function summarizeTeardown(
  { context, memory }: Pick<StepContext, 'context' | 'memory'>,
  { where }: Pick<Target, 'where'>,
  { survival }: Pick<Proof, 'survival'>,
): string[] {
  const file = recordedCapture(memory)?.file
  const { comesBack } = readTeardownState(memory)
  const restore = file === undefined ? [] : [`  npx zx scripts/restore.ts ${where} --from ${shellQuote(file)}`]
  const commands = comesBack === undefined ? [`npx zx scripts/bootstrap.ts ${where}`] : comesBack.commands
  const isFirst = comesBack === undefined || comesBack.needsSecretsFirst
  return [
    `Flux is removed from ${context}. ${survival === undefined ? '' : `${survival.checked} objects that it could have touched are the same as before.`}`,
    ...(comesBack === undefined ? [] : [`It had been installed by ${comesBack.by}.`]),
    '',
    'Next, to install it again:',
    ...(isFirst ? restore : []),
    ...commands.map((command) => `  ${command}`),
    // What is of Flux's kinds has to wait for them; who uses this project's tree has nothing that Git does not bring.
    ...(comesBack === undefined ? [] : restore),
  ]
}
