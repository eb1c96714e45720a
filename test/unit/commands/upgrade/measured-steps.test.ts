import { expect, test } from 'vitest'
import { remembering } from '../../../../lib/commands/upgrade/measured-steps.ts'
import { done, stage, step } from '../../run-stage.ts'

test('a full disk keeps what was measured from the notes, and ends no upgrade', async () => {
  const notes: Record<string, unknown> = {}
  const memory = {
    read: () => notes,
    write(more: Readonly<Record<string, unknown>>) {
      Object.assign(notes, more)
      throw new Error('ENOSPC: no space left on device')
    },
    folder: () => '',
  }
  const pauses = { start: () => undefined, stop: () => undefined, measured: () => ({ 'source-controller': 700 }) }
  const measured = remembering(step('rollout', done), pauses, memory)
  const { run } = stage([], 'dry-run')
  expect(await measured.check(run)).toEqual(done)
  expect(notes).toEqual({ pauses: { 'source-controller': 700 } })
})
