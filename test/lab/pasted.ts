import { shellQuote } from '../../lib/base/shell-line.ts'

/** A line that a person copies from the screen: behind `$` or `→`, or a command that stands on a line of its own. */
const copied = /^\s*(?:[►✗⚠✔◎] )?(?:(?:\$|→) (.+)|((?:npx zx scripts\/|(?:\/\S*\/)?(?:kubectl|flux|helm) ).*))$/

/** Where a command begins in such a line, behind the words that say when to type it. */
const start = /(?:^|(?<=[:;] |then |or ))(?=(?:npx zx scripts\/|(?:\/\S*\/)?(?:kubectl|flux|helm|git|age) (?:--?\w|[a-z]+)))/

/** The commands on a screen, each once, with the line breaks as they were printed; those that stand below `by hand:` want a file written first. */
export function pastedFrom(screen: string): string[] {
  const all = screen.split('\n')
  const lines = all.flatMap((line, number) => {
    if (/^\s*by hand:$/.test(all[number - 1] ?? '')) return []
    const [, behind, alone] = copied.exec(line) ?? []
    const text = behind ?? alone ?? ''
    const at = start.exec(text)?.index
    return at === undefined
      ? []
      : [
          text
            .slice(at)
            .replace(/;$| +# .*$/, '')
            .trim(),
        ]
  })
  return [...new Set(lines)]
}

const changes = /\bkubectl\b.* (annotate|apply|create|delete|label|patch|replace|scale)\b/

/** The same command where it changes nothing: as it is where it only looks, with --dry-run or --help where it would change something. */
export function harmless(command: string): string {
  const [, script = ''] = /^npx zx scripts\/([\w-]+)\.ts/.exec(command) ?? []
  if (script === 'lab' && !/ kubectl /.test(command)) return `${command} --help`
  if (script === 'health-check') return command
  if (script !== '' && script !== 'lab') return `${command.replace(/ --(?:resume|fresh)\b(?! *-suspended)(?: \d\S*)?/g, '')} --dry-run`
  if (/(^|\/)flux .*\b(install|create|suspend|resume|reconcile|uninstall)\b/.test(command)) return `${command} --help`
  if (command.startsWith('git ')) return 'git --version'
  if (command.startsWith('age ')) return `bash -n -c ${shellQuote(command)}`
  return changes.test(command) || /\| .*kubectl/.test(command) ? `${command} --dry-run=server` : command
}
