import { spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { onTestFinished } from 'vitest'
import { projectRoot } from '../../lib/base/paths.ts'

/** How wide the terminal is, which every screen is made for. */
export const columns = 80

/** Keys as a terminal sends them. */
export const keys = { enter: '\r', down: `${String.fromCharCode(27)}[B`, ctrlC: String.fromCharCode(3) } as const

/** A command that runs in a terminal, with a person before it. */
export interface TerminalSession {
  /** Resolves once the screen shows it, behind what was waited for before; throws when the command ends without. */
  readonly said: (words: string | RegExp) => Promise<void>
  readonly press: (...typed: readonly string[]) => void
  readonly ended: Promise<{ readonly code: number; readonly screen: string }>
}

/** Runs a command line by bash in a terminal of 80 columns and 24 rows, in this checkout. */
export function inTerminal(command: string, env: Readonly<Record<string, string>>): TerminalSession {
  const { CI: _, NO_COLOR: __, ...own } = process.env
  const line = `stty cols ${columns} rows 24; ${command}`
  const args =
    process.platform === 'darwin'
      ? ['-q', '/dev/null', 'bash', '-c', line]
      : ['-qec', `bash -c '${line.replaceAll("'", "'\\''")}'`, '/dev/null']
  const child = spawn('script', args, { cwd: projectRoot, env: { ...own, ...env, TERM: 'xterm' }, stdio: ['pipe', 'pipe', 'inherit'] })
  const heard = new EventEmitter()
  let written = ''
  let seen = 0
  child.stdout.on('data', (chunk: Buffer) => {
    written += chunk.toString()
    heard.emit('more')
  })
  const ended = once(child, 'close').then(([code]) => {
    heard.emit('more')
    return { code: Number(code), screen: screenOf(written) }
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  return {
    async said(words) {
      for (;;) {
        const shown = screenOf(written).slice(seen)
        const found = typeof words === 'string' ? shown.indexOf(words) : shown.search(words)
        if (found !== -1) {
          seen += found + 1
          return
        }
        if (child.exitCode !== null || child.signalCode !== null) throw new Error(`ended without saying ${String(words)}:\n${shown}`)
        await once(heard, 'more')
      }
    },
    press: (...typed) => void child.stdin.write(typed.join('')),
    ended,
  }
}

const escape = String.fromCharCode(27)
/** What a program sends to draw over what it has drawn, and to colour it. */
const redraws = new RegExp(`${escape}\\[(?:1G|2?K|0?J)`, 'g')
const sequences = new RegExp(`${escape}(?:\\[[0-9;?]*[A-Za-z]|[78=>])`, 'g')

/** Ours, and npm's. */
const spinner = /^[\u2800-\u28FF]/

/** The lines that a terminal ends up with: what was drawn over is gone, and colours are not seen. */
function screenOf(written: string): string {
  return written
    .replaceAll('\r\n', '\n')
    .replaceAll(redraws, '\r')
    .replaceAll(sequences, '')
    .split('\n')
    .map((line) => line.split('\r').findLast((drawn) => drawn !== '') ?? '')
    .filter((line) => !spinner.test(line))
    .join('\n')
}
