import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { OperatorError } from '../../../lib/base/errors.ts'
import { consentOf } from '../../../lib/runner/consent.ts'
import type { StepStatus, Step } from '../../../lib/runner/step.ts'
import { done, given, missing, stage, step, todo } from '../run-stage.ts'

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
    const checks: StepStatus[] = [{ is: 'waiting', on: 'a reconciliation' }, { is: 'waiting', on: 'a reconciliation' }, done]
    const waiting: Step = { ...step('one'), check: () => Promise.resolve(checks.shift() ?? done) }
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
  test('never says "done" of what comes after a change', async () => {
    const { result, lines } = stage([step('one'), step('two', { is: 'waiting', on: 'one' })], 'dry-run')
    await result
    expect(lines).toContain('  2. ✚ Do two')
  })
  test('shows no verification, and nothing that an earlier step undoes, as done', async () => {
    const steps: Step[] = [
      step('suspend'),
      { ...step('unrelated', done) },
      { ...step('resume', done), undoneBy: ['suspend'] },
      { ...step('verify', done), risk: 'safe' },
    ]
    const { result, lines } = stage(steps, 'dry-run')
    expect((await result).steps.map(({ id, state }) => `${id} ${state}`)).toEqual([
      'suspend planned',
      'unrelated already',
      'resume planned',
      'verify planned',
    ])
    expect(lines).toContain('  3. ✚ Do resume')
    expect(lines).toContain('  4. ◎ Do verify')
    expect(lines).toContain('      ✔ done   ✚ changes   ◎ waits, checks, records')
    // Where the earlier step has nothing to do, nothing is undone.
    const undisturbed = stage([step('suspend', done), ...steps.slice(1)], 'dry-run')
    expect((await undisturbed.result).steps.map(({ state }) => state)).toEqual(['already', 'already', 'already', 'already'])
  })
  test('stops at the first step that fails, and keeps what was done', async () => {
    const broken = step('two', todo, () => {
      throw new OperatorError('two is broken', { remedy: 'fix two' })
    })
    const last = step('three')
    const { result } = stage([step('one'), broken, last], given)
    const { outcome, steps, failure } = await result
    expect(outcome).toBe('failed')
    expect(steps.map(({ id, state }) => `${id} ${state}`)).toEqual(['one done', 'two failed'])
    expect(failure).toMatchObject({ message: 'two is broken', remedy: 'fix two' })
    expect(last.acted()).toBe(0)
  })
  test('gives up waiting after the timeout, and says on what it waited', async () => {
    const never: Step = { ...step('one'), check: () => Promise.resolve<StepStatus>({ is: 'waiting', on: 'a pod' }) }
    const { result } = stage([never], given)
    expect((await result).failure).toMatchObject({
      message: 'Do one: gave up waiting: a pod',
      remedy: expect.stringContaining('--timeout'),
    })
  })
  describe('whose wait is over while nothing has failed', () => {
    const waiting = (why: string | undefined): Step => ({
      ...step('two'),
      check: () => Promise.resolve<StepStatus>({ is: 'waiting', on: 'a queue' }),
      whyUnfinished: () => Promise.resolve(why),
    })
    const back = step('back')
    const rollback = { title: 'rolling back', shouldRollBack: () => true, steps: [back] }

    test('is not finished, rolls nothing back, and can be resumed', async () => {
      const { result } = stage([step('one'), waiting('The controllers are at work')], given, undefined, { rollback })
      const { outcome, failure } = await result
      expect(outcome).toBe('failed')
      expect(failure).toMatchObject({
        message: 'Do two: not finished after 0.1 s: a queue. The controllers are at work. Nothing is rolled back',
        remedy: 'to continue from here, with a longer --timeout if necessary: npx zx scripts/bootstrap.ts --context infra --resume',
      })
      expect(back.acted()).toBe(0)
    })
    test('leaves a rollback that comes to it not finished, rather than failed', async () => {
      const broken = step('one', todo, () => {
        throw new OperatorError('one is broken')
      })
      const { result } = stage([broken], given, undefined, { rollback: { ...rollback, steps: [waiting('The controllers are at work')] } })
      expect((await result).failure?.message).toMatch(/^one is broken; and rolling back is not finished: Do two: not finished after /)
    })
    test('has failed where nothing shows that it may yet come', async () => {
      const { result } = stage([step('one'), waiting(undefined)], given, undefined, { rollback })
      expect(await result).toMatchObject({
        outcome: 'rolled-back',
        failure: { message: expect.stringContaining('gave up waiting: a queue') },
      })
      expect(back.acted()).toBe(1)
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
      remedy: 'to continue from here: npx zx scripts/bootstrap.ts --context infra --resume',
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

  test('cancelled before it changes anything says so; one that resumes an earlier run does not', async () => {
    const failureOf = async (more: { earlier?: [] }): Promise<unknown> => {
      const cancel = new AbortController()
      const checking = { ...step('one'), check: () => Promise.resolve(todo).finally(() => cancel.abort()) }
      return (await stage([checking], given, cancel, {}, more).result).failure
    }
    expect(await failureOf({})).toMatchObject({ message: 'stopped; nothing was changed', remedy: undefined })
    expect(await failureOf({ earlier: [] })).toMatchObject({
      message: 'stopped; nothing more was changed',
      remedy: 'to continue from here: npx zx scripts/bootstrap.ts --context infra --resume',
    })
  })
})

test('a resumed run that finds nothing left to do is done: what it did before counts', async () => {
  expect(await stage([step('one', done)], given, undefined, {}, { earlier: [] }).result).toMatchObject({ outcome: 'done' })
  const waited: StepStatus[] = [{ is: 'waiting', on: 'a reconciliation' }, done]
  const waiting: Step = { ...step('one'), check: () => Promise.resolve(waited.shift() ?? done) }
  expect(await stage([waiting], given, undefined, {}, { earlier: [] }).result).toMatchObject({ outcome: 'done' })
})

describe('a step that only had to wait when its turn came', () => {
  /** Waits in the plan and at its turn; what it waits for then turns out to be its own to do. */
  function waitingFirst(more: Partial<Step> = {}): Step & { acted: () => number } {
    const own = step('one')
    let checks = 0
    const check: Step['check'] = (run) => {
      checks += 1
      return checks <= 3 ? Promise.resolve<StepStatus>({ is: 'waiting', on: 'a reconciliation' }) : own.check(run)
    }
    return { ...own, check, ...more }
  }

  test('is applied once its check says that there is something to do, under the lock', async () => {
    const waiting = waitingFirst()
    const { result, begun } = stage([waiting], given)
    expect(await result).toMatchObject({ outcome: 'done', steps: [{ id: 'one', state: 'done', detail: 'exists' }] })
    expect(waiting.acted()).toBe(1)
    expect(begun).toEqual(['begun'])
  })
  test('ends at once where there is no consent to that', async () => {
    const waiting = waitingFirst()
    const { result, begun } = stage([waiting], missing)
    expect((await result).failure).toMatchObject({
      kind: 'usage',
      message: 'Do one: there is something to do that the plan did not show, and no consent to it: create it',
      remedy: 'npx zx scripts/bootstrap.ts --context infra --yes',
    })
    expect(waiting.acted()).toBe(0)
    expect(begun).toEqual([])
  })
  test('takes the lock before it nudges a controller, which writes', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const order: string[] = []
    let locks: readonly string[] = []
    const checks: StepStatus[] = Array.from({ length: 3 }, () => ({ is: 'waiting', on: 'a reconciliation' }))
    const urging: Step = {
      ...step('one'),
      check() {
        vi.setSystemTime(Date.now() + 11_000)
        return Promise.resolve(checks.shift() ?? done)
      },
      nudge: () => Promise.resolve(void order.push(`nudged with ${locks.length} lock`)),
    }
    const { result, begun } = stage([urging], given, undefined, {}, { timeout: 11_050 })
    locks = begun
    expect((await result).outcome).toBe('unchanged')
    expect({ begun, order }).toEqual({ begun: ['begun'], order: ['nudged with 1 lock'] })
  })
})

test('a run that has lost the lock acts no more, whatever way it would go, and restores nothing', async () => {
  const [one, two, back] = [step('one'), step('two'), step('undo')]
  const lost = new OperatorError('the lock of this cluster was lost to jane@other run; nothing more was changed')
  const verifyLocked = (): Promise<void> => (one.acted() === 0 ? Promise.resolve() : Promise.reject(lost))
  const rollback = { title: 'restoring things', shouldRollBack: () => true, steps: [back] }
  const { outcome, failure } = await stage([one, two], given, undefined, { rollback }, { verifyLocked }).result
  expect([one, two, back].map(({ acted }) => acted())).toEqual([1, 0, 0])
  expect(outcome).toBe('failed')
  expect(failure?.message).toBe(`${lost.message}; and restoring things failed: ${lost.message}`)
})

test('a step that the plan found done, and that would now destroy something, needs that consent then', async () => {
  const checks = [done, todo]
  const moved: Step & { acted: () => number } = {
    ...step('one'),
    risk: 'destroy',
    check: () => Promise.resolve(checks.shift() ?? done),
  }
  const { result } = stage([moved, step('two')], { changes: 'given', destroys: 'missing' })
  expect((await result).failure).toMatchObject({
    kind: 'usage',
    message: 'Do one: there is something to do that the plan did not show, and no consent to it: create it',
    remedy: 'npx zx scripts/bootstrap.ts --context infra --destroy=infra',
  })
  expect(moved.acted()).toBe(0)
})

describe('a procedure that knows what state it leaves things in where it stops', () => {
  const broken = (cancel?: AbortController): Step =>
    step('two', todo, () => {
      cancel?.abort()
      throw new OperatorError('two is broken', { remedy: 'fix two' })
    })
  const stopped = (now?: { state: string; remedy?: string }) => ({ ifStopped: () => now })

  test('says it after what failed, with what is next where that is known better', async () => {
    const failed = await stage([broken()], given, undefined, stopped({ state: 'one is half way', remedy: 'finish one' })).result
    expect(failed).toMatchObject({ outcome: 'failed', failure: { message: 'two is broken. one is half way', remedy: 'finish one' } })
    const cancel = new AbortController()
    const cancelled = await stage([broken(cancel)], given, cancel, stopped({ state: 'one is half way' })).result
    expect(cancelled).toMatchObject({
      outcome: 'cancelled',
      failure: {
        kind: 'cancelled',
        message: 'stopped; in the middle of: Do two. one is half way',
        remedy: 'to continue from here: npx zx scripts/bootstrap.ts --context infra --resume',
      },
    })
  })
  test('says nothing of it where all was restored, or there is nothing to say', async () => {
    const back = { rollback: { title: 'restoring things', shouldRollBack: () => true, steps: [step('undo')] } }
    const rolledBack = await stage([broken()], given, undefined, { ...back, ...stopped({ state: 'one is half way' }) }).result
    expect(rolledBack.failure?.message).toBe('two is broken. Everything is as it was before')
    expect((await stage([broken()], given, undefined, stopped()).result).failure?.message).toBe('two is broken')
  })
})

describe('a procedure that destroys', () => {
  const destroying = (id: string, status?: StepStatus): ReturnType<typeof step> => ({ ...step(id, status), risk: 'destroy' })

  test('looks no further in its plan than the point of no return', async () => {
    const { result, lines } = stage([step('one', done), destroying('two'), step('three', done), destroying('four', done)], 'dry-run')
    expect((await result).steps.map(({ id, state, detail }) => `${id} ${state} ${detail}`)).toEqual([
      'one already exists',
      'two planned create it',
      'three planned depends on the steps before it',
      'four planned depends on the steps before it',
    ])
    expect(lines).toEqual([
      '',
      'Plan for infra',
      '  1. ✔ Do one: exists',
      '      ── point of no return: what is done from here on cannot be undone ──',
      '  2. ✖ Do two: create it',
      '  3. ✚ Do three',
      '  4. ✖ Do four',
      '      ✔ done   ✚ changes   ✖ destroys',
      '      Steps without details depend on those before them.',
      '',
    ])
  })
  test('needs more than --yes: the flag is named, and nothing is done', async () => {
    const steps = [step('one'), destroying('two')]
    const { result, begun } = stage(steps, { changes: 'given', destroys: 'missing' })
    expect(await result).toMatchObject({
      outcome: 'usage',
      failure: { remedy: 'npx zx scripts/bootstrap.ts --context infra --destroy=infra' },
    })
    expect(begun).toEqual([])
    expect(steps[0]?.acted()).toBe(0)
    expect((await stage([step('one'), destroying('two')], missing).result).failure?.remedy).toBe(
      'npx zx scripts/bootstrap.ts --context infra --yes --destroy=infra',
    )
  })
  test('later on needs that consent beforehand, though what comes before decides whether it will', async () => {
    const unknown = { ...step('two', { is: 'waiting', on: 'one' }), risk: 'destroy' as const }
    const { result, begun } = stage([step('one'), unknown], { changes: 'given', destroys: 'missing' })
    expect(await result).toMatchObject({ outcome: 'usage', failure: { remedy: expect.stringContaining('--destroy=infra') } })
    expect(begun).toEqual([])
  })
  test('only on its rollback needs that consent beforehand too', async () => {
    const { result } = stage([step('one')], { changes: 'given', destroys: 'missing' }, undefined, { alsoDestroys: 'Flux is reinstalled' })
    expect(await result).toMatchObject({
      outcome: 'usage',
      failure: { remedy: 'npx zx scripts/bootstrap.ts --context infra --destroy=infra' },
    })
  })
  test('by a flag that names another context is refused', () => {
    expect(() => consentOf({ yes: true, destroy: 'apps' }, 'infra')).toThrow('--destroy names apps, but the context in use is infra')
    expect(consentOf({ yes: true, destroy: 'infra,apps' }, 'apps')).toMatchObject({ destroys: 'given' })
    // Each context by its whole name.
    for (const other of ['infra-2', 'my-infra', 'apps,infra-2'])
      expect(() => consentOf({ yes: true, destroy: other }, 'infra')).toThrow(`--destroy names ${other}, but the context in use is infra`)
  })
})

describe('a procedure with a rollback', () => {
  const broken = (cancel?: AbortController): Step =>
    step('two', todo, () => {
      cancel?.abort()
      throw new OperatorError('two is broken', { remedy: 'fix two' })
    })
  const rollback = (step: Step) => ({ rollback: { title: 'restoring things', shouldRollBack: () => true, steps: [step] } })

  test('goes it when a step fails: rolled back', async () => {
    const back = step('undo')
    const { outcome, steps, failure } = await stage([step('one'), broken()], given, undefined, rollback(back)).result
    expect(outcome).toBe('rolled-back')
    expect(steps.map(({ id, state }) => `${id} ${state}`)).toEqual(['one done', 'two failed', 'undo done'])
    expect(failure).toMatchObject({ message: 'two is broken. Everything is as it was before', remedy: 'fix two', kind: 'rolled-back' })
  })
  test('goes it when the person cancels: cancelled, and everything as it was', async () => {
    const cancel = new AbortController()
    const back = step('undo')
    const { outcome, failure, isClosed } = await stage([step('one'), broken(cancel)], given, cancel, rollback(back)).result
    expect(outcome).toBe('cancelled')
    expect(isClosed).toBe(true)
    expect(failure?.message).toBe('stopped; everything is as it was')
    expect(failure?.remedy).toMatch(/^to start again from the beginning: .* --fresh$/)
    expect(back.acted()).toBe(1)
  })
  test('that fails as well has failed, and reports both', async () => {
    const back = step('undo', todo, () => {
      throw new OperatorError('undo is broken', { remedy: 'undo it by hand' })
    })
    const { outcome, failure } = await stage([step('one'), broken()], given, undefined, rollback(back)).result
    expect(outcome).toBe('failed')
    expect(failure).toMatchObject({
      message: 'two is broken; and restoring things failed: undo is broken',
      remedy: 'undo it by hand',
    })
  })
  test('says what to do next, and what state things are in, where it knows better than the failures', async () => {
    const broke = step('undo', todo, () => {
      throw new OperatorError('undo is broken', { remedy: 'undo it by hand' })
    })
    const knowing = (back: Step) => ({
      rollback: {
        ...rollback(back).rollback,
        remedy: 'fix it, and try again',
        ifFailed: () => Promise.resolve({ state: 'one is half way', remedy: 'first this, then that' }),
      },
    })
    const rolledBack = await stage([step('one'), broken()], given, undefined, knowing(step('undo'))).result
    expect(rolledBack.failure).toMatchObject({ kind: 'rolled-back', remedy: 'fix it, and try again' })
    const failed = await stage([step('one'), broken()], given, undefined, knowing(broke)).result
    expect(failed.failure).toMatchObject({
      message: 'two is broken; and restoring things failed: undo is broken. Now: one is half way',
      remedy: 'first this, then that',
    })
  })
  test('does not go it where nothing was changed', async () => {
    const back = step('undo')
    const refusing: Step = { ...step('one'), check: () => Promise.reject(new OperatorError('no look')) }
    expect((await stage([refusing], given, undefined, rollback(back)).result).outcome).toBe('failed')
    expect(back.acted()).toBe(0)
  })
})
