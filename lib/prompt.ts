import { OperatorError } from './errors.ts'

/** That people can be asked: a pipe's `y` is no consent. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY
}

export interface Choice<Name extends string> {
  readonly name: Name
  readonly message: string
}

/**
 * Asks for one of the choices with the arrow keys.
 * @throws OperatorError `cancelled` for Ctrl-C, Esc and a closed terminal
 */
export async function choose<Name extends string>(message: string, choices: readonly Choice<Name>[]): Promise<Name> {
  const answer = await ask({ type: 'select', message, choices: choices.map(({ name, message: text }) => ({ name, message: text })) })
  const chosen = choices.find(({ name }) => name === answer)
  if (chosen === undefined) throw cancelled()
  return chosen.name
}

/** Asks for a text. Throws OperatorError `cancelled` as `choose` does. */
export async function askText(message: string): Promise<string> {
  const answer = await ask({ type: 'input', message })
  return typeof answer === 'string' ? answer.trim() : ''
}

/** Asks for a secret, which is not shown. Throws OperatorError `cancelled` as `choose` does. */
export async function askSecret(message: string): Promise<string> {
  const answer = await ask({ type: 'password', message })
  return typeof answer === 'string' ? answer : ''
}

async function ask(question: {
  type: 'select' | 'input' | 'password'
  message: string
  choices?: { name: string; message: string }[]
}): Promise<unknown> {
  if (!canAsk()) throw new OperatorError('there is no terminal to ask on', { kind: 'usage', remedy: 'pass --yes' })
  // enquirer ignores NO_COLOR; the library that colours it reads this when it is loaded.
  if ((process.env.NO_COLOR ?? '') !== '') process.env.FORCE_COLOR = '0'
  const { default: enquirer } = await import('enquirer')
  try {
    const answers: unknown = await enquirer.prompt({ ...question, name: 'answer', stdout: process.stderr })
    return typeof answers === 'object' && answers !== null && 'answer' in answers ? answers.answer : undefined
  } catch {
    // Ctrl-C rejects with "" and, on Node 24, may throw ERR_USE_AFTER_CLOSE instead (enquirer#483).
    throw cancelled()
  }
}

function cancelled(): OperatorError {
  return new OperatorError('cancelled at the prompt', { kind: 'cancelled' })
}
