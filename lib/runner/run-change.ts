import { addressed, inAdvice } from '../connection/address-commands.ts'
import { withWriteGuard } from '../kubernetes/write-guard.ts'
import type { Cluster } from '../kubernetes/client.ts'
import { consentOf } from './consent.ts'
import type { Console } from '../terminal/console.ts'
import { messageOf, OperatorError } from '../base/errors.ts'
import type { Flags, Values } from '../terminal/flags.ts'
import { chooseRun, verifySameCluster } from './resume.ts'
import { acquireLock, holderOf, type Lock, verifyUnlocked } from './lock.ts'
import type { RunState } from './run-state.ts'
import type { CommandSyntax } from './command-line.ts'
import { runCommand, type CommandContext } from './run-command.ts'
import { runEvents } from './run-event.ts'
import { runSteps, type StepSequence } from './execute.ts'
import type { RunResult, SequenceResult } from './run-result.ts'
import type { Redactor } from '../base/redactor.ts'
import type { DocumentFields } from './report.ts'
import type { StepContext } from './step.ts'
import { recordDataVersion } from './data-age.ts'
import { knownCluster, lastDuration, recordCluster } from './run-store.ts'
import type { Session } from '../connection/session.ts'
import type { Settings } from '../connection/settings.ts'
import { describeCluster, type Target } from '../connection/target.ts'

/** What a procedure needs to know of the outside world before its steps are made. */
export interface PrepareContext<F extends Flags> {
  readonly session: Session
  readonly target: Target
  readonly settings: Settings
  readonly redactor: Redactor
  /** The script's own flags. */
  readonly own: Values<F>
  /** What the run noted before it was interrupted, if it is a resumed one. */
  readonly memory: RunState
  readonly console: Console
  /** Nothing may be written, not even a file. */
  readonly isDryRun: boolean
}

/** A procedure, and what is to be known of it before and after. */
export interface PreparedChange extends StepSequence {
  /** What Git is at. */
  readonly commit?: string
  /** What people should know before they consent. */
  readonly notices?: readonly string[]
  /** The version of Flux that it leads to, where it changes that; `none` where it takes Flux away. */
  readonly toVersion?: string
  /** What success of the steps counts as, unless as done: a rollback that was interrupted and is continued ends rolled back. */
  readonly ending?: 'rolled-back'
  /** What the document says beyond the fields that all have; asked at the end, whatever the outcome. */
  readonly report?: () => DocumentFields
  /** Done at the very end, whatever the outcome: as to tell people of it. */
  readonly atEnd?: (ending: RunResult) => Promise<void>
}

export interface ChangeCommand<F extends Flags, P extends PreparedChange = PreparedChange> extends CommandSyntax<F> {
  /** Whether the person says that the context's name means another cluster than before. */
  readonly isNewCluster?: (own: Values<F>) => boolean
  /** Throws usage errors that need no cluster to be seen. */
  readonly verifyFlags?: (own: Values<F>) => void
  /** Whether these flags say what the cluster's folder says otherwise. */
  readonly isWithoutFolder?: (own: Values<F>) => boolean
  /** Everything to be known beforehand, then the steps. Throws OperatorError `blocked` with all findings. */
  readonly prepare: (surroundings: PrepareContext<F>) => Promise<P>
  /** What is said where there is nothing to do. */
  readonly unchanged: string
  /** What is printed when it succeeded. */
  readonly summarize: (run: StepContext, target: Target, prepared: P) => Promise<readonly string[]>
}

/** Runs one procedure on a cluster, under its lock, from the words on the command line to the exit code. */
export function runChangeCommand<F extends Flags, P extends PreparedChange>(
  operation: ChangeCommand<F, P>,
  args: readonly string[],
): Promise<number> {
  return runCommand({ ...operation, perform: (stage) => perform(operation, stage) }, args)
}

async function perform<F extends Flags, P extends PreparedChange>(
  operation: ChangeCommand<F, P>,
  stage: CommandContext<F>,
): Promise<RunResult> {
  const { session, target, settings, redactor, console, shared, own, record, again } = stage
  const { server } = session.access
  const consent = consentOf(shared, target.context)
  const isDryRun = consent === 'dry-run'
  const place = { home: target.runs, context: target.context, server, uid: session.uid, again }
  const { name, isNewCluster } = operation
  const saying = `npx zx scripts/${isNewCluster === undefined ? 'bootstrap' : name}.ts ${target.where} --new-cluster`
  // A lab's clusters are recreated under the same names all the time.
  await verifySameCluster(place, target.isLab || isNewCluster?.(own) === true, saying)
  const isResumable = operation.refuses?.resume === undefined
  const earlier = isDryRun || !isResumable ? undefined : await chooseRun(place, operation.name, shared.resume, shared.fresh === true)
  if (earlier !== undefined) {
    record.continueAs(earlier)
    console.action(`resuming the run ${earlier.runId}`)
  }
  const holder = holderOf(record.runId())
  const lockNamespace = settings.LOCK_NAMESPACE ?? 'kube-system'
  if (!isDryRun) await verifyUnlocked(session.cluster, lockNamespace, holder)
  const { memory } = record
  const prepared = await operation.prepare({ session, target, settings, redactor, own, memory, console, isDryRun })
  for (const notice of prepared.notices ?? []) console.warning(inAdvice(notice, (advice) => addressed(advice, target)))
  if (prepared.commit !== undefined) record.know({ commit: prepared.commit })

  const lock = lockOf(stage, { earlier, lockNamespace, holder })
  const run = stepContextOf(operation.name, stage, lock)
  const cleanupSession = (): StepContext => cleanupContext(run, session, lock)
  const events = runEvents(prepared.toVersion)
  try {
    // An interrupted run left its lock and its memory behind: they are taken up even if nothing is left to do.
    if (earlier !== undefined) await lock.take()
    const result = await runSteps(prepared, run, consent, {
      begin: () => lock.take().then(() => events.begins(run)),
      beforeRollback: events.rollsBack,
      enter: lock.enter,
      cleanup: cleanupSession,
      lastTook: lastDuration(target.runs, target.context, operation.name),
      keepSteps: record.keepSteps,
      earlier: record.earlierSteps(),
    })
    // All is done: what is only remembered for later, on a full disk, does not make it a failure.
    if (!isDryRun && ['done', 'unchanged'].includes(result.outcome))
      await recordDataVersion({ session, target }).catch((error: unknown) => console.warning(messageOf(error)))
    await summarize(result, console, async () =>
      (await operation.summarize(cleanupSession(), target, prepared)).map((line) => addressed(line, target)),
    )
    const ending = { ...endingOf(result, prepared), ...verdictFor(result, operation.unchanged, isDryRun) }
    await prepared.atEnd?.(ending)
    return prepared.report === undefined ? ending : { ...ending, report: prepared.report() }
  } finally {
    await lock.release().catch((error: unknown) => console.warning(`the lock was not released; it expires by itself: ${String(error)}`))
  }
}

/** What the steps of a run work with. */
function stepContextOf<F extends Flags>(script: string, stage: CommandContext<F>, lock: RunLock): StepContext {
  const { session, target, redactor, console, signal, timeout, record, again } = stage
  return {
    id: record.runId(),
    script,
    context: target.context,
    place: describeCluster(target, session.access.server),
    where: target.where,
    again,
    addressed: (command) => addressed(command, target),
    console,
    memory: record.memory,
    timeout,
    signal,
    clean: redactor.clean,
    cluster: lock.guard(session.cluster),
    verifyLocked: () => lock.verifyHeld(session.cluster),
  }
}

/** The same run for what is done last: nobody can cancel that. */
function cleanupContext(run: StepContext, session: Session, lock: RunLock): StepContext {
  const { signal: never } = new AbortController()
  const unending = session.clusterUntil(never)
  const verifyLocked = (): Promise<void> => lock.verifyHeld(unending)
  return { ...run, signal: never, cluster: lock.guard(unending), verifyLocked, memory: cleanupMemory(run) }
}

/** A full disk does not end the rollback in the middle: what it notes is kept in this process at least. */
function cleanupMemory({ memory, console }: StepContext): RunState {
  return {
    ...memory,
    write(notes) {
      try {
        memory.write(notes)
      } catch (error) {
        console.warning(messageOf(error))
      }
    },
  }
}

/** Tells what a successful run has come to. All is done then: a late Ctrl-C has nothing left to stop. */
async function summarize({ steps, outcome }: SequenceResult, console: Console, linesOf: () => Promise<readonly string[]>): Promise<void> {
  if (onlyWaits({ steps, outcome }) || (outcome !== 'done' && outcome !== 'unchanged')) return
  console.line()
  for (const line of await linesOf()) console.line(line)
}

function onlyWaits({ steps, outcome }: SequenceResult): boolean {
  return outcome === 'unchanged' && steps.some(({ state }) => state === 'planned')
}

/** What the last line says of a successful run; a plan is what a dry run was asked for, and so is that line. */
function verdictFor(result: SequenceResult, unchanged: string, isDryRun: boolean): Pick<RunResult, 'verdict' | 'isAnswer'> {
  const answer = isDryRun ? ({ isAnswer: true } as const) : {}
  if (onlyWaits(result)) return { verdict: 'nothing would be changed: a run would only wait, for what the plan says', ...answer }
  return result.outcome === 'unchanged' ? { verdict: unchanged, ...answer } : answer
}

/** The cluster's lock, in the hands of one run. */
interface RunLock {
  /** The cluster, with the lock checked before every write. */
  readonly guard: (cluster: Cluster) => Cluster
  /** Throws where this run does not hold it; asked by this way to the cluster. */
  readonly verifyHeld: (cluster: Cluster) => Promise<void>
  /** Takes the lock, unless the run has it. */
  readonly take: () => Promise<void>
  /** Tells others which phase the run is in. */
  readonly enter: (title: string) => Promise<void>
  readonly release: () => Promise<void>
}

function lockOf<F extends Flags>(
  { session, target, record }: Pick<CommandContext<F>, 'session' | 'target' | 'record'>,
  { earlier, lockNamespace, holder }: { earlier: unknown; lockNamespace: string; holder: string },
): RunLock {
  let lock: Lock | undefined
  const { server } = session.access
  const verifyHeld = async (cluster: Cluster): Promise<void> => {
    if (lock === undefined) throw new OperatorError('a write was tried before the lock was taken')
    await lock.verifyHeld(cluster)
  }
  return {
    verifyHeld,
    guard: (cluster) => withWriteGuard(cluster, () => verifyHeld(cluster)),
    async take() {
      if (lock !== undefined) return
      // Killed as soon as it has the lock, a run must know that lock for its own.
      if (earlier === undefined) record.keepIn(target.runs)
      lock = await acquireLock(session.cluster, session.cleanupClient, lockNamespace, holder).catch((error: unknown) => {
        if (earlier === undefined) record.discard()
        throw error
      })
      if (earlier !== undefined) record.keepIn(target.runs)
      const known = knownCluster(target.runs, target.context)
      recordCluster(target.runs, target.context, { ...(known?.uid === session.uid ? known : {}), uid: session.uid, server })
    },
    enter: async (title) => lock?.setPhase(title),
    async release() {
      await lock?.release()
    },
  }
}

function endingOf(result: RunResult, { ending }: PreparedChange): RunResult {
  if (ending === undefined || !['done', 'unchanged'].includes(result.outcome)) return result
  const failure = new OperatorError('the run had failed; everything is as it was when it began', { kind: ending })
  return { ...result, outcome: ending, failure }
}
