import * as v from 'valibot'
import type { Cluster } from '../cluster/cluster.ts'
import { guarded } from '../cluster/guarded.ts'
import { kinds } from '../cluster/objects.ts'
import { requestReconcile } from '../cluster/reconcile-request.ts'
import { onChange } from '../cluster/watch.ts'
import { OperatorError } from '../errors.ts'
import type { Flags } from '../flags.ts'
import { inClone } from '../git-clone.ts'
import { allProbes } from '../health/all-probes.ts'
import { isHealthy, takeLooks } from '../health/probe.ts'
import { sceneOf } from '../health/stage.ts'
import { acquireLock, holderOf } from '../lock.ts'
import type { Stage } from '../on-clusters.ts'
import { takeFingerprint } from '../survival/fingerprint.ts'
import { callScript } from './call-script.ts'
import type { Ground } from './rehearse.ts'
import { ensureWitness } from './witness.ts'
import type { Field, LabPowers, Scenario } from './scenario.ts'

export interface Place {
  /** The namespace that Flux lives in. */
  readonly namespace: string
  /** The name of the GitRepository and the root Kustomization. */
  readonly syncName: string
  readonly gitSecret: string | undefined
  readonly lab: LabPowers | undefined
  /** The flags by which a script finds this very cluster, and consents to everything. */
  readonly flags: readonly string[]
}

/** A cluster as the ground of rehearsals. What strikes it does so under the cluster's lock; what mends it is a script of its own. */
export function groundOf<F extends Flags>(
  stage: Stage<F>,
  place: Place,
  progress: (text: string) => void,
): Ground & { readonly ensureWitness: () => Promise<void> } {
  const { session, target, settings, console, signal, timeout, record } = stage
  const { cluster } = session
  const field = (under: Cluster): Field => ({ ...place, cluster: under, progress })
  // What a disaster needs ended is ended after Ctrl-C too.
  const unending = session.clusterUntil(new AbortController().signal)
  const relent = async (scenario: Scenario): Promise<void> => scenario.relent?.(field(unending))
  const source = { ...kinds.gitRepository, namespace: place.namespace, name: place.syncName }
  const root = { ...kinds.kustomization, namespace: place.namespace, name: place.syncName }

  const underLock = async (act: (cluster: Cluster) => Promise<void>): Promise<void> => {
    const lock = await acquireLock(cluster, session.parting, settings.LOCK_NAMESPACE ?? 'kube-system', holderOf(record.runId()))
    try {
      await act(guarded(cluster, () => lock.verifyHeld(cluster)))
    } finally {
      await lock.release()
    }
  }

  return {
    signal,
    timeout,
    progress,
    ensureWitness: () => underLock((held) => ensureWitness(held, { ...place, remote: target.remote, folder: session.folder, timeout })),
    async ailment() {
      const looks = await takeLooks(allProbes, sceneOf(stage))
      if (isHealthy(looks)) return undefined
      const sick = looks.find(({ state }) => state === 'fail' || state === 'unknown')
      return `${sick?.title}: ${sick?.detail}`
    },
    fingerprint: () => takeFingerprint(cluster, place.namespace),
    // A cluster that is emptied loses the lock along with everything: it is not one of those that are struck under it.
    strike: (scenario) => (scenario.isTotal === true ? scenario.strike(field(cluster)) : underLock((held) => scenario.strike(field(held)))),
    relent,
    tidy: async (scenario) => scenario.tidy?.(field(unending)),
    async mend(scenario) {
      progress('recover.ts mends it')
      let relenting: Promise<void> | undefined
      const told = (line: string): void => {
        if (scenario.relentsAt?.test(line) === true) relenting ??= relent(scenario)
        if (!console.isTerminal) return console.faint(`      ${line}`)
        record.log(`recover: ${line}`)
        progress(line)
      }
      await callScript('recover', place.flags, told, signal)
      await relenting
    },
    async commitApplied() {
      const commit = await inClone(target.remote, session.folder, signal, async (clone) => {
        const made = await clone.commitNothing('chore(drill): see whether Flux applies a new commit')
        await clone.push(target.remote.ref.replace(/^refs\/heads\//, ''))
        return made
      })
      await underLock((held) => requestReconcile(held, source))
      const changes = onChange(cluster, [{ kind: kinds.kustomization, query: { namespace: place.namespace } }])
      const deadline = Date.now() + timeout
      try {
        for (;;) {
          const live = await cluster.get(root)
          const applied = live === undefined ? '' : v.parse(appliedSchema, live).status.lastAppliedRevision
          if (applied.endsWith(commit)) return
          if (Date.now() > deadline) throw new OperatorError(`Kustomization ${root.name} has not applied ${commit}; it is at ${applied}`)
          await changes.next(Math.min(2000, timeout))
        }
      } finally {
        changes.stop()
      }
    },
  }
}

const appliedSchema = v.object({ status: v.optional(v.object({ lastAppliedRevision: v.optional(v.string(), '') }), {}) })
