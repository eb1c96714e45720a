import { counted } from '../../../base/counted.ts'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { OwnedObject } from '../../../ownership/owned-objects.ts'
import type { RunState } from '../../../runner/run-state.ts'
import type { Step } from '../../../runner/step.ts'
import { type Fingerprint, keepFingerprint, readFingerprint, takeFingerprint } from '../../../continuity/fingerprint.ts'
import { recordTeardown, readTeardownState } from '../state.ts'

const file = 'survival.json'

/** The fingerprint that this run took, before it was interrupted too; undefined where it has taken none that is still true. */
export function keptFingerprint(memory: RunState): Fingerprint | undefined {
  if (!readTeardownState(memory).isFingerprinted) return undefined
  const path = join(memory.folder(), file)
  return existsSync(path) ? readFingerprint(path) : undefined
}

/**
 * Notes what is to outlive Flux, and what is Flux's: nothing moves any more, and the proofs are still there.
 * @param isGone that there is nothing to tear down
 */
export function recordFingerprint(namespace: string, ownedObjects: readonly OwnedObject[], isGone: boolean): Step {
  return {
    id: 'fingerprint',
    title: 'Take the fingerprint of everything that must stay alive',
    risk: 'safe',
    check({ memory }) {
      if (isGone && readTeardownState(memory).passedReturn === undefined)
        return Promise.resolve({ is: 'done', isSkipped: true, detail: 'nothing is removed' })
      const kept = keptFingerprint(memory)
      if (kept !== undefined)
        return Promise.resolve({
          is: 'done',
          detail: `${counted(kept.length, 'object')}; those without an owner reference must keep their UID`,
        })
      return Promise.resolve({
        is: 'todo',
        change: `record the UIDs of all workloads, Services, PersistentVolumeClaims and Helm releases outside ${namespace}`,
        commands: [
          'kubectl get deployments,statefulsets,daemonsets,jobs,cronjobs,pods,services,persistentvolumeclaims --all-namespaces --output json > before.json',
        ],
      })
    },
    async apply({ cluster, memory }) {
      keepFingerprint(join(memory.folder(), file), await takeFingerprint(cluster, namespace))
      recordTeardown(memory, { namespace, isFingerprinted: true, belongings: [...ownedObjects] })
    },
  }
}
