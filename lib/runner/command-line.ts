import { OperatorError } from '../base/errors.ts'
import { type Flags, only, parseFlags, type RefusedFlags, type Values } from '../terminal/flags.ts'
import type { HelpPage } from '../terminal/help.ts'

/** What a script says of itself, and which words it takes. */
export interface CommandSyntax<F extends Flags = Flags> {
  readonly name: string
  /** One sentence for --help. */
  readonly summary: string
  readonly flags: F
  /** What must be given beside the cluster, as the usage line shows it: `--from FILE`. */
  readonly usage?: string
  /** Two or three calls for --help, without the script's name. */
  readonly examples: readonly string[]
  /** Names that a flag's value is chosen from, for --help. */
  readonly lists?: HelpPage['lists']
  /** Flags that scripts share and that mean nothing here, each with the reason. */
  readonly refuses?: RefusedFlags
  /** Whether `--context` may name several clusters. */
  readonly isForSeveral?: boolean
  /** Whether it needs the cluster's folder below kubernetes/clusters, and is of no use without one. */
  readonly needsFolder?: boolean
}

/** The flags of every script that touches a cluster. */
export const clusterFlags = {
  context: { type: 'string', value: 'NAME', help: 'the kubeconfig context', required: 'required unless --lab' },
  cluster: { type: 'string', value: 'NAME', help: 'the folder below kubernetes/clusters, if its name differs from the context' },
  lab: { type: 'boolean', help: 'use the lab on this machine, started if necessary (lab-infra, or --context lab-apps)' },
  kubeconfig: { type: 'string', value: 'FILE', help: 'the kubeconfig; default: KUBECONFIG, then ~/.kube/config' },
  yes: { type: 'boolean', help: 'consent to all changes except destructive steps' },
  destroy: { type: 'string', value: 'NAME', help: 'consent to destructive steps; NAME is the context in use' },
  'dry-run': { type: 'boolean', help: 'print the plan and change nothing' },
  resume: { type: 'string', value: 'RUN', help: 'resume an interrupted run; without RUN, the last one', optional: true },
  fresh: { type: 'boolean', help: 'start over instead of resuming an interrupted run' },
  json: { type: 'boolean', help: 'print the result on stdout as one JSON document' },
  timeout: { type: 'string', value: '10m', help: 'the limit for each single wait', format: 'duration' },
  verbose: { type: 'boolean', help: 'show more details, and stack traces of errors' },
  help: { type: 'boolean', help: 'show this help' },
  version: { type: 'boolean', help: 'show the version' },
} as const satisfies Flags

/** What a script that only reads refuses. */
export const readOnlyRefuses = {
  resume: 'there is nothing to resume, each run checks everything again',
  fresh: 'each run checks everything again',
} as const satisfies RefusedFlags

/** `--context` of a script that takes several. */
const contexts = {
  ...clusterFlags.context,
  value: 'NAME,…',
  help: 'the kubeconfig context; several run in this order, up to the first that fails',
} as const

/** All flags that a script takes: its own, then those that scripts share. */
export function flagsOf({ flags, refuses = {}, isForSeveral = false }: CommandSyntax): Flags {
  const shared = Object.entries(clusterFlags).filter(([name]) => refuses[name] === undefined)
  return { ...flags, ...Object.fromEntries(shared), ...(isForSeveral ? { context: contexts } : {}) }
}

/** Parses the words after the script's name. Throws usage errors that name the nearest right one. */
export function parseCommand(syntax: CommandSyntax, args: readonly string[]): Readonly<Record<string, string | boolean | undefined>> {
  return parseFlags(syntax.name, flagsOf(syntax), args, 0, syntax.refuses).values
}

/** The page that --help shows. */
export function helpPageOf(syntax: CommandSyntax): HelpPage {
  const { name, summary, usage = '', examples, lists = {}, refuses = {}, isForSeveral = false } = syntax
  const where = `(--context ${isForSeveral ? contexts.value : 'NAME'} | --lab)`
  return { script: name, summary, usage: `${where} ${usage}`.trim(), flags: flagsOf(syntax), refuses, examples, lists }
}

/**
 * The clusters that the flags name, one after the other; undefined stands for the lab's usual one.
 * @throws OperatorError `usage` where they name several, and the script or another flag is for one
 */
export function contextsOf(syntax: CommandSyntax, given: Parameters<typeof only>[1]): readonly (string | undefined)[] {
  const shared: Values<typeof clusterFlags> = only(clusterFlags, given)
  const named = shared.context?.split(',') ?? []
  if (named.length <= 1) return [shared.context]
  const refuse = (what: string, remedy: string): OperatorError => new OperatorError(what, { kind: 'usage', remedy })
  if (syntax.isForSeveral !== true) throw refuse(`${syntax.name} works on one cluster at a time`, `--context ${named[0]}`)
  if (new Set(named).size < named.length || named.includes('')) {
    throw refuse(`--context ${shared.context} names a cluster twice, or none`, '--context infra,apps')
  }
  if (shared.cluster !== undefined) {
    throw refuse('--cluster names one folder, but --context names several clusters', `--context ${named[0]} --cluster ${shared.cluster}`)
  }
  return named
}
