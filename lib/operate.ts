import { guarded } from './cluster/guarded.ts'
import { isInstalled } from './command.ts'
import { type Console, createConsole } from './console.ts'
import { parseDuration } from './duration.ts'
import { childEnvironment } from './environment.ts'
import { OperatorError } from './errors.ts'
import { type Flags, only, parseFlags, type Values } from './flags.ts'
import { showHelp, showVersion } from './help.ts'
import { chooseRun, verifySameCluster } from './identity.ts'
import { acquireLock, holderOf, type Lock, verifyUnlocked } from './lock.ts'
import { carryOut, type Consent, failedWith, type Result } from './procedure.ts'
import { canAsk } from './prompt.ts'
import { createRedactor, type Redactor } from './redactor.ts'
import { openRecord, type RunRecord } from './record.ts'
import { registryLoginOf } from './registry-login.ts'
import { showJson } from './report.ts'
import type { Run } from './run.ts'
import { rememberCluster } from './runs.ts'
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
  resume: { type: 'string', value: 'RUN', help: 'go on with an interrupted run, the last one if none is named', optional: true },
  fresh: { type: 'boolean', help: 'start anew, although a run was interrupted' },
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
  readonly prepare: (surroundings: Surroundings<F>) => Promise<{
    steps: Step[]
    commit: string
    /** What people should know before they consent. */
    notices?: readonly string[]
  }>
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
    const given: Readonly<Record<string, string | boolean | undefined>> = parseFlags(operation.name, flags, args).values
    const shared = only(clusterFlags, given)
    if (shared.help === true) return showHelp(operation.name, operation.summary, flags)
    if (shared.version === true) return await showVersion()
    result = await perform(operation, shared, only(operation.flags, given), {
      redactor,
      record,
      console,
      signal,
      isNewCluster: given['new-cluster'] === true,
    })
  } catch (thrown) {
    result = failedWith(thrown, signal)
  }
  return conclude(result, record, console, redactor, args)
}

interface Stage {
  readonly redactor: Redactor
  readonly record: RunRecord
  readonly console: Console
  readonly signal: AbortSignal
  /** The person says that the context's name means another cluster now. */
  readonly isNewCluster: boolean
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
  const target = await findTarget(values, settings, redactor, console, signal)
  record.know({ context: target.context })
  const registry = registryLoginOf(settings)
  if (registry.password !== undefined) redactor.hide(`${registry.username}:${registry.password}`) // as registries' logins are written
  const { flux } = target.tools
  const tools = { ...target.tools, flux: flux !== undefined && (await isInstalled(flux, childEnvironment())) ? flux : undefined }
  const session = await openSession({ tools, registry, context: target.context, kubeconfig: target.kubeconfig, console, timeout, signal })
  let lock: Lock | undefined
  try {
    const { server } = session.access
    const { uid } = session
    record.know({ server, uid })
    const isDryRun = values['dry-run'] === true
    const place = { home: target.runs, context: target.context, server, uid }
    // A lab's clusters are made anew under the same names all the time.
    await verifySameCluster(place, target.isLab || stage.isNewCluster)
    const earlier = isDryRun ? undefined : await chooseRun(place, operation.name, values.resume, values.fresh === true)
    if (earlier !== undefined) {
      record.continueAs(earlier.runId)
      console.action(`going on with the run ${earlier.runId}`)
    }
    const holder = holderOf(record.runId())
    const lockNamespace = settings.LOCK_NAMESPACE ?? 'kube-system'
    if (!isDryRun) await verifyUnlocked(session.cluster, lockNamespace, holder)
    const { steps, commit, notices = [] } = await operation.prepare({ session, target, settings, redactor, own })
    for (const notice of notices) console.warning(notice)
    record.know({ commit })
    const consent: Consent = isDryRun ? 'dry-run' : values.yes === true ? 'given' : canAsk() ? 'ask' : 'none'
    const verifyMayWrite = async (): Promise<void> => {
      if (lock === undefined) throw new OperatorError('a write was tried before the lock was taken')
      await lock.verifyHeld()
    }
    const run: Run = {
      id: record.runId(),
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
      if (lock !== undefined) return
      lock = await acquireLock(session.cluster, session.parting, lockNamespace, holder)
      record.keepIn(target.runs)
      rememberCluster(target.runs, target.context, { uid, server })
    }
    // An interrupted run left its lock and its memory behind: they are taken up even if nothing is left to do.
    if (earlier !== undefined) await begin()
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
function conclude(result: Result, record: RunRecord, console: Console, redactor: Redactor, args: readonly string[]): number {
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
