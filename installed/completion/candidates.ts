import type { CommandDescription } from '../command-descriptions.ts'
import { shellScripts } from './shell-scripts.ts'

/** A word that may stand there, and what it means. */
export interface Candidate {
  readonly word: string
  readonly meaning: string
}

/** Where the values of flags come from that are this machine's, and not the command's own. */
export interface CompletionValues {
  /** The contexts of the kubeconfig that the flag names, else of the usual one; of the lab where that is asked for. */
  readonly contexts: (kubeconfig: string | undefined, isLab: boolean) => readonly string[]
  /** The folders below kubernetes/clusters. */
  readonly clusters: () => readonly string[]
  /** The runs of a script, the last one first. */
  readonly runs: (script: string, context: string | undefined, isLab: boolean) => readonly string[]
}

type Flags = CommandDescription['flags']

/**
 * What a shell would read otherwise than as a part of one word. bash puts in what it completes as it is: a context or a folder in Git that is
 * called $(…) would be carried out with the call.
 */
const forShell = /[\s\p{Cc}\p{Cf}$`"'\\;&|<>(){}[\]*?!]|^[#~]/u

/**
 * What may stand in place of the last word.
 * @param words those after the program's name; the last one is being typed, and may be empty
 */
export function candidatesFor(words: readonly string[], commands: readonly CommandDescription[], values: CompletionValues): Candidate[] {
  const current = words.at(-1) ?? ''
  return candidatesAt(words.slice(0, -1), current, commands, values).filter(({ word }) => word.startsWith(current) && !forShell.test(word))
}

function candidatesAt(
  before: readonly string[],
  current: string,
  commands: readonly CommandDescription[],
  values: CompletionValues,
): Candidate[] {
  const [name, ...rest] = before
  if (name === undefined) return ofProgram(commands)
  if (name === 'completion') return rest.length === 0 ? Object.keys(shellScripts).map(plain) : []
  const command = commands.find(({ script }) => script === name)
  if (command === undefined || rest.includes('--')) return []
  if (command.commands === undefined) return ofCommand(command, rest, current, values)
  const [sub] = rest
  if (sub === undefined) return Object.entries(command.commands).map(([word, { summary }]) => ({ word, meaning: summary }))
  const own = command.commands[sub]
  return own === undefined ? [] : ofCommand({ ...command, flags: own.flags }, rest.slice(1), current, values)
}

function ofProgram(commands: readonly CommandDescription[]): Candidate[] {
  return [
    ...commands.map(({ script, summary }) => ({ word: script, meaning: summary })),
    { word: 'completion', meaning: 'Prints the code with which a shell completes commands, flags and their values.' },
    { word: '--help', meaning: 'lists the commands' },
    { word: '--version', meaning: 'shows the version' },
  ]
}

function ofCommand(command: CommandDescription, before: readonly string[], current: string, values: CompletionValues): Candidate[] {
  const [, inline] = /^--([a-z][a-z-]*)=/.exec(current) ?? []
  if (inline !== undefined) {
    const start = `--${inline}=`
    return valuesOf(inline, command, before, current.slice(start.length), values).map((word) => plain(`${start}${word}`))
  }
  const last = /^--([a-z][a-z-]*)$/.exec(before.at(-1) ?? '')?.[1]
  const flag = last === undefined ? undefined : command.flags[last]
  if (last !== undefined && flag?.type === 'string' && !(flag.optional === true && current.startsWith('-'))) {
    const found = valuesOf(last, command, before, current, values).map(plain)
    return flag.optional === true ? [...found, ...flagsLeft(command.flags, before)] : found
  }
  return flagsLeft(command.flags, before)
}

/** Those that were not given yet, or may be given again. */
function flagsLeft(flags: Flags, before: readonly string[]): Candidate[] {
  const given = before.map((word) => word.split('=')[0])
  return Object.entries(flags)
    .filter(([name, flag]) => !given.includes(`--${name}`) || (flag.type === 'string' && flag.repeats === true))
    .map(([name, { help }]) => ({ word: `--${name}`, meaning: help }))
}

/** The values of a flag; of a list with commas, what may stand behind those that are there. None where it is the shell that knows, as files. */
function valuesOf(
  name: string,
  command: CommandDescription,
  before: readonly string[],
  current: string,
  values: CompletionValues,
): string[] {
  const flag = command.flags[name]
  const isList = flag?.type === 'string' && flag.value.includes(',')
  const start = isList ? current.slice(0, current.lastIndexOf(',') + 1) : ''
  const taken = start.split(',')
  return allValues(name, command, before, values)
    .filter((word) => !taken.includes(word))
    .map((word) => `${start}${word}`)
}

function allValues(
  name: string,
  { script, flags, lists }: CommandDescription,
  before: readonly string[],
  values: CompletionValues,
): readonly string[] {
  const isLab = before.includes('--lab')
  const flag = flags[name]
  if (flag?.type === 'string' && flag.choices !== undefined) return flag.choices
  const list = Object.entries(lists).find(([title]) => title.endsWith(`(--${name})`))
  if (list !== undefined) return Object.keys(list[1])
  if (name === 'context' || name === 'destroy') return values.contexts(givenValue('kubeconfig', before), isLab)
  if (name === 'cluster') return values.clusters()
  if (name === 'resume') return values.runs(script, givenValue('context', before), isLab)
  return []
}

/** The value of a flag among the words, in either way of writing it. */
function givenValue(name: string, words: readonly string[]): string | undefined {
  const inline = words.find((word) => word.startsWith(`--${name}=`))
  if (inline !== undefined) return inline.slice(name.length + 3)
  const at = words.indexOf(`--${name}`)
  return at === -1 ? undefined : words[at + 1]
}

function plain(word: string): Candidate {
  return { word, meaning: '' }
}
