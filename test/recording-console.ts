import type { Console } from '../lib/terminal/console.ts'
import type { Output } from '../lib/terminal/output.ts'

const heard = new Set<string>()

/** Notes what a person would read. */
export function hear(text: string): void {
  heard.add(text)
}

/** All that was noted since this was last asked for. */
export function takeHeard(): string {
  const all = [...heard].join('\n')
  heard.clear()
  return all
}

/** A console that remembers its lines. */
export function recordingConsole(): { console: Console; lines: string[] } {
  const lines: string[] = []
  const say =
    (sign: string) =>
    (text = ''): void => {
      lines.push(`${sign}${text}`)
      hear(`${sign}${text}`)
    }
  const own: Output = {
    action: say('► '),
    success: say('✔ '),
    warning: say('⚠ '),
    failure: say('✗ '),
    line: say(''),
    faint: say(''),
  }
  const console: Console = {
    ...own,
    isTerminal: false,
    answer: own,
    wait(text) {
      say('◎ ')(text)
      return { on: say('◎ '), success: say('✔ '), failure: say('✗ '), stop: () => undefined }
    },
  }
  return { console, lines }
}
