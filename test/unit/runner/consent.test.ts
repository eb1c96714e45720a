import { PassThrough } from 'node:stream'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Consent } from '../../../lib/runner/consent.ts'
import type { StepStatus, Step } from '../../../lib/runner/step.ts'
import { done, given, stage, step, todo } from '../run-stage.ts'

const { prompt } = vi.hoisted(() => ({ prompt: vi.fn() }))
vi.mock('enquirer', () => ({ default: { prompt } }))

/** A person at a terminal. */
beforeEach(() => {
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => undefined })
  const [input, output] = [process.stdin, process.stderr.isTTY]
  Object.defineProperty(process, 'stdin', { value: stdin, configurable: true })
  process.stderr.isTTY = true
  onTestFinished(() => {
    Object.defineProperty(process, 'stdin', { value: input, configurable: true })
    process.stderr.isTTY = output
    prompt.mockReset()
  })
})

const ask: Consent = { changes: 'ask', destroys: 'ask' }
const todoOf = (change: string): StepStatus => ({ is: 'todo', change, commands: [] })

/** A step with these statuses in turn, and then done; `acted` says on which status it was applied. */
function seen(id: string, statuses: readonly StepStatus[], more: Partial<Step> = {}): Step & { acted: () => readonly string[] } {
  let last: StepStatus = done
  const left = [...statuses]
  const acted: string[] = []
  return {
    ...step(id),
    check: () => Promise.resolve((last = left.shift() ?? done)),
    apply: () => Promise.resolve(void acted.push(last.is === 'todo' ? last.change : last.is)),
    acted: () => acted,
    ...more,
  }
}

const answers = (...given: readonly string[]): void => {
  for (const answer of given) prompt.mockResolvedValueOnce({ answer })
}

describe('a person who consents', () => {
  test('to all that remain is asked of what the plan did not show', async () => {
    answers('Run this and all remaining steps', 'Stop here')
    const unforeseen = seen('two', [done, todoOf('delete everything')])
    const { outcome } = await stage([step('one'), unforeseen], ask).result
    expect(outcome).toBe('cancelled')
    expect(unforeseen.acted()).toEqual([])
    expect(prompt).toHaveBeenCalledTimes(2)
  })

  test('to all that remain is not asked again of what the plan said depends on the steps before it', async () => {
    answers('Run this and all remaining steps')
    const later = seen('two', [{ is: 'waiting', on: 'one' }, todoOf('ask for it now'), todoOf('ask for it now')])
    const { result, lines } = stage([step('one'), later], ask)
    expect((await result).outcome).toBe('done')
    expect(lines).toContain('  2. ✚ Do two')
    expect(later.acted()).toEqual(['ask for it now'])
    expect(prompt).toHaveBeenCalledTimes(1)
  })

  test('is not asked about what the run only records', async () => {
    answers('Run this step')
    const recorded = seen('two', [todoOf('record it'), todoOf('record it'), todoOf('record it')], { risk: 'safe', isRecord: true })
    expect((await stage([step('one'), recorded], ask).result).outcome).toBe('done')
    expect(recorded.acted()).toEqual(['record it'])
    expect(prompt).toHaveBeenCalledTimes(1)
  })

  test('to one thing is asked again where it has become another meanwhile', async () => {
    answers('Run this step', 'Run this step')
    const moving = seen('one', [todoOf('delete a'), todoOf('delete a'), todoOf('delete a and b'), todoOf('delete a and b')])
    expect((await stage([moving], ask).result).outcome).toBe('done')
    expect(moving.acted()).toEqual(['delete a and b'])
    expect(prompt).toHaveBeenCalledTimes(2)
  })

  test('to what destroys, and was not planned to, types the name', async () => {
    answers('infro')
    const destroying = seen('one', [done, todoOf('delete everything')], { risk: 'destroy' })
    const { result, lines } = stage([destroying, step('two')], ask)
    expect((await result).failure).toMatchObject({ kind: 'usage', message: 'that is not infra; this was not started: Do one' })
    expect(destroying.acted()).toEqual([])
    expect(lines).toContain('on infra this cannot be undone: Do one: delete everything')
  })

  test('to what the plan destroys reads the titles of those steps, which say what is done, not what is destroyed', async () => {
    answers('infro')
    const removing = (id: string): Step => ({ ...step(id), risk: 'destroy' })
    const { result, lines } = stage([step('one'), removing('two'), removing('three')], ask)
    expect((await result).failure).toMatchObject({ kind: 'usage', message: 'that is not infra; nothing was changed' })
    expect(lines).toContain('on infra this cannot be undone: Do two; Do three')
  })
})

test('what ended while the lock was waited for is not done any more', async () => {
  const over = seen('one', [todo, todo, done])
  const { result, begun } = stage([over], given)
  expect((await result).outcome).toBe('unchanged')
  expect({ begun, acted: over.acted() }).toEqual({ begun: ['begun'], acted: [] })
})
