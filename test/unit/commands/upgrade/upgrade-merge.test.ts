import { expect, test } from 'vitest'
import { stoppedAfterPush, stoppedAtMerge } from '../../../../lib/commands/upgrade/commands.ts'
import type { StepRecord, StepState } from '../../../../lib/runner/step.ts'

const record = (id: string, state: StepState): StepRecord => ({
  id,
  title: id,
  risk: 'safe',
  state,
  startedAt: '',
  durationMs: 0,
  detail: '',
})
const stage = {
  script: 'upgrade',
  branch: 'upgrade-flux',
  target: { context: 'infra', where: '--context infra' },
}
const notes = { from: { flux: '2.9.4', operator: '0.59.0' }, to: { flux: '2.9.5', operator: '0.59.0' } }
const stopped = stoppedAtMerge(stage, notes, { branch: 'upgrade-flux', into: 'main', cluster: 'Flux still runs 2.9.4' })

test('an upgrade that stops while it waits for a merge names the open branch, and the command that continues', () => {
  const command = 'npx zx scripts/upgrade.ts --context infra --to 2.9.5 --branch upgrade-flux'
  const state = 'Flux still runs 2.9.4; branch upgrade-flux is open, and is not merged into main'
  const steps = [record('git', 'done'), record('merge', 'failed')]
  expect(stopped(steps, true)).toEqual({ state, remedy: `merge it, then: ${command} --resume` })
  // A run that found the branch as an earlier one had left it has changed nothing: there is nothing to resume.
  expect(stopped(steps, false)).toEqual({ state, remedy: `merge it, then: ${command}` })
})

test('one that stops elsewhere says nothing of it', () => {
  expect(stopped([record('git', 'failed')], true)).toBeUndefined()
  expect(stopped([record('git', 'done'), record('merge', 'done'), record('rollout', 'failed')], true)).toBeUndefined()
  expect(stopped([], false)).toBeUndefined()
})

test('one that stops once Git has the version says that Flux applies it all the same', () => {
  let commit = ''
  const afterPush = stoppedAfterPush(() => commit, 'main')
  expect(afterPush([record('image-check', 'done')], true)).toBeUndefined()
  commit = '0123456789abcdef'
  expect(afterPush([record('git', 'done'), record('fetch', 'failed')], true)?.state).toBe(
    'main has the new version since 0123456789ab, and Flux applies it by itself; until this run continues, nobody verifies that or rolls it back',
  )
})
