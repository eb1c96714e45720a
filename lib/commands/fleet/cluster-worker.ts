import { join } from 'node:path'
import { exitCodes, messageOf } from '../../base/errors.ts'
import { putFile } from '../../base/write-atomic.ts'
import { type OwnScript, startOwnScript } from '../../process/own-script.ts'
import { endOf, stepIn } from './cluster-call.ts'
import type { FleetCluster } from './fleet-file.ts'
import { openFleetLog } from './fleet-log.ts'
import type { ClusterEnd, ClusterRecord } from './fleet-run.ts'

/** Runs one script on one cluster to its end; a failure of whatever kind is how it ended. */
export type ClusterWorker = (script: string, cluster: FleetCluster, record: ClusterRecord, words: readonly string[]) => Promise<ClusterEnd>

interface WorkerOptions {
  /** The fleet's run: each cluster gets a log and a document there. */
  readonly folder: string
  /** Sends the scripts that run a Ctrl-C. */
  readonly cancel: AbortSignal
  readonly clean: (text: string) => string
  /** What a cluster works on now; undefined once it works on nothing. */
  readonly step: (name: string, text: string | undefined) => void
  /** The record has changed. */
  readonly changed: () => void
  readonly start: typeof startOwnScript
}

/** A worker whose scripts are children of this process. */
export function createWorker({ folder, cancel, clean, step, changed, start }: WorkerOptions): ClusterWorker {
  return async (script, { name }, record, words) => {
    const log = openFleetLog(clean)
    log.keepIn(join(folder, 'clusters', `${name}.log`))
    let last = ''
    let child: OwnScript | undefined
    const stop = (): void => child?.kill('SIGINT')
    cancel.addEventListener('abort', stop)
    try {
      child = start(script, words, (line) => {
        log.line(line)
        last = clean(line).trim()
        const now = stepIn(last)
        if (now !== undefined) step(name, now)
      })
      record.process = { pid: child.pid, started: child.started }
      changed()
      if (cancel.aborted) stop()
      const { end, stdout } = await child.ended
      keepDocument(join(folder, 'clusters', `${name}.${script}.json`), clean(stdout))
      return endOf(end, clean(stdout), last)
    } catch (error) {
      return { outcome: 'failed', exitCode: exitCodes.failed, runId: null, error: { message: clean(messageOf(error)) } }
    } finally {
      cancel.removeEventListener('abort', stop)
      delete record.process
      step(name, undefined)
    }
  }
}

/** A full disk ends no run: the cluster's own run has its report too. */
function keepDocument(file: string, stdout: string): void {
  if (stdout === '') return
  try {
    putFile(file, stdout)
  } catch {
    // What was done does not depend on it.
  }
}
