import { execFileSync } from 'node:child_process'
import { commandsIn } from '../lib/commands/validate/shell-words.ts'

/** A program that a printed command begins with; `/lab/bin/flux` is one too. */
const start = /(?:^|(?<=[:;] |then |or )|(?<=\d\. ))(?:npx zx scripts\/|(?:\/\S*\/)?(?:kubectl|flux|helm|git) (?=--?\w|[a-z]+ ))/

/** The commands that a script has printed for people to paste: behind `$`, and in advice behind an arrow. */
export function printedCommands(output: string): string[] {
  const found = output.split('\n').flatMap((line) => {
    const [, sign = '', text = ''] = /^\s*(?:[►✗⚠✔◎] )?(\$|→) (.+)$/.exec(line) ?? []
    if (sign === '$') return [text]
    return text.split(/; or\b[^:]*: |; then: /).flatMap((part) => {
      const at = start.exec(part)?.index
      return at === undefined
        ? []
        : [
            part
              .slice(at)
              .replace(/   #.*$/, '')
              .replace(/[;,] [a-z].*$/, '')
              .trim(),
          ]
    })
  })
  return [...new Set(found)]
}

/** Reads each argument with bash as it would be typed, without carrying anything out: its words, or why it is not a command. */
const reading = `set -f
for line in "$@"; do
  if ! error=$(bash -n -c "$line" 2>&1); then printf 'no command: %s\\0' "$error"; continue; fi
  if [[ $line =~ [\\|\\;\\&\\<\\>\\$\\\`\\(] && ! $line =~ ^[^\\|\\;\\&\\<\\>\\$\\\`\\(\\']*(\\'[^\\']*\\'[^\\|\\;\\&\\<\\>\\$\\\`\\(\\']*)*$ ]]; then printf '\\0'; continue; fi
  eval "words=($line
)"
  printf '%s\\x1f' "\${words[@]}"
  printf '\\0'
done`

/** The printed commands that bash does not read as the words that were meant. */
export function misread(output: string): string[] {
  const commands = printedCommands(output)
  if (commands.length === 0) return []
  const read = execFileSync('bash', ['-c', reading, 'bash', ...commands], { encoding: 'utf8' }).split('\0')
  return commands.flatMap((command, at) => {
    const words = read[at] ?? ''
    if (words === '') return [] // several commands, or one whose words only a run knows: bash has read it, at least
    const meant = commandsIn(command).flatMap(({ program, words: rest }) => [program, ...rest])
    return words === meant.map((word) => `${word}\x1f`).join('') ? [] : [`${command}\n  is read as ${words.replaceAll('\x1f', ' | ')}`]
  })
}
