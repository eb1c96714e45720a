import { hostname } from 'node:os'
import { printable } from '../base/shell-line.ts'
import type { Cluster } from '../kubernetes/client.ts'
import type { Console } from '../terminal/console.ts'
import { type LockHolder, readHolder } from './lock.ts'
import { captureOf, type EarlierRun, hasPassedReturn, lastInterrupted } from './run-store.ts'

/** What else was started on a cluster, and has not ended. */
export interface OtherRuns {
  /** Who holds its lock now. */
  readonly atWork: LockHolder | undefined
  /** The run that last changed something, where it was interrupted. */
  readonly interrupted: EarlierRun | undefined
}

interface Place {
  readonly cluster: Cluster
  readonly lockNamespace: string
  /** Where the runs are kept. */
  readonly home: string
  readonly context: string
  /** The UID of kube-system. */
  readonly uid: string
}

/** Looks for them, without changing anything. What dies leaves its lock behind for a while: of a process on this host it is known. */
export async function findOtherRuns({ cluster, lockNamespace, home, context, uid }: Place): Promise<OtherRuns> {
  const holder = await readHolder(cluster, lockNamespace)
  const left = lastInterrupted(home, context, uid)
  if (holder === undefined || holder.runId !== left?.runId) return { atWork: holder, interrupted: left }
  return left.host === hostname() ? { atWork: undefined, interrupted: left } : { atWork: holder, interrupted: undefined }
}

/**
 * Says them first: they explain what is seen next.
 * @param where the flags that name the cluster
 * @param script what runs now; a run of its own that was interrupted is offered where it is asked for
 */
export function reportOtherRuns(
  { atWork, interrupted }: OtherRuns,
  { where, script, console }: { where: string; script: string; console: Console },
): void {
  if (atWork !== undefined) console.line(`◎ ${atWork.holder} is changing this cluster, in phase: ${atWork.phase}`)
  if (interrupted === undefined || interrupted.script === script) return
  const file = captureOf(interrupted)
  const what = [
    `the run ${interrupted.runId} ${interrupted.ended === 'failed' ? 'failed' : 'was interrupted'}`,
    ...(hasPassedReturn(interrupted) ? ['past its point of no return, so it can only be resumed'] : []),
  ].join(' ')
  const kept = file === undefined ? '' : `; its capture is ${file}`
  const command = [`npx zx scripts/${interrupted.script}.ts`, where, printable(interrupted.flags), `--resume ${interrupted.runId}`]
  console.warning(`${what}${kept}\n   → ${command.filter((part) => part !== '').join(' ')}`)
}
