import * as v from 'valibot'
import { exitCodes } from '../../base/errors.ts'
import { flagWords } from '../../base/shell-line.ts'
import type { FleetCluster } from './fleet-file.ts'
import type { FleetCommand, GivenFlags } from './fleet-commands.ts'
import type { ClusterEnd } from './fleet-run.ts'

/** What the person has consented to, on every cluster. */
export interface FleetConsent {
  readonly changes: boolean
  readonly destroys: boolean
}

/** Flags of the fleet that every cluster's script gets as they are. */
const passedOn = ['lab', 'kubeconfig', 'timeout', 'verbose'] as const

interface CallOptions {
  readonly command: FleetCommand
  readonly own: GivenFlags
  readonly shared: GivenFlags
  readonly consent: FleetConsent
  /** The cluster's own run that is resumed. */
  readonly resume: string | undefined
}

/** The words after the script's name that carry the command out on one cluster. */
export function wordsFor(cluster: FleetCluster, { command, own, shared, consent, resume }: CallOptions): string[] {
  const begins = command.isResumable && shared.fresh === true ? ['--fresh'] : []
  return [
    ...addressOf(cluster, shared),
    ...flagWords(inFolders(own, command.folders ?? [])),
    '--json',
    ...(consent.changes ? ['--yes'] : []),
    ...(consent.destroys ? [`--destroy=${cluster.context}`] : []),
    ...(resume === undefined ? begins : [`--resume=${resume}`]),
  ]
}

/** The words of the health check that ends a soak. */
export function checkWordsFor(cluster: FleetCluster, shared: GivenFlags): string[] {
  return [...addressOf(cluster, shared), '--json']
}

/** The flags that name the cluster, and those that hold for all of the fleet. */
export function addressOf({ context, cluster }: FleetCluster, shared: GivenFlags): string[] {
  return flagWords({ context, cluster, ...Object.fromEntries(passedOn.map((name) => [name, shared[name]])) })
}

/** A slash at the end says that a place is a folder, for several files. */
function inFolders(own: GivenFlags, folders: readonly string[]): GivenFlags {
  return Object.fromEntries(
    Object.entries(own).map(([name, value]) => [
      name,
      folders.includes(name) && typeof value === 'string' && !value.endsWith('/') ? `${value}/` : value,
    ]),
  )
}

const text = v.string()
const documentSchema = v.looseObject({
  outcome: text,
  exitCode: v.number(),
  runId: v.optional(text),
  from: v.optional(text),
  to: v.optional(text),
  flux: v.optional(v.looseObject({ version: v.optional(v.nullable(text)) })),
  error: v.optional(v.object({ message: text, remedy: v.optional(text) })),
})

/**
 * How a script ended on a cluster.
 * @param end its exit code, or the signal that ended it
 * @param stdout its JSON document, where it came to write one
 * @param last what it said last on stderr
 */
export function endOf(end: number | NodeJS.Signals, stdout: string, last: string): ClusterEnd {
  const read = v.safeParse(v.pipe(text, v.parseJson(), documentSchema), stdout)
  if (!read.success || read.output.exitCode !== end) {
    const how = typeof end === 'number' ? `ended with exit code ${end}` : `was ended by ${end}`
    const message = `the script ${how} without a document${last === '' ? '' : `; its last output: ${last}`}`
    return { outcome: 'failed', exitCode: typeof end === 'number' && end !== 0 ? end : exitCodes.failed, runId: null, error: { message } }
  }
  const { outcome, exitCode, runId = null, error } = read.output
  const version = versionIn(read.output)
  return {
    outcome,
    exitCode,
    runId,
    ...(version === undefined ? {} : { version }),
    ...(error === undefined ? {} : { error: { message: error.message, ...(error.remedy === undefined ? {} : { remedy: error.remedy }) } }),
  }
}

/** The version of Flux that the document proves to run. */
function versionIn({ outcome, from, to, flux }: v.InferOutput<typeof documentSchema>): string | undefined {
  const seen = flux?.version ?? (outcome === 'rolled-back' ? from : ['done', 'unchanged'].includes(outcome) ? to : undefined)
  return seen?.replace(/^v/, '')
}

/** What a script works on, of a line that it says: `◎ Follow the rollout: …`; undefined for lines that are not progress. */
export function stepIn(line: string): string | undefined {
  return /^[◎►] (.+)$/u.exec(line)?.[1]
}
