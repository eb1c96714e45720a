import { guarded } from './cluster/guarded.ts'
import type { Cluster } from './cluster/cluster.ts'
import { consentOf } from './consent.ts'
import type { Console } from './console.ts'
import { OperatorError } from './errors.ts'
import type { Flags, Values } from './flags.ts'
import { chooseRun, verifySameCluster } from './identity.ts'
import { acquireLock, holderOf, type Lock, verifyUnlocked } from './lock.ts'
import type { Memory } from './memory.ts'
import { onClusters, type Stage } from './on-clusters.ts'
import { carryOut, type Procedure } from './procedure.ts'
import type { Ending } from './record.ts'
import type { Redactor } from './redactor.ts'
import type { Telling } from './report.ts'
import type { Run } from './run.ts'
import { lastDuration, rememberCluster } from './runs.ts'
import type { Session } from './session.ts'
import type { Settings } from './settings.ts'
import type { Target } from './target.ts'

/** What a procedure needs to know of the outside world before its steps are made. */
export interface Surroundings<F extends Flags> {
  readonly session: Session
  readonly target: Target
  readonly settings: Settings
  readonly redactor: Redactor
  /** The script's own flags. */
  readonly own: Values<F>
  /** What the run noted before it was interrupted, if it is a resumed one. */
  readonly memory: Memory
  readonly console: Console
  /** Nothing may be written, not even a file. */
  readonly isDryRun: boolean
}

/** A procedure, and what is to be known of it before and after. */
export interface Prepared extends Procedure {
  /** What Git is at. */
  readonly commit?: string
  /** What people should know before they consent. */
  readonly notices?: readonly string[]
  /** What success of the steps counts as, unless as done: a rollback that was interrupted and is gone on with ends rolled back. */
  readonly ending?: 'rolled-back'
  /** What the document says beyond the fields that all have; asked at the end, whatever the outcome. */
  readonly tell?: () => Telling
  /** Done at the very end, whatever the outcome: as to tell people of it. */
  readonly atEnd?: (ending: Ending) => Promise<void>
}

export interface Operation<F extends Flags> {
  readonly name: string
  /** One sentence for --help. */
  readonly summary: string
  readonly flags: F
  /** Whether `--context` may name several clusters. */
  readonly isForSeveral?: boolean
  /** Whether the person says that the context's name means another cluster than before. */
  readonly isNewCluster?: (own: Values<F>) => boolean
  /** Everything to be known beforehand, then the steps. Throws OperatorError `blocked` with all findings. */
  readonly prepare: (surroundings: Surroundings<F>) => Promise<Prepared>
  /** What is said where there is nothing to do. */
  readonly unchanged: string
  /** What people are told when it went well. */
  readonly summarize: (run: Run, target: Target) => Promise<readonly string[]>
}

/** Runs one procedure on a cluster, under its lock, from the words on the command line to the exit code. */
export function operate<F extends Flags>(operation: Operation<F>, args: readonly string[]): Promise<number> {
  const { name, summary, flags, isForSeveral = false } = operation
  return onClusters({ name, summary, flags, isForSeveral, perform: (stage) => perform(operation, stage) }, args)
}

async function perform<F extends Flags>(operation: Operation<F>, stage: Stage<F>): Promise<Ending> {
  const { session, target, settings, redactor, console, signal, timeout, shared, own, record } = stage
  const { server } = session.access
  const { uid } = session
  const consent = consentOf(shared, target.context)
  const isDryRun = consent === 'dry-run'
  const place = { home: target.runs, context: target.context, server, uid }
  const { name, isNewCluster } = operation
  const saying = `npx zx scripts/${isNewCluster === undefined ? 'bootstrap' : name}.ts ${target.where} --new-cluster`
  // A lab's clusters are made anew under the same names all the time.
  await verifySameCluster(place, target.isLab || isNewCluster?.(own) === true, saying)
  const earlier = isDryRun ? undefined : await chooseRun(place, operation.name, shared.resume, shared.fresh === true)
  if (earlier !== undefined) {
    record.continueAs(earlier)
    console.action(`going on with the run ${earlier.runId}`)
  }
  const holder = holderOf(record.runId())
  const lockNamespace = settings.LOCK_NAMESPACE ?? 'kube-system'
  if (!isDryRun) await verifyUnlocked(session.cluster, lockNamespace, holder)
  const { memory } = record
  const prepared = await operation.prepare({ session, target, settings, redactor, own, memory, console, isDryRun })
  for (const notice of prepared.notices ?? []) console.warning(notice)
  if (prepared.commit !== undefined) record.know({ commit: prepared.commit })

  let lock: Lock | undefined
  const underLock = (cluster: Cluster): Cluster =>
    guarded(cluster, async () => {
      if (lock === undefined) throw new OperatorError('a write was tried before the lock was taken')
      await lock.verifyHeld(cluster)
    })
  const run: Run = {
    id: record.runId(),
    script: operation.name,
    context: target.context,
    place: `${target.context} (${target.isLab ? 'the lab' : 'a real cluster'}, ${server})`,
    where: target.where,
    console,
    memory,
    timeout,
    signal,
    clean: redactor.clean,
    cluster: underLock(session.cluster),
  }
  const parting = (): Run => {
    const { signal: never } = new AbortController()
    return { ...run, signal: never, cluster: underLock(session.clusterUntil(never)) }
  }
  const begin = async (): Promise<void> => {
    if (lock !== undefined) return
    // Killed as soon as it has the lock, a run must know that lock for its own.
    if (earlier === undefined) record.keepIn(target.runs)
    lock = await acquireLock(session.cluster, session.parting, lockNamespace, holder).catch((error: unknown) => {
      if (earlier === undefined) record.discard()
      throw error
    })
    if (earlier !== undefined) record.keepIn(target.runs)
    rememberCluster(target.runs, target.context, { uid, server })
  }
  const enter = (title: string): void => lock?.setPhase(title)
  const lastTook = lastDuration(target.runs, target.context, operation.name)
  try {
    // An interrupted run left its lock and its memory behind: they are taken up even if nothing is left to do.
    if (earlier !== undefined) await begin()
    const result = await carryOut(prepared, run, consent, { begin, enter, parting, lastTook, hasBegun: earlier !== undefined })
    if (result.steps.some(({ state }) => state === 'planned') && result.outcome === 'unchanged') {
      console.success('nothing would be changed: a run would only wait, for what the plan says')
    } else if (result.outcome === 'done' || result.outcome === 'unchanged') {
      if (result.outcome === 'unchanged') console.success(operation.unchanged)
      console.line()
      // All is done: a late Ctrl-C has nothing left to stop.
      for (const line of await operation.summarize(parting(), target)) console.line(line)
    }
    const ending = endingOf(result, prepared)
    await prepared.atEnd?.(ending)
    return prepared.tell === undefined ? ending : { ...ending, telling: prepared.tell() }
  } finally {
    await lock?.release().catch((error: unknown) => console.warning(`the lock was not released; it lapses by itself: ${String(error)}`))
  }
}

function endingOf(result: Ending, { ending }: Prepared): Ending {
  if (ending === undefined || !['done', 'unchanged'].includes(result.outcome)) return result
  const failure = new OperatorError('the run had failed; everything is back as it was when it began', { kind: ending })
  return { ...result, outcome: ending, failure }
}
