import { clusterFlags } from './cluster-flags.ts'
import { isInstalled } from './command.ts'
import { type Console, createConsole } from './console.ts'
import { parseDuration } from './duration.ts'
import { childEnvironment } from './environment.ts'
import { exitCodes, OperatorError } from './errors.ts'
import { type Flags, only, parseFlags, type Values } from './flags.ts'
import { showHelp, showVersion } from './help.ts'
import { failedWith } from './procedure.ts'
import { createRedactor, type Redactor } from './redactor.ts'
import { type Ending, openRecord, type RunRecord } from './record.ts'
import { registryLoginOf } from './registry-login.ts'
import { type Document, showJson } from './report.ts'
import { explain, interruptible } from './script.ts'
import { openSession, type Session } from './session.ts'
import { readSettings, type Settings } from './settings.ts'
import { findTarget, type Target } from './target.ts'

/** One cluster, reached, and all that a script works with there. */
export interface Stage<F extends Flags> {
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
  readonly record: RunRecord
}

/** A script that looks at clusters or changes them. */
export interface Script<F extends Flags> {
  readonly name: string
  /** One sentence for --help. */
  readonly summary: string
  readonly flags: F
  /** Whether `--context` may name several clusters. */
  readonly isForSeveral?: boolean
  readonly perform: (stage: Stage<F>) => Promise<Ending>
}

/**
 * Runs a script on the cluster, or on one after the other of the clusters, that `--context` names, from the words on the command line to
 * the exit code; stops at the first cluster where it fails.
 */
export async function onClusters<F extends Flags>(script: Script<F>, args: readonly string[]): Promise<number> {
  const redactor = createRedactor()
  const signal = interruptible()
  const flags: Flags = { ...script.flags, ...clusterFlags }
  const documents: Document[] = []
  let contexts: readonly (string | undefined)[] = [undefined]
  let given: Readonly<Record<string, string | boolean | undefined>> = {}
  let usage: unknown
  try {
    given = parseFlags(script.name, flags, args).values
    if (given.help === true) return showHelp(script.name, script.summary, flags)
    if (given.version === true) return await showVersion()
    contexts = contextsOf(script, only(clusterFlags, given))
  } catch (thrown) {
    usage = thrown
  }
  for (const context of contexts) {
    const record = openRecord(script.name, redactor.clean)
    const console = createConsole({ clean: redactor.clean, log: record.log })
    let ending: Ending
    try {
      if (usage !== undefined) throw usage
      if (contexts.length > 1) console.action(`${script.name} on ${context ?? ''}`)
      const shared = { ...only(clusterFlags, given), ...(context === undefined ? {} : { context }) }
      const isOneOfSeveral = contexts.length > 1
      ending = await onCluster(script, shared, only(script.flags, given), { redactor, record, console, signal, isOneOfSeveral })
    } catch (thrown) {
      ending = failedWith(thrown, signal, record.isContinued())
    }
    documents.push(conclude(ending, record, console, given.verbose === true || args.includes('--verbose')))
    if (documents.at(-1)?.exitCode !== exitCodes.done) break
  }
  const exitCode = documents.find((document) => document.exitCode !== exitCodes.done)?.exitCode ?? exitCodes.done
  if (args.includes('--json')) {
    const several = { schemaVersion: 1, script: script.name, exitCode, runs: documents }
    process.stdout.write(redactor.clean(showJson(contexts.length > 1 ? several : documents[0])))
  }
  return exitCode
}

function contextsOf<F extends Flags>(script: Script<F>, shared: Values<typeof clusterFlags>): readonly (string | undefined)[] {
  const contexts = shared.context?.split(',') ?? []
  if (contexts.length <= 1) return [shared.context]
  const refuse = (what: string, remedy: string): OperatorError => new OperatorError(what, { kind: 'usage', remedy })
  if (script.isForSeveral !== true) throw refuse(`${script.name} works on one cluster at a time`, `--context ${contexts[0]}`)
  if (new Set(contexts).size < contexts.length || contexts.includes('')) {
    throw refuse(`--context ${shared.context} names a cluster twice, or none`, '--context infra,apps')
  }
  if (shared.cluster !== undefined) {
    throw refuse('--cluster names one folder, but --context names several clusters', `--context ${contexts[0]} --cluster ${shared.cluster}`)
  }
  return contexts
}

async function onCluster<F extends Flags>(
  script: Script<F>,
  shared: Values<typeof clusterFlags>,
  own: Values<F>,
  surroundings: Pick<Stage<F>, 'redactor' | 'record' | 'console' | 'signal' | 'isOneOfSeveral'>,
): Promise<Ending> {
  const { redactor, record, console, signal } = surroundings
  const timeout = parseDuration(shared.timeout ?? '10m') ?? 0
  const { settings, warnings } = await readSettings(redactor, { isLab: shared.lab === true })
  for (const warning of warnings) console.warning(warning)
  const target = await findTarget(shared, settings, redactor, console, signal)
  record.know({ context: target.context })
  const registry = registryLoginOf(settings)
  if (registry.password !== undefined) redactor.hide(`${registry.username}:${registry.password}`) // as registries' logins are written
  const { flux } = target.tools
  const tools = { ...target.tools, flux: flux !== undefined && (await isInstalled(flux, childEnvironment())) ? flux : undefined }
  const session = await openSession({ tools, registry, context: target.context, kubeconfig: target.kubeconfig, console, timeout, signal })
  try {
    record.know({ server: session.access.server, uid: session.uid })
    return await script.perform({ ...surroundings, session, target, settings, timeout, shared, own })
  } finally {
    await session.close()
  }
}

/** Tells how it ended, on the console and in the reports; returns the document of it. */
function conclude(ending: Ending, record: RunRecord, console: Console, verbose: boolean): Document {
  const told = ending.failure === undefined ? undefined : explain(ending.failure, verbose)
  if (told !== undefined) {
    console.failure(told.message)
    if (told.remedy !== undefined) console.line(`  → ${told.remedy}`)
    if (told.stack !== undefined) console.faint(told.stack)
  }
  const error = told === undefined ? undefined : { message: told.message, ...(told.remedy === undefined ? {} : { remedy: told.remedy }) }
  const { document, path } = record.conclude(ending, error)
  if (path !== undefined) console.faint(`report: ${path}/report.md`)
  return document
}
