import { spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { onTestFinished } from 'vitest'
import { projectRoot } from '../../lib/base/paths.ts'

/** How wide the terminal is, which every screen is made for. */
export const columns = 80

const escape = String.fromCharCode(27)
/** Keys as a terminal sends them. */
export const keys = { enter: '\r', up: `${escape}[A`, down: `${escape}[B`, ctrlC: String.fromCharCode(3) } as const

/** A question, by a part of it, and the keys that answer it. */
export type Reply = readonly [question: string, typed: string]

/** A command that runs in a terminal, with a person before it. */
export interface TerminalSession {
  /** Resolves once the screen shows it, behind what was waited for before; throws when the command ends without. */
  readonly said: (words: string | RegExp) => Promise<void>
  readonly press: (...typed: readonly string[]) => void
  /** The next question, once it is asked; undefined when the command has ended without. */
  readonly asked: () => Promise<string | undefined>
  /** Answers each question as it is asked, until the command ends. */
  readonly answers: (replies: readonly Reply[]) => Promise<void>
  readonly ended: Promise<{ readonly code: number; readonly screen: string }>
}

/** Runs a command line by bash in a terminal of 80 columns and 24 rows, in a folder, this checkout unless another is named. */
export function inTerminal(command: string, env: Readonly<Record<string, string>>, cwd = projectRoot): TerminalSession {
  const { CI: _, NO_COLOR: __, ...own } = process.env
  const line = `stty cols ${columns} rows 24; ${command}`
  const args =
    process.platform === 'darwin'
      ? ['-q', '/dev/null', 'bash', '-c', line]
      : ['-qec', `bash -c '${line.replaceAll("'", "'\\''")}'`, '/dev/null']
  const child = spawn('script', args, { cwd, env: { ...own, ...env, TERM: 'xterm' }, stdio: ['pipe', 'pipe', 'inherit'] })
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
  let returned = 0
  const asked = async (): Promise<string | undefined> => {
    for (;;) {
      const questions = screenOf(written)
        .split('\n')
        .filter((line) => line.startsWith('? '))
      // A question is drawn again with each key; once it is answered, or Ctrl-C is pressed, it has a dot.
      const over = questions.filter((line) => line.includes(' ·')).length
      const last = questions.at(-1)
      if (last !== undefined && !last.includes(' ·') && over === returned) {
        returned += 1
        return last
      }
      if (child.exitCode !== null || child.signalCode !== null) return undefined
      await once(heard, 'more')
    }
  }
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
    asked,
    async answers(replies) {
      for (let question = await asked(); question !== undefined; question = await asked()) {
        const text = question
        const reply = replies.find(([part]) => text.includes(part))
        if (reply === undefined) throw new Error(`nothing is said to answer: ${question}`)
        child.stdin.write(reply[1])
      }
    },
    ended,
  }
}

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
