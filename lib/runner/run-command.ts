import { addressed, inAdvice } from '../connection/address-commands.ts'
import { firstCause } from '../base/first-cause.ts'
import { ApiError } from '../kubernetes/http.ts'
import { isInstalled } from '../process/installed-programs.ts'
import { type Console, createConsole } from '../terminal/console.ts'
import { parseDuration } from '../base/duration.ts'
import { childEnvironment } from '../process/environment.ts'
import { exitCodes } from '../base/errors.ts'
import { ensureOwnFolder, forRuns } from '../base/own-folder.ts'
import { type Flags, only, type Values } from '../terminal/flags.ts'
import { type ClusterSettings, showDifferences } from './differences.ts'
import { showHelp, showVersion } from '../terminal/help.ts'
import { clusterFlags, type CommandSyntax, contextsOf, helpPageOf, parseCommand } from './command-line.ts'
import { failedWith } from './execute.ts'
import { createRedactor, type Redactor } from '../base/redactor.ts'
import { openJournal, type RunJournal } from './run-journal.ts'
import { findOtherRuns, reportOtherRuns } from './other-runs.ts'
import type { LockHolder } from './lock.ts'
import { type RunResult } from './run-result.ts'
import { type Document, showJson } from './report.ts'
import { flagWords, sameCall, withWholeCommands } from '../base/shell-line.ts'
import { explain, interruptible } from '../terminal/main.ts'
import { openSession, type Session } from '../connection/session.ts'
import { readSettings, type Settings } from '../connection/settings.ts'
import { findTarget, inGitOf, type Target } from '../connection/target.ts'
import { overallVerdict, verdictOf } from './verdict.ts'

/** One cluster, reached, and all that a script works with there. */
export interface CommandContext<F extends Flags> {
  readonly session: Session
  readonly target: Target
  readonly settings: Settings
  readonly redactor: Redactor
  readonly console: Console
  readonly signal: AbortSignal
  /** The longest any one wait may take, in milliseconds. */
  readonly timeout: number
  /** The flags that all scripts take. */
  readonly shared: Values<typeof clusterFlags>
  /** The script's own flags. */
  readonly own: Values<F>
  /** `--context` names more clusters than this one. */
  readonly isOneOfSeveral: boolean
  readonly record: RunJournal
  /** Another run that changes this cluster now. */
  readonly atWork: LockHolder | undefined
  /** The command that was typed, for this cluster, with these flags too: `again('--resume')`. */
  readonly again: (...flags: readonly string[]) => string
}

/** A script that checks clusters or changes them. */
export interface Script<F extends Flags> extends CommandSyntax<F> {
  readonly perform: (stage: CommandContext<F>) => Promise<RunResult>
  /** Throws usage errors that need no cluster to be seen: before one is asked, or the lab started. */
  readonly verifyFlags?: ((own: Values<F>, given: Pick<CommandContext<F>, 'shared' | 'again'>) => void) | undefined
  /** Whether these flags say what the cluster's folder says otherwise. */
  readonly isWithoutFolder?: ((own: Values<F>) => boolean) | undefined
}

/**
 * Runs a script on the cluster, or on one after the other of the clusters, that `--context` names, from the words on the command line to
 * the exit code; stops at the first cluster where it fails.
 */
export async function runCommand<F extends Flags>(script: Script<F>, args: readonly string[]): Promise<number> {
  const redactor = createRedactor()
  const signal = interruptible()
  const documents: Document[] = []
  const compared: ClusterSettings[] = []
  let contexts: readonly (string | undefined)[] = [undefined]
  let given: Readonly<Record<string, string | boolean | undefined>> = {}
  let usage: unknown
  try {
    given = parseCommand(script, args)
    if (given.help === true) return showHelp(helpPageOf(script))
    if (given.version === true) return await showVersion()
    contexts = contextsOf(script, given)
  } catch (thrown) {
    usage = thrown
  }
  const isJson = args.includes('--json')
  const answers = isJson ? process.stderr : process.stdout
  for (const context of contexts) {
    const record = openJournal(script.name, redactor.clean)
    const console = createConsole({ clean: redactor.clean, log: record.log, answers })
    const named = context === undefined ? {} : { context }
    const again = (...flags: readonly string[]): string => sameCall(script.name, { ...given, ...named }, flags)
    const isOneOfSeveral = contexts.length > 1
    let target: Target | undefined
    const reached = (found: Target): void => {
      target = found
    }
    let ending: RunResult
    try {
      if (usage !== undefined) throw usage
      if (documents.length > 0) console.answer.line()
      const shared = { ...only(clusterFlags, given), ...named }
      const stage = { redactor, record, console, signal, isOneOfSeveral, again }
      ending = await onCluster(script, shared, only(script.flags, given), stage, reached)
    } catch (thrown) {
      ending = failedWith(thrown, signal, again, { earlier: record.earlierSteps() })
    }
    if (ending.settings !== undefined) compared.push({ context: context ?? '', settings: ending.settings })
    documents.push(
      conclude(ending, {
        record,
        console,
        target,
        again: usage === undefined ? again : undefined,
        isVerbose: given.verbose === true || args.includes('--verbose'),
      }),
    )
    if (documents.at(-1)?.exitCode !== exitCodes.done) break
  }
  const exitCode = documents.find((document) => document.exitCode !== exitCodes.done)?.exitCode ?? exitCodes.done
  const console = createConsole({ clean: redactor.clean, answers })
  const differences = compared.length > 1 ? { differences: showDifferences(console.answer, compared) } : {}
  if (contexts.length > 1) sayOverall(console, documents, contexts)
  if (isJson) {
    const several = { schemaVersion: 1, script: script.name, exitCode, runs: documents, ...differences }
    process.stdout.write(redactor.clean(showJson(contexts.length > 1 ? several : documents[0])))
  }
  return exitCode
}

async function onCluster<F extends Flags>(
  script: Script<F>,
  shared: Values<typeof clusterFlags>,
  own: Values<F>,
  surroundings: Pick<CommandContext<F>, 'redactor' | 'record' | 'console' | 'signal' | 'isOneOfSeveral' | 'again'>,
  reached: (target: Target) => void,
): Promise<RunResult> {
  const { redactor, record, console, signal, again } = surroundings
  script.verifyFlags?.(own, { shared, again })
  const timeout = parseDuration(shared.timeout ?? '10m') ?? 0
  const { settings, warnings } = await readSettings(redactor, { isLab: shared.lab === true })
  for (const warning of warnings) console.warning(warning)
  const target = await findTarget(shared, settings, redactor, console, signal)
  reached(target)
  for (const warning of ensureOwnFolder(target.runs, forRuns, { isDryRun: shared['dry-run'] === true })) console.warning(warning)
  if (script.needsFolder === true && script.isWithoutFolder?.(own) !== true) inGitOf(target, script.name)
  record.know({ context: target.context, flags: flagWords(own) })
  const { registry } = target
  if (registry.password !== undefined) redactor.hide(`${registry.username}:${registry.password}`) // as registries' logins are written
  const { flux } = target.tools
  const tools = { ...target.tools, flux: flux !== undefined && (await isInstalled(flux, childEnvironment())) ? flux : undefined }
  const session = await openSession({
    tools,
    registry,
    context: target.context,
    kubeconfig: target.kubeconfig,
    console,
    timeout,
    redactor,
    signal,
  })
  try {
    record.know({ server: session.access.server, uid: session.uid })
    const { where, runs: home } = target
    const lockNamespace = settings.LOCK_NAMESPACE ?? 'kube-system'
    const others = await findOtherRuns({ cluster: session.cluster, lockNamespace, home, context: target.context, uid: session.uid })
    reportOtherRuns(others, { where, script: script.name, console })
    return await script.perform({ ...surroundings, session, target, settings, timeout, shared, own, atWork: others.atWork })
  } finally {
    await session.close()
  }
}

/** The message with each of the API's own in it cut after its first cause; the document has it whole. */
export function withoutLongCauses(message: string, thrown: unknown): string {
  if (!(thrown instanceof Error)) return message
  const causes = thrown instanceof AggregateError ? thrown.errors : [thrown.cause]
  const own = thrown instanceof ApiError ? message.replace(thrown.message, () => firstCause(thrown.message)) : message
  return causes.reduce<string>((text, cause) => withoutLongCauses(text, cause), own)
}

interface Conclusion {
  readonly record: RunJournal
  readonly console: Console
  /** Undefined where the run ended before it had found it. */
  readonly target: Target | undefined
  /** Undefined where the words could not be parsed: then the command that was typed is not known. */
  readonly again: CommandContext<Flags>['again'] | undefined
  readonly isVerbose: boolean
}

/** Tells how it ended, on the console and in the reports, in one line and what to do next; returns the document of it. */
function conclude(ending: RunResult, { record, console, target, again, isVerbose }: Conclusion): Document {
  const reported = ending.failure === undefined ? undefined : explain(ending.failure, isVerbose)
  const shown = (advice: string): string => shownAdvice(advice, again, target)
  const error =
    reported === undefined
      ? undefined
      : { message: inAdvice(reported.message, shown), ...(reported.remedy === undefined ? {} : { remedy: shown(reported.remedy) }) }
  const { document, path, lost } = record.conclude(ending, error)
  for (const what of lost) console.warning(what)
  if (path !== undefined) console.faint(`report: ${path}/report.md`)
  const output = ending.isAnswer === true ? console.answer : console
  if (error === undefined) output.success(verdictOf(document, ending.verdict))
  else {
    output.failure(isVerbose ? error.message : withoutLongCauses(error.message, ending.failure))
    for (const line of error.remedy?.split('\n') ?? []) output.line(`  → ${line.trim()}`)
    if (reported?.stack !== undefined) console.faint(reported.stack)
  }
  return document
}

/** Advice as it is printed: commands whole, and with the cluster named in them. */
function shownAdvice(advice: string, again: Conclusion['again'], target: Target | undefined): string {
  const lines = advice.split('\n')
  const whole = again === undefined ? advice : lines.map((line) => withWholeCommands(line, again)).join('\n')
  return target === undefined ? whole : addressed(whole, target)
}

/** The line that sums up several clusters. */
function sayOverall(console: Console, documents: readonly Document[], contexts: readonly (string | undefined)[]): void {
  const { succeeded, text } = overallVerdict(documents, contexts)
  console.answer.line()
  if (succeeded) console.answer.success(text)
  else console.answer.failure(text)
}
