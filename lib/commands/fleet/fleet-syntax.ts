import { OperatorError } from '../../base/errors.ts'
import { ownAt } from '../../base/json-object.ts'
import { nearest } from '../../base/nearest.ts'
import { scriptCall } from '../../base/shell-line.ts'
import { clusterFlags } from '../../runner/command-line.ts'
import { type Flags, only, parseFlags, type RefusedFlags } from '../../terminal/flags.ts'
import type { HelpPage } from '../../terminal/help.ts'
import type { FleetCommand, FleetCommands, GivenFlags } from './fleet-commands.ts'

const { context: _context, cluster: _cluster, ...clusterShared } = clusterFlags
const fromFile = {
  context: 'FILE has the context of each cluster',
  cluster: 'FILE has the folder of each cluster',
} as const satisfies RefusedFlags

/** Where the engine kubernetes has its Jobs. */
const placeFlags = {
  on: { type: 'string', value: 'CONTEXT', help: 'engine kubernetes: the kubeconfig context of the management cluster' },
  namespace: { type: 'string', value: 'NAME', help: 'engine kubernetes: the namespace there (default: flux-runbook)' },
} as const satisfies Flags

/** What the fleet takes beside the flags of the command. */
const ownFlags = {
  fleet: { type: 'string', value: 'FILE', help: 'the clusters and their waves', required: 'required unless --resume' },
  engine: {
    type: 'string',
    value: 'local|kubernetes',
    help: 'what runs the clusters: this machine (default), or Jobs on a management cluster',
  },
  ...placeFlags,
  detach: { type: 'boolean', help: 'engine kubernetes: return as soon as the run has started there' },
  wave: { type: 'string', value: 'NAME,…', help: 'only these waves, in the order of FILE' },
  ...clusterShared,
  lab: { type: 'boolean', help: 'the contexts are clusters of the lab on this machine, started if necessary' },
  yes: { type: 'boolean', help: 'consent to all changes on every cluster, except destructive steps' },
  destroy: {
    type: 'string',
    value: 'NAME,…|sha256:DIGEST',
    help: 'consent to destructive steps: the names of all clusters, or the digest of FILE that the plan shows',
  },
  'dry-run': { type: 'boolean', help: 'print the waves and check every context; start nothing' },
  resume: { type: 'string', value: 'RUN', help: 'resume a run of the fleet; without RUN, the last one', optional: true },
  fresh: { type: 'boolean', help: 'start over instead of resuming an interrupted run' },
} as const satisfies Flags
/** What holds for every cluster, and is remembered with the run. */
const rememberedFlags = {
  lab: ownFlags.lab,
  kubeconfig: ownFlags.kubeconfig,
  timeout: ownFlags.timeout,
  verbose: ownFlags.verbose,
  fresh: ownFlags.fresh,
} as const satisfies Flags
const statusFlags = {
  ...placeFlags,
  kubeconfig: ownFlags.kubeconfig,
  lab: ownFlags.lab,
  json: ownFlags.json,
  verbose: ownFlags.verbose,
  help: ownFlags.help,
  version: ownFlags.version,
} as const satisfies Flags
/** Of a resumed run, which knows its command and FILE. */
const { fleet: _fleet, engine: _engine, wave: _wave, 'dry-run': _dry, fresh: _fresh, ...resumeFlags } = ownFlags

/** What was asked of the fleet, as the words say it. */
export type FleetCall =
  | { readonly is: 'help'; readonly page: HelpPage }
  | { readonly is: 'version' }
  | { readonly is: 'status'; readonly run: string; readonly given: GivenFlags }
  /** In a pod of the engine kubernetes: carries the run out. */
  | { readonly is: 'conduct'; readonly run: string }
  /** In a pod of a wave's Job: works on one cluster. */
  | { readonly is: 'work' }
  | {
      readonly is: 'run'
      /** Undefined where a run is resumed that knows its command. */
      readonly name: string | undefined
      readonly given: GivenFlags
      readonly own: GivenFlags
      /** What holds for every cluster: `lab`, `kubeconfig`, `timeout`, `verbose`, `fresh`. */
      readonly shared: GivenFlags
    }

/**
 * Parses the words after the script's name, which begin with the command.
 * @throws OperatorError `usage`, naming the nearest right word
 */
export function parseFleetCall(commands: FleetCommands, args: readonly string[]): FleetCall {
  const [first = '--', ...rest] = args
  const name = first.startsWith('-') ? undefined : first
  if (name === undefined) return parseBare(commands, args)
  if (name === 'status') return parseStatus(rest)
  if (name === 'work') return { is: 'work' }
  if (name === 'conduct') return { is: 'conduct', run: rest[0] ?? '' }
  const command = ownAt(commands, name)
  if (command === undefined) {
    const names = [...Object.keys(commands), 'status']
    const close = nearest(name, names)
    throw usage(`fleet has no command ${name}; ${close === undefined ? `there are ${names.join(', ')}` : `did you mean ${close}?`}`)
  }
  const flags = { ...command.flags, ...withoutRefused(ownFlags, command.refuses) }
  const { values } = parseFlags('fleet', flags, rest, 0, { ...fromFile, ...command.refuses })
  const given: GivenFlags = values
  if (given.help === true) return { is: 'help', page: pageOf(name, command, flags) }
  if (given.version === true) return { is: 'version' }
  verifyEngine(given)
  const isResumed = given.resume !== undefined
  if (isResumed && given.fresh === true) throw usage('--resume and --fresh exclude each other')
  if (!isResumed && given.fleet === undefined) throw usage('which fleet? --fleet is mandatory', '--fleet FILE')
  return { is: 'run', name, given, own: only(command.flags, given), shared: only(rememberedFlags, given) }
}

function parseBare(commands: FleetCommands, args: readonly string[]): FleetCall {
  const given: GivenFlags = parseFlags('fleet', ownFlags, args, 0, fromFile).values
  if (given.help === true) return { is: 'help', page: overview(commands) }
  if (given.version === true) return { is: 'version' }
  if (given.resume === undefined) {
    throw usage(`which command? There are ${[...Object.keys(commands), 'status'].join(', ')}`)
  }
  parseFlags('fleet', resumeFlags, args, 0, {
    fleet: 'a resumed run uses its own FILE',
    engine: 'a resumed run keeps its engine',
    wave: 'a resumed run uses its own waves',
    'dry-run': 'fleet status shows what is left',
    fresh: 'it excludes --resume',
  })
  return { is: 'run', name: undefined, given, own: {}, shared: only(rememberedFlags, given) }
}

function parseStatus(args: readonly string[]): FleetCall {
  const { values, words } = parseFlags('fleet', statusFlags, args, 1)
  const given: GivenFlags = values
  if (given.help === true) {
    const summary = 'Shows the progress of a run of the fleet; without RUN, the last one.'
    return {
      is: 'help',
      page: { script: 'fleet', summary, usage: 'status [RUN]', flags: statusFlags, examples: ['status', 'status --json'] },
    }
  }
  return given.version === true ? { is: 'version' } : { is: 'status', run: words[0] ?? '', given }
}

function verifyEngine({ engine, on, namespace, detach, lab, resume }: GivenFlags): void {
  if (engine !== undefined && engine !== 'local' && engine !== 'kubernetes') {
    throw usage(`there is no engine ${String(engine)}; there are local and kubernetes`, '--engine kubernetes')
  }
  if (engine === 'kubernetes') {
    if (on === undefined) throw usage('which cluster runs the Jobs? --on is mandatory', '--on CONTEXT')
    if (lab === true) {
      throw usage(
        '--lab works only with the engine local: a pod has no lab',
        'eval "$(npx zx scripts/lab.ts env)", then --on lab-infra without --lab',
      )
    }
    return
  }
  if (resume !== undefined) return
  const alone = Object.entries({ on, namespace, detach }).find(([, value]) => value !== undefined)?.[0]
  if (alone !== undefined) throw usage(`--${alone} is for the engine kubernetes`, '--engine kubernetes')
}

function usage(what: string, remedy = scriptCall('fleet', ['--help'])): OperatorError {
  return new OperatorError(what, { kind: 'usage', remedy })
}

function withoutRefused(flags: Flags, refuses: RefusedFlags = {}): Flags {
  return Object.fromEntries(Object.entries(flags).filter(([name]) => refuses[name] === undefined))
}

function overview(commands: FleetCommands): HelpPage {
  const lists = Object.fromEntries(Object.entries(commands).map(([name, { summary }]) => [name, summary]))
  return {
    script: 'fleet',
    summary: 'Runs one command on many clusters, in waves: a canary first, then several at a time.',
    usage: 'COMMAND --fleet FILE',
    flags: ownFlags,
    lists: { 'Commands (COMMAND --help has their own flags)': { ...lists, status: 'Shows the progress of a run of the fleet.' } },
    examples: ['health-check --fleet fleet.yaml', 'upgrade --fleet fleet.yaml --to 2.9.5 --yes', 'status', '--resume --yes'],
  }
}

function pageOf(name: string, { summary, usage: own = '', example }: FleetCommand, flags: Flags): HelpPage {
  return {
    script: 'fleet',
    summary: `${summary} On many clusters, in waves.`,
    usage: `${name} --fleet FILE ${own}`.trim(),
    flags,
    examples: [`${name} --fleet fleet.yaml ${example}`.trim(), `${name} --fleet fleet.yaml ${`${example} --dry-run`.trim()}`],
  }
}
