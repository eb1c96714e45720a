import type { Cluster } from '../../kubernetes/client.ts'
import { leaveEvent } from '../../runner/run-event.ts'
import { withWriteGuard } from '../../kubernetes/write-guard.ts'
import type { FluxSource } from '../../flux/followed.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import { readinessOf } from '../../flux/readiness.ts'
import { appliedRevision } from '../../flux/revision.ts'
import { type KubeObject, nameOf, type Ref } from '../../kubernetes/objects.ts'
import type { Remote } from '../../tools/git.ts'
import { isRequested, requestReconcile } from '../../flux/reconcile-request.ts'
import { waitUntil } from '../../kubernetes/wait-until.ts'
import { OperatorError } from '../../base/errors.ts'
import type { Flags } from '../../terminal/flags.ts'
import { branchOf } from '../../tools/git.ts'
import { inClone } from '../../tools/git-clone.ts'
import { allProbes } from '../../health/all-probes.ts'
import { isHealthy, runProbes } from '../../health/probe.ts'
import { snapshotOf } from '../../health/snapshot.ts'
import { acquireLock, holderOf } from '../../runner/lock.ts'
import type { CommandContext } from '../../runner/run-command.ts'
import { takeFingerprint } from '../../continuity/fingerprint.ts'
import { callScript } from './call-script.ts'
import type { RehearsalEnvironment } from './rehearse.ts'
import { ensureCanary } from './canary.ts'
import type { Field, LabPowers, Scenario } from './scenario.ts'

export interface DrillTarget {
  /** The namespace that Flux lives in. */
  readonly namespace: string
  /** The root source, and the Kustomization that applies it; undefined where Flux follows nothing. */
  readonly follows: Pick<FluxSource, 'source' | 'root'> | undefined
  /** Where a commit can be pushed for Flux to apply; undefined where there is no login for that. */
  readonly remote: Remote | undefined
  readonly gitSecret: string | undefined
  readonly lab: LabPowers | undefined
  /** The flags by which a script finds this very cluster, and consents to everything. */
  readonly flags: readonly string[]
}

/** A cluster as the environment of rehearsals. Faults are injected under the cluster's lock; what repairs it is a script of its own. */
// oxlint-disable-next-line max-lines-per-function -- one environment: its methods share the cluster and the lock
export function environmentOf<F extends Flags>(
  stage: CommandContext<F>,
  place: DrillTarget,
  progress: (text: string) => void,
): RehearsalEnvironment & { readonly ensureCanary: () => Promise<void> } {
  const { session, settings, console, signal, timeout, record } = stage
  const { cluster } = session
  const field = (under: Cluster): Field => ({ ...place, cluster: under, progress, timeout })
  // What a disaster needs ended is ended after Ctrl-C too.
  const unending = session.clusterUntil(new AbortController().signal)
  const undo = async (scenario: Scenario): Promise<void> => scenario.undo?.(field(unending))
  /** Returns when that has ended what recover.ts waits for, or `over` aborts. */
  const undoWhenDue = async (scenario: Scenario, over: AbortSignal): Promise<void> => {
    if (scenario.undoOnce === undefined) return
    const { watches, isSo } = scenario.undoOnce
    const watched = session.clusterUntil(over)
    const check = (): Promise<boolean> => isSo(field(watched))
    const isDue = await waitUntil(watched, { watches, timeout, check, isOver: (seen) => seen }).catch((error: unknown) => {
      if (!over.aborted) throw error
      return false
    })
    if (isDue) await undo(scenario)
  }

  const underLock = async (run: (cluster: Cluster) => Promise<void>): Promise<void> => {
    const lock = await acquireLock(cluster, session.cleanupClient, settings.LOCK_NAMESPACE ?? 'kube-system', holderOf(record.runId()))
    try {
      const held = withWriteGuard(cluster, () => lock.verifyHeld(cluster))
      await leaveEvent({ cluster: held, id: record.runId(), script: 'drill', console }, undefined)
      await run(held)
    } finally {
      await lock.release()
    }
  }

  return {
    signal,
    timeout,
    progress,
    ensureCanary: () =>
      underLock(async (held) => {
        const { namespace, follows, remote } = place
        if (follows === undefined || remote === undefined) return
        await ensureCanary(held, { namespace, syncName: follows.source.name, remote, folder: session.folder(), timeout })
      }),
    async problem() {
      const results = await runProbes(allProbes, snapshotOf(stage))
      const suspended = results.find(
        ({ id, objects = [] }) => id === 'instance' && objects.some(({ suspension }) => suspension !== undefined),
      )
      if (isHealthy(results) && suspended === undefined) return undefined
      const unhealthy = results.find(({ state }) => state === 'fail' || state === 'unknown') ?? suspended
      return `${unhealthy?.title}: ${unhealthy?.detail}`
    },
    fingerprint: () => takeFingerprint(cluster, place.namespace),
    // A cluster that is emptied loses the lock along with everything: its fault is not injected under the lock.
    inject: (scenario) => (scenario.isTotal === true ? scenario.inject(field(cluster)) : underLock((held) => scenario.inject(field(held)))),
    undo,
    cleanUp: async (scenario) => scenario.cleanUp?.(field(unending)),
    async repair(scenario) {
      progress('recover.ts fixes it')
      const over = new AbortController()
      const undoing = undoWhenDue(scenario, over.signal)
      undoing.catch(() => undefined) // it is reported below, unless recover.ts has failed
      const reported = (line: string): void => {
        if (!console.isTerminal) return console.faint(`      ${line}`)
        record.log(`recover: ${line}`)
        progress(line)
      }
      const resuming = scenario.isSuspension === true ? [`--resume-suspended=FluxInstance/${place.namespace}/flux`] : []
      await callScript('recover', [...place.flags, ...resuming], reported, signal).finally(() => over.abort())
      await undoing
    },
    async commitApplied() {
      if (place.follows === undefined) return
      const { source, root } = place.follows
      // Where nothing can be pushed, Flux is to show that it applies what it follows, asked now.
      const isApplied = place.remote === undefined ? await askedToApply(underLock, source, root) : await committed(place.remote, source)
      const seen = await waitUntil(cluster, {
        watches: [{ kind: fluxKinds.kustomization, query: { namespace: root.namespace } }],
        timeout,
        check: () => cluster.get(root),
        isOver: (live) => live !== undefined && isApplied(live),
      })
      if (seen === undefined || !isApplied(seen)) throw new OperatorError(`${nameOf(root)} has not applied what it was asked to`)
    },
  }

  async function committed(remote: Remote, source: Ref): Promise<(root: KubeObject) => boolean> {
    const commit = await inClone(remote, session.folder(), signal, async (clone) => {
      const made = await clone.commitNothing('chore(drill): see whether Flux applies a new commit')
      await clone.push(branchOf(remote))
      return made
    })
    await underLock((held) => requestReconcile(held, source))
    return (root) => appliedRevision(root).endsWith(commit)
  }
}

/** Asks source and root to look now; what it returns shows whether the root has, and is Ready. */
async function askedToApply(
  underLock: (run: (cluster: Cluster) => Promise<void>) => Promise<void>,
  source: Ref,
  root: Ref,
): Promise<(root: KubeObject) => boolean> {
  await underLock(async (held) => {
    await requestReconcile(held, source)
    await requestReconcile(held, root)
  })
  return (live) => !isRequested(live) && readinessOf(live).is === 'ready'
}
