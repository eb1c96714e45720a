import { messageOf } from '../errors.ts'
import type { WayBack } from '../procedure.ts'
import { createPauses, type Pauses } from '../pauses.ts'
import type { Memory } from '../memory.ts'
import type { Prepared } from '../operate.ts'
import type { Telling } from '../report.ts'
import type { Session } from '../session.ts'
import { awaitAgreement, ensureFetched } from '../steps/follow-git.ts'
import { awaitMerge, ensureReverted, ensureVersionsInGit, followed, type Followed, type GitVersions } from '../steps/git-versions.ts'
import { ensureMigrated } from '../steps/migrate-apis.ts'
import { CannotGoBack, ensurePutBack, ensureResumed, ensureSuspended } from '../steps/put-back.ts'
import { awaitRollout } from '../steps/rollout.ts'
import { type Expected, verifyVersions } from '../steps/verify-versions.ts'
import type { Step } from '../step.ts'
import type { Target } from '../target.ts'
import { isNewerMinor } from '../version.ts'
import { note, readNotes, type UpgradeNotes } from './upgrade-notes.ts'
import { describeState } from './upgrade-state.ts'

/** What an upgrade works with besides what it remembers. */
export interface UpgradeStage {
  /** `upgrade.ts` or `rollback.ts`: what a person would resume. */
  readonly script: string
  readonly session: Session
  readonly target: Target
  readonly memory: Memory
  readonly branch: string | undefined
}

/** From the versions in Git to controllers that run and are verified; and the way back. */
export function upgrade(
  stage: UpgradeStage,
  notes: UpgradeNotes,
  options: { goesBack: boolean },
): Pick<Prepared, 'steps' | 'wayBack' | 'alsoDestroys' | 'tell'> {
  const { from, to, place, images } = notes
  const change = changeOf(stage, notes.after, `chore(flux): upgrade ${whatChanges(notes)}`)
  const at = followed(change)
  const isMinor = isNewerMinor(to.flux, from.flux)
  const { branch, memory, target } = stage
  const goesAway = new Set(notes.goesAway)
  const pauses = createPauses(place.namespace, images)
  const wayBack: WayBack = {
    title: `putting Flux back to ${from.flux}`,
    // What never got into Git needs no way back; nor does a person who only stops watching.
    isTaken: (why) => why === 'failed' && (at.commit() !== undefined || commitOf(memory) !== ''),
    steps: wayBackSteps(stage, notes).map((step) => ({ ...step, id: `back-${step.id}` })),
    remedy: 'find out why, mend it, and run the same command again',
    ifFailed: async ({ cluster }, thrown) => ({
      state: await describeState(cluster, place, at).catch((error: unknown) => `the cluster cannot be read: ${messageOf(error)}`),
      remedy: (thrown instanceof CannotGoBack ? thrown.remedy : undefined) ?? commandsOf(stage, notes).join('\n    '),
    }),
  }
  return {
    steps: [
      ...(goesAway.size === 0 ? [] : [ensureMigrated(goesAway)]),
      measuring(ensureVersionsInGit(change, at), pauses),
      ...(branch === undefined ? [] : [awaitMerge(change, branch, at)]),
      measuring(ensureFetched(place, target.remote, to.flux, at.commit), pauses),
      remembering(awaitRollout(place, to.flux, images), pauses, memory),
      awaitAgreement(place, to),
      verifyVersions(expected(stage, notes, to.flux)),
    ],
    tell() {
      pauses.stop()
      return tellUpgrade(memory, notes)
    },
    ...(options.goesBack ? { wayBack } : {}),
    ...(options.goesBack && isMinor
      ? {
          alsoDestroys: `should Flux ${to.flux} fail, its FluxInstance is deleted and made anew at ${from.flux}, since the operator refuses a minor downgrade; controllers, Flux objects and workloads stay`,
        }
      : {}),
  }
}

/** Back to what ran before: first the cluster, by the operator alone; then Git; then both agree, and Helm's release runs again. */
export function wayBackSteps(stage: UpgradeStage, notes: UpgradeNotes): Step[] {
  const { from, to, place } = notes
  const { target, memory, branch } = stage
  const change = changeOf(stage, notes.before, `chore(flux): take Flux back to v${from.flux}`)
  const at: Followed = followed(change)
  return [
    ensureSuspended(place, () => note(memory, { isGoingBack: true })),
    ensurePutBack({
      place,
      version: from.flux,
      instance: notes.instance,
      served: notes.served,
      images: notes.images,
      isReinstall: isNewerMinor(to.flux, from.flux),
    }),
    ensureReverted(change, at, () => commandsOf(stage, notes)),
    ...(branch === undefined ? [] : [awaitMerge(change, `${branch}-rollback`, at)]),
    ensureFetched(place, target.remote, from.flux, at.commit),
    ensureResumed(place),
    awaitAgreement(place, from),
    verifyVersions(expected(stage, notes, from.flux)),
  ]
}

/** Back to other versions because a person wants it: the same way, in the other direction of what was looked at. */
export function rollBackSteps(stage: UpgradeStage, looked: UpgradeNotes): Step[] {
  const { from, to, before, after, images } = looked
  // Of components that this Flux does not run, the distribution tells the tags too.
  const tags = Object.fromEntries(Object.entries(looked.newImages).filter(([name]) => name in images))
  const notes = { ...looked, from: to, to: from, before: after, after: before, images: tags }
  const steps = wayBackSteps(stage, notes)
  const isBack = Object.keys(before).length === 0
  return isBack ? steps.filter(({ risk }) => risk === 'safe') : steps
}

/** The same, with each controller's pause measured. */
export function rollBack(stage: UpgradeStage, looked: UpgradeNotes): Pick<Prepared, 'steps' | 'tell'> {
  const pauses = createPauses(looked.place.namespace, looked.images)
  return {
    steps: rollBackSteps(stage, looked).map((step) => measuring(remembering(step, pauses, stage.memory), pauses)),
    tell() {
      pauses.stop()
      return tellUpgrade(stage.memory, looked)
    },
  }
}

/** What finishes a way back by hand, once Git answers. */
function commandsOf({ script, target, memory, branch }: UpgradeStage, { place, before, from }: UpgradeNotes): string[] {
  const namespace = `--namespace ${place.namespace}`
  const lines = Object.entries(before).map(([key, value]) => `${key}: "${value}"`)
  const commit = commitOf(memory)
  return [
    `npx zx scripts/${script} ${target.where} --resume${branch === undefined ? '' : ` --branch ${branch}`}   # finishes all of it`,
    `or by hand: git revert ${commit === '' ? 'COMMIT' : commit.slice(0, 12)} && git push   # ${lines.join(', ')}`,
    `flux ${namespace} reconcile source git ${place.syncName}`,
    // Resumed before, it would bring the newer version again.
    `kubectl ${namespace} wait helmrelease/${place.instanceRelease} --for=jsonpath='{.spec.values.instance.distribution.version}'=${from.flux} --timeout=5m`,
    `flux ${namespace} resume helmrelease ${place.instanceRelease}`,
  ]
}

function changeOf({ session, target, memory, branch }: UpgradeStage, versions: Record<string, string>, message: string): GitVersions {
  return {
    remote: target.remote,
    file: `kubernetes/clusters/${target.folder}/settings.yaml`,
    versions,
    message,
    branch,
    folder: session.folder,
    made: (commit) => note(memory, { commit }),
  }
}

function commitOf(memory: Memory): string {
  return readNotes(memory)?.commit ?? ''
}

function whatChanges({ from, to }: UpgradeNotes): string {
  const changes = [
    ...(from.flux === to.flux ? [] : [`Flux to v${to.flux}`]),
    ...(from.operator === to.operator ? [] : [`flux-operator to v${to.operator}`]),
  ]
  return changes.join(' and ')
}

function expected({ session }: UpgradeStage, notes: UpgradeNotes, version: string): Expected {
  const { place, images, ready, isBehind } = notes
  return { place, version, images, ready, isBehind, access: session.access, flux: session.tools.flux }
}

/** Watches the controllers' pods from before Git changes. */
function measuring(step: Step, pauses: Pauses): Step {
  return {
    ...step,
    act(run, progress) {
      pauses.start(run.cluster)
      return step.act(run, progress)
    },
  }
}

/** Remembers what was measured once the rollout is over. */
function remembering(step: Step, pauses: Pauses, memory: Memory): Step {
  return {
    ...step,
    async look(run) {
      const look = await step.look(run)
      const measured = pauses.measured()
      if (look.is === 'done' && Object.keys(measured).length > 0) {
        note(memory, { pauses: { ...measured } })
      }
      return look
    },
  }
}

/** What the document and the report say of it. */
export function tellUpgrade(memory: Memory, notes: UpgradeNotes): Telling {
  const measured = new Map(Object.entries(readNotes(memory)?.pauses ?? {}))
  const images = new Map(Object.entries(notes.newImages))
  const controllers = Object.entries(notes.images).map(([name, from]) => {
    const pauseMs = measured.get(name)
    return { name, from, to: images.get(name) ?? 'unknown', pauseMs: pauseMs ?? null }
  })
  const lines = controllers.map(({ name, from, to, pauseMs }) => {
    const pause = pauseMs === null ? 'its pause was not measured' : `out of service for ${(pauseMs / 1000).toFixed(1)} s`
    return `- ${name} ${from} → ${to}: ${pause}`
  })
  return {
    fields: { from: notes.from.flux, to: notes.to.flux, controllers },
    sections: [{ title: 'Controllers', lines }],
  }
}
