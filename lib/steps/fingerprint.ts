import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Belonging } from '../belongings/belongings.ts'
import type { Memory } from '../memory.ts'
import type { Step } from '../step.ts'
import { type Fingerprint, keepFingerprint, readFingerprint, takeFingerprint } from '../survival/fingerprint.ts'
import { noteTeardown, teardownNotes } from './teardown-notes.ts'

const file = 'survival.json'

/** The fingerprint that this run took, before it was interrupted too; undefined where it has taken none that is still true. */
export function keptFingerprint(memory: Memory): Fingerprint | undefined {
  if (!teardownNotes(memory).isFingerprinted) return undefined
  const path = join(memory.folder(), file)
  return existsSync(path) ? readFingerprint(path) : undefined
}

/**
 * Notes what is to outlive Flux, and what is Flux's: nothing moves any more, and the proofs are still there.
 * @param isGone that there is nothing to tear down
 */
export function takeStock(namespace: string, belongings: readonly Belonging[], isGone: boolean): Step {
  return {
    id: 'fingerprint',
    title: 'Take the fingerprint of all that is to stay alive',
    risk: 'safe',
    look({ memory }) {
      if (isGone && teardownNotes(memory).passedReturn === undefined)
        return Promise.resolve({ is: 'done', detail: 'nothing is taken away' })
      const kept = keptFingerprint(memory)
      if (kept !== undefined)
        return Promise.resolve({
          is: 'done',
          detail: `${kept.length} objects, of which those that stand for themselves must be the same afterwards`,
        })
      return Promise.resolve({
        is: 'todo',
        change: `note the UIDs of all workloads, Services, claims and Helm releases outside ${namespace}`,
        commands: [
          'kubectl get deployments,statefulsets,daemonsets,jobs,cronjobs,pods,services,persistentvolumeclaims --all-namespaces --output json > before.json',
        ],
      })
    },
    async act({ cluster, memory }) {
      keepFingerprint(join(memory.folder(), file), await takeFingerprint(cluster, namespace))
      noteTeardown(memory, { namespace, isFingerprinted: true, belongings: [...belongings] })
    },
  }
}
