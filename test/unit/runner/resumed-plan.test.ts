import { describe, expect, test } from 'vitest'
import type { Step, StepRecord } from '../../../lib/runner/step.ts'
import { done, given, stage, step } from '../run-stage.ts'

/** What an earlier attempt recorded of a step. */
function past(id: string, state: StepRecord['state'] = 'done', risk: StepRecord['risk'] = 'change'): StepRecord {
  return { id, title: `Do ${id}`, risk, state, startedAt: '2026-11-30T12:00:00Z', durationMs: 1, detail: 'as it was then' }
}
const destroying = (one: Step): Step => ({ ...one, risk: 'destroy' })
const noReturn = '      ── point of no return: what is done from here on cannot be undone ──'
const passed = '      ── point of no return, which this run has passed ──'

async function linesOf(steps: readonly Step[], earlier: readonly StepRecord[]): Promise<readonly string[]> {
  const { result, lines } = stage(steps, 'dry-run', undefined, {}, { earlier })
  await result
  return lines.filter((line) => /^ +\d+\. |──/.test(line))
}

describe('the plan of a resumed run', () => {
  test('numbers the steps as before, with those that the run need not plan again', async () => {
    const earlier = [past('announce', 'skipped'), past('stop'), past('delete', 'done', 'destroy'), past('record')]
    expect(await linesOf([step('announce', done), step('record', done), step('install')], earlier)).toEqual([
      '  1. ✔ Do announce: exists',
      '  2. ✔ Do stop: as it was then',
      passed,
      '  3. ✔ Do delete: as it was then',
      '  4. ✔ Do record: exists',
      '  5. ✚ Do install: create it',
    ])
  })
  test('has what was carried out before steps that are planned for the first time, and nothing that failed and is not needed any more', async () => {
    const earlier = [past('install'), past('recreate', 'failed')]
    expect(await linesOf([step('repair')], earlier)).toEqual(['  1. ✔ Do install: as it was then', '  2. ✚ Do repair: create it'])
  })
  test('has the point of no return where it was', async () => {
    const steps = [step('stop', done), destroying(step('one', done)), destroying(step('two'))]
    // Nothing was there to destroy: then it is where something is.
    expect(await linesOf(steps, [past('stop')])).toEqual([
      '  1. ✔ Do stop: exists',
      '  2. ✔ Do one: exists',
      noReturn,
      '  3. ✖ Do two: create it',
    ])
    for (const state of ['done', 'failed'] as const) {
      expect(await linesOf(steps, [past('stop'), past('one', state, 'destroy')])).toEqual([
        '  1. ✔ Do stop: exists',
        passed,
        '  2. ✔ Do one: exists',
        '  3. ✖ Do two: create it',
      ])
    }
  })
})

describe('a resumed run that stops', () => {
  async function stoppedAt(second: 'changes' | 'checks', earlier: readonly StepRecord[]): Promise<string | undefined> {
    const cancel = new AbortController()
    const cut = { ...step('four'), check: () => Promise.reject(new Error('cut off')).finally(() => cancel.abort()) }
    let checks = 0
    const last: Step = { ...step('four'), check: (run) => ((checks += 1) === 1 ? step('four').check(run) : cut.check()) }
    const steps = [step('two', done), ...(second === 'changes' ? [step('three')] : []), last]
    return (await stage(steps, given, cancel, {}, { earlier }).result).failure?.message
  }
  test('says what all of its attempts have done', async () => {
    expect(await stoppedAt('changes', [past('one'), past('two')])).toBe('stopped; done so far: Do one; Do two; Do three')
  })
  test('says that nothing more was changed, and what was before', async () => {
    expect(await stoppedAt('checks', [past('one'), past('two', 'failed')])).toBe('stopped; nothing more was changed; done so far: Do one')
    expect(await stoppedAt('checks', [past('one'), past('gone', 'failed')])).toBe(
      'stopped; nothing more was changed; done so far: Do one; in the middle of: Do gone',
    )
  })
})

test('what is left out is not said to be done: in the plan, at its turn and in its record', async () => {
  const skipped = step('announce', { is: 'done', isSkipped: true, detail: 'nobody to notify' })
  const { result, lines } = stage([skipped, step('two')], given)
  expect((await result).steps.map(({ id, state }) => `${id} ${state}`)).toEqual(['announce skipped', 'two done'])
  expect(lines).toContain('  1. – Do announce: nobody to notify')
  expect(lines).toContain('      – not needed   ✚ changes')
  expect(lines).toContain('– Do announce: nobody to notify')
  const planned = await stage([skipped, step('two', done)], given).result
  expect(planned).toMatchObject({ outcome: 'unchanged', steps: [{ state: 'skipped' }, { state: 'already' }] })
})
