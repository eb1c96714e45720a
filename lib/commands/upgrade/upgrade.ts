import { messageOf } from '../../base/errors.ts'
import type { Rollback } from '../../runner/execute.ts'
import { createPauses } from './downtime.ts'
import { measuring, remembering } from './measured-steps.ts'
import { ownObjects } from '../../flux/own-objects.ts'
import type { PreparedChange } from '../../runner/run-change.ts'
import { awaitAgreement, ensureFetched } from './steps/follow-git.ts'
import { awaitMerge, ensureReverted, ensureVersionsInGit, followed, type BranchVersions, type GitVersions } from './steps/git-versions.ts'
import type { Baseline } from './judge-objects.ts'
import { rollbackImages, upgradeImages } from './image-checks.ts'
import { checkImages } from './steps/image-check.ts'
import { ensureMigrated } from './steps/migrate-apis.ts'
import { ensureApplierResumed, ensureApplierSuspended, ensureRolledBack } from './steps/roll-back.ts'
import { ensureManifestsRolledBack } from './steps/restore-manifests.ts'
import { RollbackRefused } from './steps/stored-versions.ts'
import { awaitRollout } from './steps/rollout.ts'
import { type Expected, failsOfVersion, verifyVersions } from './steps/verify-versions.ts'
import type { Step } from '../../runner/step.ts'
import { isNewerMinor } from '../../base/version.ts'
import { commandOf, commandsOf, stoppedAfterPush, stoppedAtMerge } from './commands.ts'
import { commitOf, checkpoint, readUpgradeState, type UpgradeState } from './state.ts'
import { refsIn } from '../../flux/refs.ts'
import { branchOf } from '../../tools/git.ts'
import { versionRepository } from './repository.ts'
import type { UpgradeStage } from './stage.ts'
import { whileUnderway } from './underway.ts'
import { describeState } from './diagnostics.ts'
import { reportUpgrade } from './report-fields.ts'

/** From the versions in Git to controllers that run and are verified; and the rollback. */
export function upgrade(
  stage: UpgradeStage,
  notes: UpgradeState,
  options: { rollsBack: boolean; checksImages: boolean },
): Pick<PreparedChange, 'steps' | 'rollback' | 'alsoDestroys' | 'ifStopped' | 'report' | 'toVersion'> {
  const { from, to, place, images } = notes
  const change = changeOf(stage, notes, notes.after, `chore(flux): upgrade ${whatChanges(notes)}`)
  const at = followed(change)
  // Manifests are applied over one another, whatever their versions.
  const isReinstall = place.installs !== 'manifests' && isNewerMinor(to.flux, from.flux)
  const { branch, memory } = stage
  const removedVersions = new Set(notes.goesAway)
  const pauses = createPauses(place.namespace, images)
  const rollback: Rollback = {
    title: `rolling Flux back to ${from.flux}`,
    // What Flux was never to follow needs no rollback: what never got into Git, or only to a branch that is not merged; nor does a person
    // who only stops watching.
    shouldRollBack: (why) => why === 'failed' && (at.commit() !== undefined || (branch === undefined && commitOf(memory) !== '')),
    steps: rollbackSteps(stage, notes).map((step) => ({ ...step, id: `back-${step.id}` })),
    remedy: `find out why, fix it, then: ${commandOf(stage, notes)}`,
    ifFailed: reportState(stage, notes, at),
  }
  return {
    toVersion: to.flux,
    steps: [
      ...(options.checksImages ? [checkImages(upgradeImages(stage, notes, at))] : []),
      ...(removedVersions.size === 0 ? [] : [ensureMigrated(removedVersions)]),
      measuring(ensureVersionsInGit(change, at), pauses),
      ...(branch === undefined ? [] : [awaitMerge(change, branch, at)]),
      measuring(whileUnderway(ensureFetched(place, change.remote, to.flux, at.commit), place), pauses),
      remembering(whileUnderway(awaitRollout(place, to.flux, images, notes.newImages), place, { images: newTags(notes) }), pauses, memory),
      ...verification(stage, notes, to, notes.newImages),
    ],
    report() {
      pauses.stop()
      return reportUpgrade(memory, notes)
    },
    ifStopped:
      branch === undefined
        ? stoppedAfterPush(() => at.commit() ?? commitOf(memory), branchOf(change.remote))
        : stoppedAtMerge(stage, notes, { branch, into: branchOf(change.remote), cluster: `Flux still runs ${from.flux}` }),
    ...(options.rollsBack ? { rollback } : {}),
    ...(options.rollsBack && isReinstall
      ? {
          alsoDestroys: `should Flux ${to.flux} fail, its FluxInstance is deleted and recreated at ${from.flux}, since the operator refuses a minor downgrade; controllers, Flux objects and workloads stay`,
        }
      : {}),
  }
}

/** What state a rollback that failed leaves things in, and the commands that finish it. */
function reportState(stage: UpgradeStage, notes: UpgradeState, at: BranchVersions): NonNullable<Rollback['ifFailed']> {
  return async ({ cluster }, thrown) => ({
    state: await describeState(cluster, notes.place, at).catch((error: unknown) => `the cluster cannot be read: ${messageOf(error)}`),
    remedy: (thrown instanceof RollbackRefused ? thrown.remedy : undefined) ?? commandsOf(stage, notes).join('\n    '),
  })
}

/**
 * Back to what ran before: first the cluster, by the operator alone; then Git; then both agree, and Helm's release runs again.
 * @param options.ran that what is rolled back to ran: else it neither fetches nor agrees, and is not waited for
 * @param options.arrived receives that the controllers run
 */
export function rollbackSteps(stage: UpgradeStage, notes: UpgradeState, options: { ran?: boolean; arrived?: () => void } = {}): Step[] {
  const { from, place } = notes
  const { memory, branch } = stage
  const { ran = true, arrived = () => undefined } = options
  const change = changeOf(stage, notes, notes.before, `chore(flux): roll Flux back to v${from.flux}`)
  const at: BranchVersions = followed(change)
  return [
    ensureApplierSuspended(place, () => checkpoint(memory, { isGoingBack: true })),
    rollBackStep(notes, { ran, arrived }),
    ensureReverted(change, at, () => commandsOf(stage, notes)),
    ...(branch === undefined ? [] : [awaitMerge(change, `${branch}-rollback`, at)]),
    ...(ran ? [whileUnderway(ensureFetched(place, change.remote, from.flux, at.commit), place)] : []),
    ensureApplierResumed(place),
    ...(ran ? verification(stage, notes, from, notes.images) : []),
  ]
}

/** Whether Git and the cluster agree on the versions, and all is healthy with them. */
function verification(stage: UpgradeStage, notes: UpgradeState, versions: UpgradeState['to'], images: UpgradeState['images']): Step[] {
  const { place, stands } = notes
  const wanted = expected(stage, notes, versions.flux, images)
  return [
    whileUnderway(awaitAgreement(place, { ...versions, isInstanceChart: stands === undefined }), place),
    whileUnderway(verifyVersions(wanted), place, { hasFailed: (cluster) => failsOfVersion(cluster, wanted) }),
  ]
}

/** What restores the old controllers in the cluster only: the FluxInstance, or Flux's own manifests. */
function rollBackStep(notes: UpgradeState, options: { ran: boolean; arrived: () => void }): Step {
  const { from, to, place, served, images, newImages, instance, manifests } = notes
  const former = { place, version: from.flux, served, images, leftImages: newImages, ...options }
  if (manifests !== undefined) return ensureManifestsRolledBack({ ...former, manifests })
  return ensureRolledBack({ ...former, instance, isReinstall: isNewerMinor(to.flux, from.flux) })
}

/** Back to other versions because a person wants it: the same way, in the other direction of what was checked. */
export function rollBackSteps(stage: UpgradeStage, notes: UpgradeState, arrived?: () => void): Step[] {
  const { from, to, before, after, images } = notes
  const reversed = { ...notes, from: to, to: from, before: after, after: before, images: newTags(notes), newImages: images }
  const steps = rollbackSteps(stage, reversed, arrived === undefined ? {} : { arrived })
  const isBack = Object.keys(before).length === 0
  return isBack ? steps.filter(({ risk }) => risk === 'safe') : steps
}

/** The newer version's tags of what this Flux runs: the distribution tells those of all controllers. */
function newTags({ images, newImages }: UpgradeState): UpgradeState['images'] {
  return Object.fromEntries(Object.entries(newImages).filter(([name]) => name in images))
}

/** What was checked as that which is rolled back to. The newer version knows what it has stored itself. */
function startOf(notes: UpgradeState, start: NonNullable<UpgradeState['start']>): UpgradeState {
  const { versions, lines, instance, manifests } = start
  const former = { ...(instance === undefined ? {} : { instance }), ...(manifests === undefined ? {} : { manifests }) }
  return { ...notes, from: versions, before: lines, served: {}, ...former }
}

/** From a rollback that failed to what there was before it; none for one that an earlier version of this script began. */
export function returnSteps(stage: UpgradeStage, notes: UpgradeState): Step[] {
  const { start } = notes
  if (start === undefined) return []
  const { memory } = stage
  const steps = rollbackSteps(stage, startOf(notes, start), { ran: start.ran })
  return steps.map((step) => ({
    ...step,
    apply(run, progress) {
      checkpoint(memory, { isReturning: true })
      return step.apply(run, progress)
    },
  }))
}

/**
 * The rollback of a rollback that fails: to where it began. None for one that an earlier version of this script began.
 * @param hasArrived whether the older version runs: then only Git is left to be changed, which the run continues with when it is resumed
 */
export function rollbackReturn(stage: UpgradeStage, notes: UpgradeState, hasArrived: () => boolean): Rollback | undefined {
  const { start } = notes
  if (start === undefined) return undefined
  const back = startOf(notes, start)
  return {
    title: `rolling Flux back to ${back.from.flux}`,
    shouldRollBack: (why) => why === 'failed' && !hasArrived() && readUpgradeState(stage.memory)?.isGoingBack === true,
    steps: returnSteps(stage, notes).map((step) => ({ ...step, id: `back-${step.id}` })),
    remedy: `find out why, fix it, then: the same command; or choose another version: npx zx scripts/rollback.ts ${stage.target.where} --to X.Y.Z`,
    ifFailed: reportState(stage, back, followed(changeOf(stage, back, back.before, ''))),
  }
}

/** The same, with the images checked first, each controller's pause measured, and the rollback to where it began. */
export function rollBack(
  stage: UpgradeStage,
  notes: UpgradeState,
  options: { checksImages: boolean },
): Pick<PreparedChange, 'steps' | 'rollback' | 'ifStopped' | 'report' | 'toVersion'> {
  const { memory, branch } = stage
  const cluster = `Flux runs ${notes.to.flux}, and its ${refsIn(notes.place).applier.kind} is suspended so that it stays there`
  const pauses = createPauses(notes.place.namespace, notes.images)
  let hasArrived = false
  const arrived = (): void => {
    hasArrived = true
  }
  const rollback = rollbackReturn(stage, notes, () => hasArrived)
  const steps = rollBackSteps(stage, notes, arrived).map((step) => measuring(remembering(step, pauses, memory), pauses))
  return {
    toVersion: notes.to.flux,
    steps:
      options.checksImages && steps.some(({ risk }) => risk !== 'safe') ? [checkImages(rollbackImages(stage, notes)), ...steps] : steps,
    report() {
      pauses.stop()
      return reportUpgrade(memory, notes)
    },
    ...(branch === undefined
      ? {}
      : {
          ifStopped: stoppedAtMerge(stage, notes, {
            branch: `${branch}-rollback`,
            into: branchOf(versionRepository(stage, notes).remote),
            cluster,
          }),
        }),
    ...(rollback === undefined ? {} : { rollback }),
  }
}

function changeOf(stage: UpgradeStage, notes: UpgradeState, versions: Record<string, string>, message: string): GitVersions {
  const { session, memory, branch } = stage
  return {
    ...versionRepository(stage, notes),
    versions,
    message,
    branch,
    folder: session.folder(),
    suspended: `its ${refsIn(notes.place).applier.kind}`,
    made: (commit) => checkpoint(memory, { commit }),
  }
}

function whatChanges({ from, to }: UpgradeState): string {
  const changes = [
    ...(from.flux === to.flux ? [] : [`Flux to v${to.flux}`]),
    ...(from.operator === to.operator ? [] : [`flux-operator to v${to.operator}`]),
  ]
  return changes.join(' and ')
}

/** What must be so once a version runs. */
export function expected(
  { session, memory }: UpgradeStage,
  notes: UpgradeState,
  version: string,
  newImages: UpgradeState['images'],
): Expected {
  const { place, images, ready, isBehind } = notes
  const before = (): Baseline => ({ ready, isBehind, own: ownObjects(place), commit: commitOf(memory) })
  return { place, version, images, newImages, before, access: session.access, flux: session.tools.flux }
}
