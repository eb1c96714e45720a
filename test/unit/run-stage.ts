import { clusterAt } from '../../lib/kubernetes/client.ts'
import { socketEndpoint } from '../../lib/kubernetes/transport.ts'
import type { Console } from '../../lib/terminal/console.ts'
import type { Consent } from '../../lib/runner/consent.ts'
import { runSteps, type StepSequence } from '../../lib/runner/execute.ts'
import type { StepContext, StepRecord, StepStatus, Step } from '../../lib/runner/step.ts'
import { asTyped } from '../run-names.ts'

/** A stage without a cluster, unless one is given: the steps of most of these tests check a variable. */
export function stage(
  steps: readonly Step[],
  consent: Consent,
  cancel?: AbortController,
  more: Omit<StepSequence, 'steps'> = {},
  {
    timeout = 50,
    verifyLocked = () => Promise.resolve(),
    world = {},
    ...hooks
  }: {
    earlier?: readonly StepRecord[]
    timeout?: number
    verifyLocked?: () => Promise<void>
    world?: Partial<Pick<StepContext, 'clean' | 'cluster' | 'memory'>>
  } = {},
) {
  const signal = (cancel ?? new AbortController()).signal
  const lines: string[] = []
  const begun: string[] = []
  const say = (text = ''): void => void lines.push(text)
  const output = { action: say, success: say, warning: say, failure: say, line: say, faint: say }
  const console: Console = {
    ...output,
    answer: output,
    isTerminal: false,
    wait: (text) => ({ on: (now) => say(`${text} ${now}`), success: say, failure: say, stop: () => undefined }),
  }
  const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
  const cluster = clusterAt(socketEndpoint('/nowhere'), patience, signal)
  const run = {
    id: 'run',
    script: 'bootstrap',
    context: 'infra',
    place: 'infra',
    where: '--context infra',
    console,
    timeout,
    signal,
    clean: (text: string) => text,
    ...asTyped,
    memory: { read: () => ({}), write: () => undefined, folder: () => '' },
    cluster,
    verifyLocked,
    ...world,
  }
  const cleanup = () => ({
    ...run,
    signal: new AbortController().signal,
    cluster: clusterAt(socketEndpoint('/nowhere'), patience, new AbortController().signal),
  })
  const begin = (): Promise<void> => {
    begun.push('begun')
    return Promise.resolve()
  }
  return {
    lines,
    begun,
    run,
    result: runSteps({ steps, ...more }, run, consent, { begin, enter: () => Promise.resolve(), cleanup, ...hooks }),
  }
}

export const given: Consent = { changes: 'given', destroys: 'given' }
export const missing: Consent = { changes: 'missing', destroys: 'missing' }
export const todo: StepStatus = { is: 'todo', change: 'create it', commands: ['make it'] }
export const done: StepStatus = { is: 'done', detail: 'exists' }

/** A step that is done once it was carried out. */
export function step(id: string, first: StepStatus = todo, apply: () => void = () => undefined): Step & { acted: () => number } {
  let check = first
  let acted = 0
  return {
    id,
    title: `Do ${id}`,
    risk: 'change',
    acted: () => acted,
    check: () => Promise.resolve(check),
    apply() {
      acted += 1
      apply()
      check = done
      return Promise.resolve()
    },
    watches: [],
  }
}
