import { describe, expect, test } from 'vitest'
import { clusterAt } from '../../lib/cluster/cluster.ts'
import { socketEndpoint } from '../../lib/cluster/transport.ts'
import type { Console } from '../../lib/console.ts'
import { OperatorError } from '../../lib/errors.ts'
import { type Consent, consentOf } from '../../lib/consent.ts'
import { carryOut, type Procedure } from '../../lib/procedure.ts'
import type { Look, Step } from '../../lib/step.ts'

/** A stage without a cluster: the steps of these tests look at a variable. */
function stage(
  steps: readonly Step[],
  consent: Consent,
  cancel?: AbortController,
  more: Omit<Procedure, 'steps'> = {},
  hooks: { hasBegun?: boolean } = {},
) {
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
    where: '--context infra',
    console,
    timeout: 50,
    signal,
    clean: (text: string) => text,
    memory: { read: () => ({}), write: () => undefined, folder: () => '' },
    cluster,
  }
  const parting = () => ({
    ...run,
    signal: new AbortController().signal,
    cluster: clusterAt(socketEndpoint('/nowhere'), patience, new AbortController().signal),
  })
  const begin = (): Promise<void> => {
    begun.push('begun')
    return Promise.resolve()
  }
  return { lines, begun, result: carryOut({ steps, ...more }, run, consent, { begin, enter: () => undefined, parting, ...hooks }) }
}

const given: Consent = { changes: 'given', destroys: 'given' }
const missing: Consent = { changes: 'missing', destroys: 'missing' }
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
    const { result, begun } = stage(steps, given)
    expect((await result).outcome).toBe('done')
    expect((await result).steps.map(({ id, state }) => `${id} ${state}`)).toEqual(['one already', 'two done', 'three done'])
    expect(steps.map(({ acted }) => acted())).toEqual([0, 1, 1])
    expect(begun).toEqual(['begun'])
  })
  test('that has nothing to do changes nothing and takes no lock', async () => {
    const { result, begun } = stage([step('one', done), step('two', done)], given)
    expect((await result).outcome).toBe('unchanged')
    expect(begun).toEqual([])
  })
  test('that only had to wait for what happens by itself has changed nothing', async () => {
    const looks: Look[] = [{ is: 'waiting', on: 'a reconciliation' }, { is: 'waiting', on: 'a reconciliation' }, done]
    const waiting: Step = { ...step('one'), look: () => Promise.resolve(looks.shift() ?? done) }
    const { result, begun } = stage([waiting, step('two', done)], missing)
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
    const { result } = stage(steps, missing)
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
    const { result } = stage([step('one'), broken, last], given)
    const { outcome, steps, failure } = await result
    expect(outcome).toBe('failed')
    expect(steps.map(({ id, state }) => `${id} ${state}`)).toEqual(['one done', 'two failed'])
    expect(failure).toMatchObject({ message: 'two is broken', remedy: 'mend two' })
    expect(last.acted()).toBe(0)
  })
  test('gives up waiting after the timeout, and says on what it waited', async () => {
    const never: Step = { ...step('one'), look: () => Promise.resolve<Look>({ is: 'waiting', on: 'a pod' }) }
    const { result } = stage([never], given)
    expect((await result).failure).toMatchObject({
      message: 'Do one: gave up waiting: a pod',
      remedy: expect.stringContaining('--timeout'),
    })
  })
  test('cancelled says what was done and in the middle of what, and exits as cancelled', async () => {
    const cancel = new AbortController()
    const last = step('three')
    const interrupted = step('two', todo, () => {
      cancel.abort()
      throw new Error('cut off')
    })
    const { outcome, failure } = await stage([step('one'), interrupted, last], given, cancel).result
    expect(outcome).toBe('cancelled')
    expect(failure).toMatchObject({
      kind: 'cancelled',
      message: 'stopped; done so far: Do one; in the middle of: Do two',
      remedy: 'run the same command with --resume to go on from here',
    })
    expect(last.acted()).toBe(0)
  })

  test('cancelled in the middle of its first change does not say that nothing was changed', async () => {
    const cancel = new AbortController()
    const interrupted = step('two', todo, () => {
      cancel.abort()
      throw new Error('cut off')
    })
    const { failure } = await stage([step('one', done), interrupted], given, cancel).result
    expect(failure).toMatchObject({ message: 'stopped; in the middle of: Do two' })
  })

  test('cancelled before it changes anything says so; one that goes on with an earlier run does not', async () => {
    const failureOf = async (more: { hasBegun?: boolean }): Promise<unknown> => {
      const cancel = new AbortController()
      const looking = { ...step('one'), look: () => Promise.resolve(todo).finally(() => cancel.abort()) }
      return (await stage([looking], given, cancel, {}, more).result).failure
    }
    expect(await failureOf({})).toMatchObject({ message: 'stopped; nothing was changed', remedy: 'nothing is left to do or undo' })
    expect(await failureOf({ hasBegun: true })).toMatchObject({
      message: 'stopped; nothing more was changed',
      remedy: 'run the same command with --resume to go on from here',
    })
  })
})

describe('a procedure that destroys', () => {
  const destroying = (id: string, look?: Look): ReturnType<typeof step> => ({ ...step(id, look), risk: 'destroy' })

  test('looks no further in its plan than the point of no return', async () => {
    const { result, lines } = stage([step('one', done), destroying('two'), step('three', done), destroying('four', done)], 'dry-run')
    expect((await result).steps.map(({ id, state, detail }) => `${id} ${state} ${detail}`)).toEqual([
      'one already exists',
      'two planned create it',
      'three planned (known after apply)',
      'four planned (known after apply)',
    ])
    expect(lines).toEqual([
      '',
      'Plan for infra',
      '  1. ✔ Do one: exists',
      '      ── point of no return: what is done from here on cannot be undone ──',
      '  2. ✖ Do two: create it',
      '  3. ◎ Do three: (known after apply)',
      '  4. ✖ Do four: (known after apply)',
      '',
    ])
  })
  test('needs more than --yes: the flag is named, and nothing is done', async () => {
    const steps = [step('one'), destroying('two')]
    const { result, begun } = stage(steps, { changes: 'given', destroys: 'missing' })
    expect(await result).toMatchObject({ outcome: 'usage', failure: { remedy: 'npx zx scripts/bootstrap.ts … --destroy=infra' } })
    expect(begun).toEqual([])
    expect(steps[0]?.acted()).toBe(0)
    expect((await stage([step('one'), destroying('two')], missing).result).failure?.remedy).toBe(
      'npx zx scripts/bootstrap.ts … --yes --destroy=infra',
    )
  })
  test('only on its way back needs that consent beforehand too', async () => {
    const { result } = stage([step('one')], { changes: 'given', destroys: 'missing' }, undefined, { alsoDestroys: 'Flux is reinstalled' })
    expect(await result).toMatchObject({ outcome: 'usage', failure: { remedy: 'npx zx scripts/bootstrap.ts … --destroy=infra' } })
  })
  test('by a flag that names another context is refused', () => {
    expect(() => consentOf({ yes: true, destroy: 'apps' }, 'infra')).toThrow('--destroy names apps, but the context in use is infra')
    expect(consentOf({ yes: true, destroy: 'infra,apps' }, 'apps')).toMatchObject({ destroys: 'given' })
  })
})

describe('a procedure with a way back', () => {
  const broken = (cancel?: AbortController): Step =>
    step('two', todo, () => {
      cancel?.abort()
      throw new OperatorError('two is broken', { remedy: 'mend two' })
    })
  const wayBack = (step: Step) => ({ wayBack: { title: 'putting things back', isTaken: () => true, steps: [step] } })

  test('goes it when a step fails: rolled back', async () => {
    const back = step('undo')
    const { outcome, steps, failure } = await stage([step('one'), broken()], given, undefined, wayBack(back)).result
    expect(outcome).toBe('rolled-back')
    expect(steps.map(({ id, state }) => `${id} ${state}`)).toEqual(['one done', 'two failed', 'undo done'])
    expect(failure).toMatchObject({ message: 'two is broken. Everything is back as it was', remedy: 'mend two', kind: 'rolled-back' })
  })
  test('goes it when the person cancels: cancelled, and everything as it was', async () => {
    const cancel = new AbortController()
    const back = step('undo')
    const { outcome, failure } = await stage([step('one'), broken(cancel)], given, cancel, wayBack(back)).result
    expect(outcome).toBe('cancelled')
    expect(failure?.message).toBe('stopped; everything is as it was')
    expect(back.acted()).toBe(1)
  })
  test('that fails as well has failed, and tells of both', async () => {
    const back = step('undo', todo, () => {
      throw new OperatorError('undo is broken', { remedy: 'undo it by hand' })
    })
    const { outcome, failure } = await stage([step('one'), broken()], given, undefined, wayBack(back)).result
    expect(outcome).toBe('failed')
    expect(failure).toMatchObject({
      message: 'two is broken; and putting things back failed: undo is broken',
      remedy: 'undo it by hand',
    })
  })
  test('says what to do next, and what state things are in, where it knows better than the failures', async () => {
    const broke = step('undo', todo, () => {
      throw new OperatorError('undo is broken', { remedy: 'undo it by hand' })
    })
    const knowing = (back: Step) => ({
      wayBack: {
        ...wayBack(back).wayBack,
        remedy: 'mend it, and try again',
        ifFailed: () => Promise.resolve({ state: 'one is half way', remedy: 'first this, then that' }),
      },
    })
    const rolledBack = await stage([step('one'), broken()], given, undefined, knowing(step('undo'))).result
    expect(rolledBack.failure).toMatchObject({ kind: 'rolled-back', remedy: 'mend it, and try again' })
    const failed = await stage([step('one'), broken()], given, undefined, knowing(broke)).result
    expect(failed.failure).toMatchObject({
      message: 'two is broken; and putting things back failed: undo is broken. Now: one is half way',
      remedy: 'first this, then that',
    })
  })
  test('does not go it where nothing was changed', async () => {
    const back = step('undo')
    const refusing: Step = { ...step('one'), look: () => Promise.reject(new OperatorError('no look')) }
    expect((await stage([refusing], given, undefined, wayBack(back)).result).outcome).toBe('failed')
    expect(back.acted()).toBe(0)
  })
})
