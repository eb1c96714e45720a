import { describe, expect, test } from 'vitest'
import { clusterAt } from '../../lib/cluster/cluster.ts'
import { socketEndpoint } from '../../lib/cluster/http.ts'
import type { Console } from '../../lib/console.ts'
import { OperatorError } from '../../lib/errors.ts'
import { carryOut, type Consent } from '../../lib/procedure.ts'
import type { Look, Step } from '../../lib/step.ts'

/** A stage without a cluster: the steps of these tests look at a variable. */
function stage(steps: readonly Step[], consent: Consent, cancel?: AbortController) {
  const signal = (cancel ?? new AbortController()).signal
  const lines: string[] = []
  const begun: string[] = []
  const say = (text = ''): void => void lines.push(text)
  const console: Console = {
    isTerminal: false,
    action: say,
    success: say,
    warning: say,
    failure: say,
    line: say,
    faint: say,
    wait: (text) => ({ on: (now) => say(`${text} ${now}`), success: say, failure: say, stop: () => undefined }),
  }
  const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
  const cluster = clusterAt(socketEndpoint('/nowhere'), patience, signal)
  const run = {
    id: 'run',
    script: 'bootstrap',
    context: 'infra',
    place: 'infra',
    console,
    timeout: 50,
    signal,
    clean: (text: string) => text,
    cluster,
  }
  const begin = (): Promise<void> => {
    begun.push('begun')
    return Promise.resolve()
  }
  return { lines, begun, result: carryOut(steps, run, consent, begin, () => undefined) }
}

const todo: Look = { is: 'todo', change: 'create it', commands: ['make it'] }
const done: Look = { is: 'done', detail: 'exists' }

/** A step that is done once it was carried out. */
function step(id: string, first: Look = todo, act: () => void = () => undefined): Step & { acted: () => number } {
  let look = first
  let acted = 0
  return {
    id,
    title: `Do ${id}`,
    risk: 'change',
    acted: () => acted,
    look: () => Promise.resolve(look),
    act() {
      acted += 1
      act()
      look = done
      return Promise.resolve()
    },
    watches: [],
  }
}

describe('a procedure', () => {
  test('carries out what is to be done, in order, and leaves what is done alone', async () => {
    const steps = [step('one', done), step('two'), step('three')]
    const { result, begun } = stage(steps, 'given')
    expect((await result).outcome).toBe('done')
    expect((await result).steps.map(({ id, state }) => `${id} ${state}`)).toEqual(['one already', 'two done', 'three done'])
    expect(steps.map(({ acted }) => acted())).toEqual([0, 1, 1])
    expect(begun).toEqual(['begun'])
  })
  test('that has nothing to do changes nothing and takes no lock', async () => {
    const { result, begun } = stage([step('one', done), step('two', done)], 'given')
    expect((await result).outcome).toBe('unchanged')
    expect(begun).toEqual([])
  })
  test('that only had to wait for what happens by itself has changed nothing', async () => {
    const looks: Look[] = [{ is: 'waiting', on: 'a reconciliation' }, { is: 'waiting', on: 'a reconciliation' }, done]
    const waiting: Step = { ...step('one'), look: () => Promise.resolve(looks.shift() ?? done) }
    const { result, begun } = stage([waiting, step('two', done)], 'none')
    expect((await result).outcome).toBe('unchanged')
    expect(begun).toEqual([])
  })
  test('planned only, acts on nothing and takes no lock', async () => {
    const steps = [step('one', done), step('two')]
    const { result, begun, lines } = stage(steps, 'dry-run')
    expect((await result).outcome).toBe('planned')
    expect((await result).steps.map(({ state }) => state)).toEqual(['already', 'planned'])
    expect(steps.map(({ acted }) => acted())).toEqual([0, 0])
    expect(begun).toEqual([])
    expect(lines).toContain('  2. ✚ Do two: create it')
  })
  test('without a terminal and without consent is refused, naming the flag', async () => {
    const steps = [step('one')]
    const { result } = stage(steps, 'none')
    expect((await result).failure).toMatchObject({ kind: 'usage', remedy: expect.stringContaining('--yes') })
    expect(steps[0]?.acted()).toBe(0)
  })
  test('never says "done" of what comes after a change: (known after apply)', async () => {
    const { result, lines } = stage([step('one'), step('two', { is: 'waiting', on: 'one' })], 'dry-run')
    await result
    expect(lines).toContain('  2. ◎ Do two: (known after apply)')
  })
  test('stops at the first step that fails, and keeps what was done', async () => {
    const broken = step('two', todo, () => {
      throw new OperatorError('two is broken', { remedy: 'mend two' })
    })
    const last = step('three')
    const { result } = stage([step('one'), broken, last], 'given')
    const { outcome, steps, failure } = await result
    expect(outcome).toBe('failed')
    expect(steps.map(({ id, state }) => `${id} ${state}`)).toEqual(['one done', 'two failed'])
    expect(failure).toMatchObject({ message: 'two is broken', remedy: 'mend two' })
    expect(last.acted()).toBe(0)
  })
  test('gives up waiting after the timeout, and says on what it waited', async () => {
    const never: Step = { ...step('one'), look: () => Promise.resolve<Look>({ is: 'waiting', on: 'a pod' }) }
    const { result } = stage([never], 'given')
    expect((await result).failure).toMatchObject({
      message: 'Do one: gave up waiting: a pod',
      remedy: expect.stringContaining('--timeout'),
    })
  })
  test('cancelled in the middle says what was done, and exits as cancelled', async () => {
    const cancel = new AbortController()
    const last = step('three')
    const { result } = stage([step('one'), step('two', todo, () => cancel.abort()), last], 'given', cancel)
    const { outcome, failure } = await result
    expect(outcome).toBe('cancelled')
    expect(failure).toMatchObject({ kind: 'cancelled', message: expect.stringContaining('Do one; Do two') })
    expect(last.acted()).toBe(0)
  })
})
