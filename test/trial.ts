import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseLabCall } from '../lab/command-line.ts'
import { projectRoot } from '../lib/base/paths.ts'
import { commandsIn, type ShellCommand } from '../lib/commands/validate/shell-words.ts'

/** A printed command of a program that is not ours, in the form in which it can be run without changing anything. */
export interface Trial {
  readonly program: 'kubectl' | 'flux' | 'helm' | 'git'
  readonly words: readonly string[]
  /** What it has in common with others of its kind: the verb, the kind of object, the flags. One of each is enough. */
  readonly shape: string
}

const reading = {
  kubectl: ['get', 'describe', 'logs', 'version', 'api-resources', 'explain', 'auth', 'config', 'events', 'top'],
  flux: ['get', 'check', 'logs', 'events', 'export', 'trace', 'tree', 'stats', 'version'],
  helm: ['list', 'history', 'status', 'get'],
  git: [],
} as const
/** kubectl's verbs that take a dry run, of which the server says whether it would do it. */
const dryRun = ['annotate', 'create', 'delete', 'label', 'patch', 'scale']

/** The commands of a printed line; the lab's kubectl is one of kubectl. */
export function knownCommandsIn(line: string): ShellCommand[] {
  return commandsIn(line).map(unwrapped)
}

/** The trials that a printed line holds; several where it is a pipe. */
export function trialsOf(line: string): Trial[] {
  return knownCommandsIn(line).flatMap(({ program, words }) => {
    if (program !== 'kubectl' && program !== 'flux' && program !== 'helm' && program !== 'git') return []
    if (!/^[a-z]/.test(bare(withoutCluster(words))[0] ?? '')) return [] // `kubectl -- ARGUMENTS`
    return [{ program, words: harmless(program, words), shape: shapeOf(program, words) }]
  })
}

/** The lab's kubectl is called by its script, which is not started for this. */
function unwrapped({ program, words }: ShellCommand): ShellCommand {
  if (program !== 'npx' || words[1] !== 'scripts/lab.ts' || words[2] !== 'kubectl') return { program: basename(program), words }
  const call = parseLabCall(words.slice(2))
  return { program: 'kubectl', words: call.is === 'command' ? call.rest : [] }
}

function harmless(program: Trial['program'], given: readonly string[]): readonly string[] {
  const words = withoutCluster(given)
  const [verb = ''] = bare(words)
  if (program === 'git') return [verb, '-h']
  const isWhole = !words.some((word) => word.includes('$(') || /^(-f|--follow|-w|--watch|-)$/.test(word))
  if (isWhole && reading[program].some((one) => one === verb)) return words
  const readsFile = words.some((word) => /^(-f|--filename|--from-(file|env-file)|--raw)\b/.test(word))
  const isKubectl = program === 'kubectl' && isWhole
  const flag =
    isKubectl && verb === 'wait' ? '--timeout=0' : isKubectl && dryRun.includes(verb) && !readsFile ? '--dry-run=server' : '--help'
  const end = words.includes('--') ? words.indexOf('--') : words.length // what comes after that is for another program
  return [...words.slice(0, end), flag, ...words.slice(end)]
}

/** Without the flags that name the cluster, and their values: who tries it names the lab's. */
function withoutCluster(words: readonly string[]): string[] {
  const isNamed = (word = ''): boolean => /^--(context|kube-context|kubeconfig)$/.test(word)
  return words.filter((word, at) => !isNamed(word) && !isNamed(words[at - 1]) && !/^--(context|kube-context|kubeconfig)=/.test(word))
}

/** The words that are neither flags nor, as far as one can see, their values. */
function bare(words: readonly string[]): string[] {
  return words.filter((word, at) => !word.startsWith('-') && !/^(--[^=]*|-[a-z])$/.test(words[at - 1] ?? ''))
}

function shapeOf(program: Trial['program'], given: readonly string[]): string {
  const words = withoutCluster(given)
  const [verb = '', kind = '', third = ''] = bare(words)
  const kinds =
    program === 'git' || program === 'helm' ? [] : [kind.split('/')[0] ?? '', ...(/^(source|secret|image)$/.test(kind) ? [third] : [])]
  const named = kind === 'secret' && program === 'kubectl' ? kinds.slice(0, verb === 'create' ? 2 : 1) : kinds
  const flags = words.filter((word) => word.startsWith('-')).map((word) => word.split('=')[0] ?? '')
  return [program, verb, ...named, ...[...new Set(flags)].sort()].filter((word) => word !== '').join(' ')
}

const fixture = 'test/fixtures/printed-commands.txt'

/** The commands that the lab tries, one of each shape. */
export function knownTrials(): Trial[] {
  return readFileSync(join(projectRoot, fixture), 'utf8').split('\n').flatMap(trialsOf)
}

/** Those of the printed commands whose shape is not among them. */
export function unknownTrials(commands: readonly string[]): Trial[] {
  return commands.flatMap(trialsOf).filter(({ shape }) => !known.has(shape))
}
const known = new Set(knownTrials().map(({ shape }) => shape))
