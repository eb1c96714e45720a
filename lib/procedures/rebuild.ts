import { openAnnouncer, type Silence } from '../announce/announcer.ts'
import { ended, reached } from '../announce/messages.ts'
import { type Capture, carries } from '../capture/capture.ts'
import { wantsPassphrase } from '../capture/file.ts'
import { captureOpener, type Opener } from '../capture/keys.ts'
import { identityOf } from '../belongings/inventory.ts'
import { nameOf, type Ref } from '../cluster/objects.ts'
import { deployerOf, viaFlag } from '../deployers/deployers.ts'
import type { Flags } from '../flags.ts'
import { sceneOf } from '../health/stage.ts'
import type { Memory } from '../memory.ts'
import type { Prepared, Surroundings } from '../operate.ts'
import { once } from '../preflight/once.ts'
import type { Run } from '../run.ts'
import type { Step } from '../step.ts'
import { announceStart } from '../steps/announce.ts'
import { notedCapture, openNoted } from '../steps/capture.ts'
import { noteHealth, verifyHealthy } from '../steps/health.ts'
import { ensureRecorded } from '../steps/maintenance-record.ts'
import { describeAbsence, noteBack, noteTornDown } from '../steps/rebuild-notes.ts'
import { restoreBeforeFlux, restoreByHand } from '../steps/restore.ts'
import { keepDefinitions, suspendEarly, suspendedEarly } from '../steps/suspended-early.ts'
import { ensureSuspended, suspendedByHand } from '../steps/suspensions.ts'
import { teardownNotes } from '../steps/teardown-notes.ts'
import { compareInventories, verifyAdopted, verifyStillAlive } from '../steps/verify-adopted.ts'
import type { Proof } from '../steps/verify-gone.ts'
import { prepareTeardown, teardownFlags, type TeardownInputs } from './teardown-inputs.ts'
import { teardown, teardownWayBack, tellTeardown } from './teardown.ts'

export const rebuildFlags = {
  via: viaFlag,
  record: { type: 'boolean', help: 'add a line on the window to docs/maintenance/ in Git' },
  ...teardownFlags,
} as const satisfies Flags
type RebuildSurroundings = Surroundings<typeof rebuildFlags>

/**
 * Down and up again in one run: everything that either part needs is looked at beforehand. A run that was interrupted after Flux was down
 * has no teardown in it any more.
 */
export async function prepareRebuild(surroundings: RebuildSurroundings, proof: Proof): Promise<Prepared> {
  const { session, target, settings, redactor, own, memory, console, isDryRun } = surroundings
  const down = teardownNotes(memory)
  const inputs = down.isOver === undefined ? await prepareTeardown(surroundings) : undefined
  const namespace = inputs?.namespace ?? down.namespace ?? 'flux-system'
  if (down.isOver !== undefined) proof.residue = []
  const captured = await captureOf(surroundings, inputs)
  const { folder: cluster, remote, overrides, isLab } = target
  const wanted = { cluster, remote, isLab, overrides, settings, redactor, rebuild: { comesBack: captured.carries } }
  const deployment = await deployerOf(own.via).prepare(session, wanted, { console, isDryRun })
  const announcer = openAnnouncer(settings, cluster, redactor, console)
  const began = Date.now()
  const subject = { script: 'rebuild', context: target.context }
  const say = (milestone: string): Promise<void> => announcer.say(reached(subject, milestone, Date.now() - began))
  let silence: Silence | undefined
  const scene = () => sceneOf({ session, target, settings })
  const restoring = captured.restoring
  const steps: Step[] = [
    announceStart(announcer, (held) => {
      silence = held
    }),
    ...(inputs === undefined || inputs.isGone ? [] : [noteHealth(scene)]),
    ...(inputs === undefined ? [] : withDefinitions(teardown(inputs, memory, proof), restoring)),
    noteTornDown(say),
    ...(restoring === undefined ? [] : [...restoreBeforeFlux(restoring), suspendEarly(restoring.open)]),
    ...deployment.steps,
    ...(restoring === undefined ? [] : [restoreByHand(restoring), ensureSuspended('suspend', restoring.open)]),
    verifyHealthy(scene),
    ...(restoring === undefined ? [] : [verifyAdopted(restoring.open), compareInventories(restoring.open)]),
    verifyStillAlive(namespace, proof),
    noteBack(say),
    ...(own.record === true ? [ensureRecorded(remote, session.folder, cluster, proof)] : []),
  ]
  return {
    steps,
    commit: deployment.commit,
    notices: [...(inputs?.notices ?? []), ...deployment.notices, ...captured.notices],
    wayBack: teardownWayBack(namespace, memory),
    tell: () => tellRebuild(proof, memory),
    async atEnd({ outcome, failure }) {
      if (silence !== undefined) await announcer.say(ended(subject, outcome, Date.now() - began, failure))
      await silence?.end()
      await announcer.close()
    },
  }
}

interface Captured {
  readonly carries: (ref: Ref) => boolean
  readonly notices: readonly string[]
  /** Undefined where there was nothing to capture: nothing will be restored. */
  readonly restoring: { readonly open: (run: Pick<Run, 'memory'>) => Promise<Capture>; readonly file: string } | undefined
}

/** What will come back: what is captured now, or what this run captured before it was interrupted. */
async function captureOf(surroundings: RebuildSurroundings, inputs: TeardownInputs | undefined): Promise<Captured> {
  const { memory } = surroundings
  const note = notedCapture(memory)
  const planned = inputs?.capture
  if (planned !== undefined) {
    const { collected, opener } = planned
    const restoring = { open: opened(memory, opener), file: "the run's capture" }
    return { carries: (ref) => carries(collected, ref), notices: suspensionsNotices(collected), restoring }
  }
  if (note === undefined) return { carries: () => false, notices: [], restoring: undefined }
  const { own, settings, target, redactor } = surroundings
  const opener = await captureOpener({ own, settings, target, redactor }, await wantsPassphrase(note.file))
  const open = opened(memory, opener)
  const capture = await open()
  return { carries: (ref) => carries(capture, ref), notices: suspensionsNotices(capture), restoring: { open, file: note.file } }
}

/** Opened once, when first asked for: it is made only after the plan. */
function opened(memory: Memory, opener: Opener): () => Promise<Capture> {
  return once(() => openNoted(memory, opener))
}

/** What was suspended by hand and will act for a moment before it is suspended again. */
function suspensionsNotices(capture: Pick<Capture, 'entries'>): string[] {
  const early = new Set(suspendedEarly(capture).map(({ ref }) => identityOf(ref)))
  const late = suspendedByHand(capture).filter((ref) => !early.has(identityOf(ref)) && !isByHand(capture, ref))
  if (late.length === 0) return []
  return [`suspended by hand, and suspended again only once Flux runs and has acted on it: ${late.map(nameOf).join(', ')}`]
}

/** What is in no inventory comes back as it was, suspension and all. */
function isByHand({ entries }: Pick<Capture, 'entries'>, ref: Ref): boolean {
  return entries.some((entry) => entry.role === 'flux-by-hand' && identityOf(entry.ref) === identityOf(ref))
}

/** Right after the capture, while the kinds are still there. */
function withDefinitions(steps: readonly Step[], restoring: Captured['restoring']): Step[] {
  if (restoring === undefined) return [...steps]
  return steps.flatMap((step) => (step.id === 'capture' ? [step, keepDefinitions(restoring.open)] : [step]))
}

function tellRebuild(proof: Proof, memory: Memory) {
  const { fields, sections = [] } = tellTeardown(proof)
  return { fields, sections: [...sections, { title: 'How long Flux was away', lines: [describeAbsence(memory)] }] }
}
