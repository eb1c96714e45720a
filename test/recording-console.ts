import type { Console } from '../lib/terminal/console.ts'
import type { Output } from '../lib/terminal/output.ts'

/** A console that remembers its lines. */
export function recordingConsole(): { console: Console; lines: string[] } {
  const lines: string[] = []
  const say =
    (sign: string) =>
    (text = ''): void =>
      void lines.push(`${sign}${text}`)
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
