import type { Suspect } from '../changes.ts'
import { findLoops } from '../loops.ts'
import { foundAmong, type Probe, type Trouble } from '../probe.ts'
import { problems } from '../problems.ts'
import { showDuration } from '../../base/duration.ts'

/** Nothing keeps changing without a commit: no object in the cluster, and no Helm release. */
export const loop: Probe = {
  id: 'loop',
  title: 'Recursive reconciliation',
  async check(snapshot) {
    const { kubectl } = snapshot
    const { ongoing, perhaps } = await findLoops(snapshot)
    const troubleOf = ({ object, doer, what, first }: Suspect, how: string): Trouble => ({
      object,
      reason: `${what}, ${how}`,
      since: new Date(first).toISOString(),
      next: `${kubectl} --namespace ${doer.namespace} events --for ${doer.kind.toLowerCase()}/${doer.name}`,
    })
    const fails = ongoing.map((suspect) => ({ ...troubleOf(suspect, 'without as many commits'), problem: problems.loop }))
    const warns = perhaps.map((suspect) =>
      troubleOf(suspect, `the last time without a commit; check again in ${showDuration(suspect.interval)} to see whether it continues`),
    )
    const reported = [
      ...(fails.length === 0 ? [] : [`${fails.length} changing without a commit`]),
      ...(warns.length === 0 ? [] : [`${warns.length} that may be`]),
    ]
    return foundAmong(reported.length === 0 ? 'nothing changes without a commit' : reported.join(', '), fails, warns)
  },
}
