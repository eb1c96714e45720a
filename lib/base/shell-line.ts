/** A word as a shell reads it back: as it is where that is safe, else in single quotes. */
export function shellQuote(word: string): string {
  return /^[\w./:@=,+%-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

/** The one way a command is written for people to paste. */
export function printable(argv: readonly string[]): string {
  return argv.map(shellQuote).join(' ')
}

/** The command that calls one of the scripts. The package's build turns this form, wherever a text has it, into `flux-runbook NAME`. */
export function scriptCall(script: string, words: readonly string[]): string {
  return [`npx zx scripts/${script}.ts`, ...words.map(shellQuote)].join(' ')
}

/** Flags and their values, and no placeholder among them that is still to be filled in. */
const flagsAlone = /^(?:--[a-z][a-z-]*(?:[= ](?!-)[^\s;:,A-Z][^\s;]*)?(?: (?=--)|$))+$/

/** A part of advice that stands for what was typed, as it was. */
export const sameCommand = 'the same command'

/**
 * Advice of which a part is flags alone, as `--to 2.9.5`, or the same command, with the whole command in their place: what was typed, with them.
 * @param again makes that command
 */
export function withWholeCommands(advice: string, again: (...flags: readonly string[]) => string): string {
  return advice
    .split(/(; |: |→ )/)
    .map((part) => (part === sameCommand ? again() : flagsAlone.test(part) ? again(...part.split(' ')) : part))
    .join('')
}

/** Flags of which one rules the other out. */
const opposites: Readonly<Record<string, string>> = { '--resume': '--fresh', '--fresh': '--resume', '--yes': '--dry-run' }

/**
 * The command that was typed, to be run again with these flags too; a flag of the same name, or one that it rules out, gives way. It is
 * made of the values that were parsed: what was not a flag of the script is not in it.
 * @param given the values, in the order they were typed
 * @param words what stands before the flags
 */
export function sameCall(
  script: string,
  given: Readonly<Record<string, string | boolean | undefined>>,
  more: readonly string[],
  words: readonly string[] = [],
): string {
  const names = more.filter((word) => word.startsWith('--')).map((word) => word.split('=')[0] ?? '')
  const replaced = new Set(names.flatMap((name) => [name, opposites[name] ?? name]))
  const kept = Object.entries(given).filter(([name]) => !replaced.has(`--${name}`))
  return scriptCall(script, [...words, ...flagWords(Object.fromEntries(kept)), ...more])
}

/** Parsed flags as the words that give them again. No flag takes a secret; where one was given all the same, the flag is left out. */
export function flagWords(given: Readonly<Record<string, string | boolean | undefined>>): string[] {
  return Object.entries(given).flatMap(([name, value]) => {
    if (value === undefined) return []
    if (value === true || value === '') return [`--${name}`]
    const text = String(value)
    if (/AGE-SECRET-KEY-/i.test(text)) return []
    return text.startsWith('-') ? [`--${name}=${text}`] : [`--${name}`, text]
  })
}
