import type { Console } from '../lib/console.ts'

/** A console that remembers its lines. */
export function recordingConsole(): { console: Console; lines: string[] } {
  const lines: string[] = []
  const say =
    (sign: string) =>
    (text = ''): void =>
      void lines.push(`${sign}${text}`)
  const console: Console = {
    isTerminal: false,
    action: say('► '),
    success: say('✔ '),
    warning: say('⚠ '),
    failure: say('✗ '),
    line: say(''),
    faint: say(''),
    wait(text) {
      say('◎ ')(text)
      return { on: say('◎ '), success: say('✔ '), failure: say('✗ '), stop: () => undefined }
    },
  }
  return { console, lines }
}
