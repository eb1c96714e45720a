import { guarded } from './cluster/guarded.ts'
import { isInstalled } from './command.ts'
import { type Console, createConsole } from './console.ts'
import { parseDuration } from './duration.ts'
import { childEnvironment } from './environment.ts'
import { OperatorError } from './errors.ts'
import { type Flags, only, parseFlags, type Values } from './flags.ts'
import { showHelp, showVersion } from './help.ts'
import { acquireLock, holderOf, type Lock, verifyUnlocked } from './lock.ts'
import { carryOut, type Consent, failedWith, type Result } from './procedure.ts'
import { canAsk } from './prompt.ts'
import { createRedactor, type Redactor } from './redactor.ts'
import { openRecord, type Record, showJson } from './report.ts'
import type { Run } from './run.ts'
import { explain, interruptible } from './script.ts'
import { openSession, type Session } from './session.ts'
import { readSettings, type Settings } from './settings.ts'
import type { Step } from './step.ts'
import { findTarget, type Target } from './target.ts'

/** The flags of every script that touches a cluster. */
export const clusterFlags = {
  context: { type: 'string', value: 'NAME', help: 'the kubeconfig context; mandatory unless --lab' },
  cluster: { type: 'string', value: 'NAME', help: 'the folder below kubernetes/clusters, if it is not named as the context' },
  lab: { type: 'boolean', help: 'use the lab on this machine, starting it if need be (lab-infra, or --context lab-apps)' },
  kubeconfig: { type: 'string', value: 'FILE', help: 'the kubeconfig; else KUBECONFIG, else the usual place' },
  yes: { type: 'boolean', help: 'consent to every step that changes' },
  'dry-run': { type: 'boolean', help: 'print the plan and change nothing' },
  json: { type: 'boolean', help: 'the result on stdout as one JSON document' },
  timeout: { type: 'string', value: '10m', help: 'the longest any one wait may take', format: 'duration' },
  verbose: { type: 'boolean', help: 'tell more, stacks of errors too' },
  help: { type: 'boolean', help: 'show this' },
  version: { type: 'boolean', help: 'show the version' },
} as const satisfies Flags

/** What a procedure needs to know of the outside world before its steps are made. */
export interface Surroundings<F extends Flags> {
  readonly session: Session
  readonly target: Target
  readonly settings: Settings
  readonly redactor: Redactor
  /** The script's own flags. */
  readonly own: Values<F>
}

export interface Operation<F extends Flags> {
  readonly name: string
  /** One sentence for --help. */
  readonly summary: string
  readonly flags: F
  /** Everything to be known beforehand, then the steps. Throws OperatorError `blocked` with all findings. */
  readonly prepare: (surroundings: Surroundings<F>) => Promise<{ steps: Step[]; commit: string }>
  /** What people are told when it went well. */
  readonly summarize: (run: Run, target: Target) => Promise<readonly string[]>
}

/** Runs one procedure on one cluster, from the words on the command line to the exit code. */
export async function operate<F extends Flags>(operation: Operation<F>, args: readonly string[]): Promise<number> {
  const redactor = createRedactor()
  const record = openRecord(operation.name, redactor.clean)
  const console = createConsole({ clean: redactor.clean, log: record.log })
  const signal = interruptible()
  let result: Result
  try {
    const flags: Flags = { ...operation.flags, ...clusterFlags }
    const given = parseFlags(operation.name, flags, args).values
    const shared = only(clusterFlags, given)
    if (shared.help === true) return showHelp(operation.name, operation.summary, flags)
    if (shared.version === true) return await showVersion()
    result = await perform(operation, shared, only(operation.flags, given), { redactor, record, console, signal })
  } catch (thrown) {
    result = failedWith(thrown, signal)
  }
  return conclude(result, record, console, redactor, args)
}

interface Stage {
  readonly redactor: Redactor
  readonly record: Record
  readonly console: Console
  readonly signal: AbortSignal
}

async function perform<F extends Flags>(
  operation: Operation<F>,
  values: Values<typeof clusterFlags>,
  own: Values<F>,
  stage: Stage,
): Promise<Result> {
  const { redactor, record, console, signal } = stage
  const timeout = parseDuration(values.timeout ?? '10m') ?? 0
  const { settings, warnings } = await readSettings(redactor)
  for (const warning of warnings) console.warning(warning)
  const target = await findTarget(values, settings, redactor, console)
  record.know({ context: target.context })
  const { flux } = target.tools
  const tools = { ...target.tools, flux: flux !== undefined && (await isInstalled(flux, childEnvironment())) ? flux : undefined }
  const session = await openSession({ tools, context: target.context, kubeconfig: target.kubeconfig, console, timeout, signal })
  let lock: Lock | undefined
  try {
    record.know({ server: session.access.server })
    const holder = holderOf(record.runId)
    const lockNamespace = settings.LOCK_NAMESPACE ?? 'kube-system'
    await verifyUnlocked(session.cluster, lockNamespace, holder)
    const { steps, commit } = await operation.prepare({ session, target, settings, redactor, own })
    record.know({ commit })
    const consent: Consent = values['dry-run'] === true ? 'dry-run' : values.yes === true ? 'given' : canAsk() ? 'ask' : 'none'
    const verifyMayWrite = async (): Promise<void> => {
      if (lock === undefined) throw new OperatorError('a write was tried before the lock was taken')
      await lock.verifyHeld()
    }
    const run: Run = {
      id: record.runId,
      script: operation.name,
      context: target.context,
      place: `${target.context} (${target.isLab ? 'the lab' : 'a real cluster'}, ${session.access.server})`,
      console,
      timeout,
      signal,
      clean: redactor.clean,
      cluster: guarded(session.cluster, verifyMayWrite),
    }
    const begin = async (): Promise<void> => {
      lock = await acquireLock(session.cluster, session.parting, lockNamespace, holder)
      record.keepIn(target.runs)
    }
    const result = await carryOut(steps, run, consent, begin, (title) => lock?.setPhase(title))
    if (result.outcome === 'done' || result.outcome === 'unchanged') {
      if (result.outcome === 'unchanged') console.success('nothing to do: everything is as Git says')
      console.line()
      for (const line of await operation.summarize(run, target)) console.line(line)
    }
    return result
  } finally {
    await lock?.release().catch((error: unknown) => console.warning(`the lock was not released; it lapses by itself: ${String(error)}`))
    await session.close()
  }
}

/** Tells how it ended, on the console, in the reports and, where asked for, as JSON. */
function conclude(result: Result, record: Record, console: Console, redactor: Redactor, args: readonly string[]): number {
  const told = result.failure === undefined ? undefined : explain(result.failure, args.includes('--verbose'))
  if (told !== undefined) {
    console.failure(told.message)
    if (told.remedy !== undefined) console.line(`  → ${told.remedy}`)
    if (told.stack !== undefined) console.faint(told.stack)
  }
  const error = told === undefined ? undefined : { message: told.message, ...(told.remedy === undefined ? {} : { remedy: told.remedy }) }
  const { document, path } = record.conclude(result, error)
  if (path !== undefined) console.faint(`report: ${path}/report.md`)
  if (args.includes('--json')) process.stdout.write(redactor.clean(showJson(document)))
  return document.exitCode
}
