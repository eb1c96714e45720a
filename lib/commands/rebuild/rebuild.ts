import { openAnnouncer, type Silence } from '../../notify/notifier.ts'
import { ended, reached } from '../../notify/messages.ts'
import { type Capture, carries } from '../../capture/capture.ts'
import { wantsPassphrase } from '../../capture/file.ts'
import { captureDecryptor, identityFileOf, type Decryptor } from '../../capture/keys.ts'
import { identityOf } from '../../flux/inventory.ts'
import { nameOf, type Ref } from '../../kubernetes/objects.ts'
import { treeLocationOf } from '../bootstrap/inputs.ts'
import { installerFor, viaFlag } from '../bootstrap/installers/installers.ts'
import type { Flags } from '../../terminal/flags.ts'
import { snapshotOf } from '../../health/snapshot.ts'
import type { RunState } from '../../runner/run-state.ts'
import type { PreparedChange, PrepareContext } from '../../runner/run-change.ts'
import type { Survival } from '../../continuity/compare.ts'
import { once } from '../../base/once.ts'
import type { ObservingStep, Step, StepContext } from '../../runner/step.ts'
import { announceStart } from './steps/announce.ts'
import { recordedCapture, openRecordedCapture } from '../teardown/steps/capture.ts'
import { recordHealth, verifyHealthy } from './steps/compare-health.ts'
import { ensureRecorded } from './steps/maintenance-record.ts'
import { describeAbsence, recordReturn, recordTornDown, readRebuildState } from './state.ts'
import { restoreBeforeFlux, restoreByHand } from '../restore/steps.ts'
import { keepDefinitions, suspendEarly, suspendedEarly } from './steps/create-suspended.ts'
import { ensureSuspended, suspendedByHand } from './steps/suspend.ts'
import { readTeardownState } from '../teardown/state.ts'
import { compareInventories, verifyAdopted, verifyContinuity } from './steps/verify-adopted.ts'
import type { Proof } from '../teardown/steps/verify-gone.ts'
import { prepareTeardown, teardownFlags, type TeardownInputs } from '../teardown/prepare.ts'
import { type Teardown, teardown, teardownStopped, teardownRollback, reportTeardown } from '../teardown/teardown.ts'
import { inGitOf } from '../../connection/target.ts'
import { usualNamespace } from '../../flux/refs.ts'

export const rebuildFlags = {
  via: viaFlag,
  record: { type: 'boolean', help: 'record the rebuild in docs/maintenance/ in Git' },
  ...teardownFlags,
} as const satisfies Flags
type RebuildSurroundings = PrepareContext<typeof rebuildFlags>

/**
 * Down and up again in one run: everything that either part needs is checked beforehand. A run that was interrupted after Flux was down
 * has no teardown in it any more.
 */
export async function prepareRebuild(surroundings: RebuildSurroundings): Promise<PreparedChange> {
  const { session, target, settings, redactor, own, memory, console, isDryRun } = surroundings
  const down = readTeardownState(memory)
  const inputs = down.isOver === undefined ? await prepareTeardown(surroundings) : undefined
  const namespace = inputs?.namespace ?? down.namespace ?? usualNamespace
  const captured = await captureOf(surroundings, inputs)
  const { overrides, isLab, where } = target
  const place = treeLocationOf(inGitOf(target, 'rebuild'))
  const { cluster, remote } = place
  const wanted = { ...place, where, isLab, overrides, settings, redactor, rebuild: { comesBack: captured.carries } }
  const deployment = await installerFor(own.via).prepare(session, wanted, { console, isDryRun, memory })
  const announcer = openAnnouncer(settings, cluster, redactor, console)
  const began = Date.now()
  const subject = { script: 'rebuild', context: target.context }
  const say = async (milestone: string): Promise<void> => void (await announcer.say(reached(subject, milestone, Date.now() - began)))
  let silence: Silence | undefined
  const snapshot = () => snapshotOf({ session, target, settings })
  const restoring = captured.restoring
  const definitions = restoring === undefined ? [] : [keepDefinitions(restoring.open)]
  const taking = inputs === undefined ? undefined : teardown(inputs, memory, definitions)
  const continuity = verifyContinuity(namespace)
  const proof = (): Proof => proofSoFar(taking, continuity)
  const steps: Step[] = [
    announceStart(announcer, (held) => {
      silence = held
    }),
    ...(inputs === undefined || inputs.isGone ? [] : [recordHealth(snapshot)]),
    ...(taking?.steps ?? []),
    recordTornDown(say),
    ...(restoring === undefined ? [] : [...restoreBeforeFlux(restoring), suspendEarly(restoring.open)]),
    ...deployment.steps,
    ...(restoring === undefined ? [] : [restoreByHand(restoring), ensureSuspended('suspend', restoring.open)]),
    verifyHealthy(snapshot),
    ...(restoring === undefined ? [] : [verifyAdopted(restoring.open), compareInventories(restoring.open)]),
    continuity,
    recordReturn(say),
    ...(own.record === true ? [ensureRecorded(remote, session.folder(), cluster, proof)] : []),
  ]
  return {
    steps,
    commit: deployment.commit,
    notices: [...(inputs?.notices ?? []), ...deployment.notices, ...captured.notices],
    rollback: teardownRollback(namespace, memory),
    ifStopped: () => (readRebuildState(memory).backAt === undefined ? teardownStopped(memory) : undefined),
    report: () => reportRebuild(proof(), memory),
    async atEnd({ outcome, failure }) {
      if (silence !== undefined) await announcer.say(ended(subject, outcome, Date.now() - began, failure))
      await silence?.end()
    },
  }
}

interface CaptureAndRestore {
  readonly carries: (ref: Ref) => boolean
  readonly notices: readonly string[]
  /** Undefined where there was nothing to capture: nothing will be restored. */
  readonly restoring:
    | {
        readonly open: (run: Pick<StepContext, 'memory'>) => Promise<Capture>
        readonly file: string
        readonly identityFile: string | undefined
      }
    | undefined
}

/** What will come back: what is captured now, or what this run captured before it was interrupted. */
async function captureOf(surroundings: RebuildSurroundings, inputs: TeardownInputs | undefined): Promise<CaptureAndRestore> {
  const { memory } = surroundings
  const note = recordedCapture(memory)
  const planned = inputs?.capture
  if (planned !== undefined) {
    const { collected, decryptor } = planned
    const restoring = { open: opened(memory, decryptor), file: 'capture.age', identityFile: identityFileOf(decryptor) }
    return { carries: (ref) => carries(collected, ref), notices: suspensionsNotices(collected), restoring }
  }
  if (note === undefined) return { carries: () => false, notices: [], restoring: undefined }
  const { own, settings, target, redactor } = surroundings
  const decryptor = await captureDecryptor({ own, settings, target, redactor }, await wantsPassphrase(note.file))
  const open = opened(memory, decryptor)
  const capture = await open()
  return {
    carries: (ref) => carries(capture, ref),
    notices: suspensionsNotices(capture),
    restoring: { open, file: note.file, identityFile: identityFileOf(decryptor) },
  }
}

/** Opened once, when first asked for: it is made only after the plan. */
function opened(memory: RunState, decryptor: Decryptor): () => Promise<Capture> {
  return once(() => openRecordedCapture(memory, decryptor))
}

/** What was suspended by hand and will act for a moment before it is suspended again. */
function suspensionsNotices(capture: Pick<Capture, 'entries'>): string[] {
  const early = new Set(suspendedEarly(capture).map(({ ref }) => identityOf(ref)))
  const late = suspendedByHand(capture).filter((ref) => !early.has(identityOf(ref)) && !isByHand(capture, ref))
  if (late.length === 0) return []
  return [`suspended by hand, and suspended again only after Flux has reconciled them: ${late.map(nameOf).join(', ')}`]
}

/** What is in no inventory comes back as it was, suspension and all. */
function isByHand({ entries }: Pick<Capture, 'entries'>, ref: Ref): boolean {
  return entries.some((entry) => entry.role === 'flux-by-hand' && identityOf(entry.ref) === identityOf(ref))
}

/**
 * What the last checks found. Nothing is left where the teardown was over before this run was interrupted; of the two comparisons the
 * later counts: one from the plan says less than one that was made since.
 */
export function proofSoFar(
  taking: Pick<Teardown, 'residue' | 'survival'> | undefined,
  continuity: Pick<ObservingStep<Survival>, 'observed'>,
): Proof {
  const [after, before] = [continuity.observed(), taking?.survival.observed()]
  const survival = after === undefined || (before !== undefined && before.at > after.at) ? before : after
  return { residue: taking === undefined ? [] : taking.residue.observed()?.value, survival: survival?.value }
}

function reportRebuild(proof: Proof, memory: RunState) {
  const { fields, sections = [] } = reportTeardown(proof, memory)
  return { fields, sections: [...sections, { title: 'How long Flux was away', lines: [describeAbsence(memory)] }] }
}
