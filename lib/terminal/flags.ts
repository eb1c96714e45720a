import { parseArgs } from 'node:util'
import { parseDuration } from '../base/duration.ts'
import { OperatorError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import { scriptCall } from '../base/shell-line.ts'
import { columnsOf, wrap } from './wrap.ts'

/** A flag that is either there or not, or one with a value; `choices` are all the values it may have. */
export type Flag =
  | { readonly type: 'boolean'; readonly help: string; readonly required?: string }
  | {
      readonly type: 'string'
      readonly value: string
      readonly help: string
      /** That it must be given, or what else must be: `required, unless --lab`. Shown by --help; the command checks it. */
      readonly required?: string
      readonly choices?: readonly string[]
      readonly format?: 'duration' | 'version'
      /** The value may be left out: then it is the empty string. */
      readonly optional?: boolean
      /** It may be given again: the values are joined by commas. */
      readonly repeats?: boolean
    }

export type Flags = Readonly<Record<string, Flag>>

export type Values<F extends Flags> = { readonly [K in keyof F]?: F[K] extends { type: 'boolean' } ? boolean : string }

/** Flags that other scripts take and this one does not, each with the reason. */
export type RefusedFlags = Readonly<Record<string, string>>

/**
 * Parses strictly: nothing is guessed, coerced or ignored. `-h` is --help.
 * @returns the values of the flags that were given, and the words that are not flags (at most `words` of them)
 * @throws OperatorError `usage`, naming the nearest right flag or value
 */
export function parseFlags<F extends Flags>(
  script: string,
  flags: F,
  args: readonly string[],
  words = 0,
  refused: RefusedFlags = {},
): { values: Values<F>; words: string[] } {
  const usage = (what: string, remedy = scriptCall(script, ['--help'])): OperatorError => new OperatorError(what, { kind: 'usage', remedy })
  const names = Object.keys(flags)
  const { tokens } = parseArgs({
    args: withOptionalValues(
      flags,
      args.map((arg) => (arg === '-h' && flags.help !== undefined ? '--help' : arg)),
    ),
    options: Object.fromEntries(Object.entries(flags).map(([name, { type }]) => [name, { type }])),
    strict: false,
    tokens: true,
    allowPositionals: true,
  })
  const values: Record<string, string | boolean> = {}
  const others: string[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') others.push(token.value)
    if (token.kind !== 'option') continue
    const flag = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined
    if (flag === undefined) {
      const reason = Object.hasOwn(refused, token.name) ? refused[token.name] : undefined
      if (reason !== undefined) throw usage(`${script} takes no ${token.rawName}: ${reason}`, `leave ${token.rawName} out`)
      const close = nearest(token.name, names)
      throw usage(`there is no flag ${token.rawName}${close === undefined ? '' : `; did you mean --${close}?`}`)
    }
    const earlier = Object.hasOwn(values, token.name) ? values[token.name] : undefined
    if (earlier !== undefined && !(flag.type === 'string' && flag.repeats === true)) throw usage(`--${token.name} is given twice`)
    if (flag.type === 'boolean') {
      if (token.value !== undefined) throw usage(`--${token.name} takes no value, but was given "${token.value}"`)
      values[token.name] = true
      continue
    }
    if (
      token.value === undefined ||
      (token.value === '' && flag.optional !== true) ||
      (!token.inlineValue && token.value.startsWith('-'))
    ) {
      throw usage(`--${token.name} needs a value: --${token.name} ${flag.value}`)
    }
    checkValue(token.name, flag, token.value, usage)
    values[token.name] = earlier === undefined ? token.value : `${earlier},${token.value}`
  }
  if (others.length > words) throw usage(`"${others[words]}" is not a flag; flags begin with --`)
  return { values: typed<F>(values), words: others }
}

function checkValue(name: string, flag: Flag & { type: 'string' }, value: string, usage: (what: string) => OperatorError): void {
  if (flag.choices !== undefined && !flag.choices.includes(value)) {
    const close = nearest(value, flag.choices)
    throw usage(`--${name} is one of ${flag.choices.join(', ')}; not "${value}"${close === undefined ? '' : `. Did you mean ${close}?`}`)
  }
  if (flag.format === 'duration' && (parseDuration(value) ?? 0) === 0) {
    throw usage(`--${name} takes a duration such as 90s, 10m or 1h30m; not "${value}"`)
  }
  if (flag.format === 'version' && !/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(value)) {
    const close = /^v?(\d+)\.(\d+)(?:\.(\d+))?$/.exec(value)
    const right = close === null ? '' : `; did you mean ${close[1]}.${close[2]}.${close[3] ?? '0'}?`
    throw usage(`--${name} takes a version X.Y.Z; not "${value}"${right}`)
  }
}

/** parseArgs has no optional values: `--resume` alone becomes `--resume=`. */
function withOptionalValues(flags: Flags, args: readonly string[]): string[] {
  return args.map((arg, at) => {
    const flag = arg.startsWith('--') && Object.hasOwn(flags, arg.slice(2)) ? flags[arg.slice(2)] : undefined
    const next = args[at + 1]
    return flag?.type === 'string' && flag.optional === true && (next === undefined || next.startsWith('-')) ? `${arg}=` : arg
  })
}

/** Of the values parsed, those of these flags: a script's own, or those that all scripts share. */
export function only<F extends Flags>(flags: F, values: Readonly<Record<string, string | boolean | undefined>>): Values<F> {
  const own: Record<string, string | boolean> = {}
  for (const name of Object.keys(flags)) {
    const value = values[name]
    if (value !== undefined) own[name] = value
  }
  return typed<F>(own)
}

/** The loop that fills it put in only what each flag's type allows; the overload says so to the compiler. */
function typed<F extends Flags>(values: Record<string, string | boolean>): Values<F>
function typed(values: Record<string, string | boolean>): Record<string, string | boolean> {
  return values
}

/** The lines that --help shows of the flags. */
export function describeFlags(flags: Flags, columns = columnsOf(process.stdout)): string {
  const rows = Object.entries(flags).map(([name, flag]) => {
    const value = flag.type === 'boolean' ? '' : flag.optional === true ? ` [${flag.value}]` : ` ${flag.value}`
    const also = name === 'help' ? ', -h' : ''
    return { left: `--${name}${value}${also}`, help: flag.required === undefined ? flag.help : `${flag.help} (${flag.required})` }
  })
  // A value that is long keeps its help from being pushed into a narrow column.
  const width = Math.min(Math.max(...rows.map(({ left }) => left.length)), Math.max(26, Math.floor(columns / 3)))
  const below = `\n${' '.repeat(width + 4)}`
  return rows
    .map(({ left, help }) => {
      const lines = wrap(help, columns - width - 4).join(below)
      return left.length > width ? `  ${left}${below}${lines}` : `  ${left.padEnd(width)}  ${lines}`
    })
    .join('\n')
}
