import { setTimeout as pause } from 'node:timers/promises'
import { OperatorError } from '../base/errors.ts'
import { inOneLine, visible } from '../base/outside-text.ts'

/** That people can be asked: a pipe's `y` is not a consent. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY
}

export interface Choice<Name extends string> {
  readonly name: Name
  readonly message: string
}

/** What stands behind the question; enquirer's dots would be alone on a line where the question fills one. */
const separator = { pending: ' ', submitted: '·', cancelled: '·' } as const

/**
 * Asks for one of the choices with the arrow keys.
 * @throws OperatorError `cancelled` for Ctrl-C, Esc and a closed terminal
 */
export async function choose<Name extends string>(message: string, choices: readonly Choice<Name>[]): Promise<Name> {
  // enquirer shows the name of what was chosen, so that is the text; no ✔ before it, for it may be to stop.
  const shown = choices.map(({ message: text }) => ({ name: text, message: text }))
  const answer = await ask({ type: 'select', message, prefix: '?', separator, choices: shown })
  const chosen = choices.find(({ message: text }) => text === answer)
  if (chosen === undefined) throw cancelled()
  return chosen.name
}

/** Asks for a text. Throws OperatorError `cancelled` as `choose` does. */
export async function askText(message: string): Promise<string> {
  const answer = await ask({ type: 'input', message, prefix: '?' }) // no ✔: what was typed is yet to be compared
  return typeof answer === 'string' ? answer.trim() : ''
}

/** Asks for a secret, which is not shown. Throws OperatorError `cancelled` as `choose` does. */
export async function askSecret(message: string): Promise<string> {
  const answer = await ask({ type: 'password', message, prefix: '?' })
  return typeof answer === 'string' ? answer : ''
}

async function ask(question: {
  type: 'select' | 'input' | 'password'
  message: string
  prefix?: string
  separator?: Readonly<Record<string, string>>
  choices?: { name: string; message: string }[]
}): Promise<unknown> {
  if (!canAsk()) throw new OperatorError('there is no terminal to ask on', { kind: 'usage', remedy: 'pass --yes' })
  // enquirer ignores NO_COLOR; the library that colours it reads this when it is loaded.
  if ((process.env.NO_COLOR ?? '') !== '') process.env.FORCE_COLOR = '0'
  const { default: enquirer } = await import('enquirer')
  const terminal = watchTerminal()
  try {
    await Promise.race([forgetTypedAhead(), terminal.gone])
    const message = inOneLine(visible(question.message))
    const asked = enquirer.prompt({ ...question, message, name: 'answer', stdout: process.stderr })
    const answers: unknown = await Promise.race([asked, terminal.gone])
    return typeof answers === 'object' && answers !== null && 'answer' in answers ? answers.answer : undefined
  } catch {
    // Ctrl-C rejects with "" and, on Node 24, may throw ERR_USE_AFTER_CLOSE instead (enquirer#483).
    throw cancelled()
  } finally {
    terminal.forget()
  }
}

const stops = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const closings = ['end', 'close', 'error'] as const
const ignore = (): void => undefined

/**
 * Watches for that nobody will answer any more: the script gets a signal to stop, or the terminal closes. enquirer then waits forever, or lets
 * the process end in the middle of a run.
 */
function watchTerminal(): { readonly gone: Promise<never>; readonly forget: () => void } {
  const { stdin } = process
  let leave = ignore
  const gone = new Promise<never>((_, reject) => {
    leave = () => {
      // readline throws an error of its input; a terminal that has closed has one whenever it is touched.
      stdin.removeAllListeners('error').on('error', ignore)
      stdin.setRawMode(false) // else Ctrl-C is a character still, and cannot end the rollback
      stdin.pause()
      reject(cancelled())
    }
  })
  for (const signal of stops) process.once(signal, leave)
  for (const closing of closings) stdin.once(closing, leave)
  return {
    gone,
    forget() {
      for (const signal of stops) process.off(signal, leave)
      for (const closing of closings) stdin.off(closing, leave)
    },
  }
}

/** How long the terminal takes to hand over what was typed before, in milliseconds. */
const handover = 50

/** An Enter that was pressed while something else went on consents to nothing: only what is typed after the question is an answer. */
async function forgetTypedAhead(): Promise<void> {
  const { stdin } = process
  let isInterrupted = false
  const forget = (chunk: Buffer): void => {
    if (chunk.includes(3)) isInterrupted = true // Ctrl-C is a character here
  }
  stdin.setRawMode(true)
  stdin.on('data', forget)
  await pause(handover)
  stdin.off('data', forget)
  stdin.pause()
  stdin.setRawMode(false)
  if (isInterrupted) throw cancelled()
}

function cancelled(): OperatorError {
  return new OperatorError('cancelled at the prompt', { kind: 'cancelled' })
}
