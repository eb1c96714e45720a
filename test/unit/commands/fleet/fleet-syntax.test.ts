import { expect, test } from 'vitest'
import type { FleetCommands } from '../../../../lib/commands/fleet/fleet-commands.ts'
import { parseFleetCall } from '../../../../lib/commands/fleet/fleet-syntax.ts'

const commands: FleetCommands = {
  'health-check': { summary: 'Looks.', flags: {}, example: '', effectOf: () => 'nothing', isResumable: false },
}
const parse = (...args: readonly string[]) => parseFleetCall(commands, ['health-check', '--fleet', 'f', ...args])

test('the engine kubernetes is asked for with its management cluster', () => {
  expect(parse('--engine', 'kubernetes', '--on', 'm', '--namespace', 'n', '--detach')).toMatchObject({
    is: 'run',
    given: { engine: 'kubernetes', on: 'm', namespace: 'n', detach: true },
  })
  expect(parseFleetCall(commands, ['--resume', 'R', '--on', 'm'])).toMatchObject({ is: 'run', given: { resume: 'R', on: 'm' } })
  expect(parseFleetCall(commands, ['status', '--on', 'm'])).toMatchObject({ is: 'status', run: '', given: { on: 'm' } })
})

test('a pod is asked by words that no help page has', () => {
  expect(parseFleetCall(commands, ['conduct', 'R'])).toEqual({ is: 'conduct', run: 'R' })
  expect(parseFleetCall(commands, ['work'])).toEqual({ is: 'work' })
})

test.each([
  [['--engine', 'swarm'], 'there is no engine swarm; there are local and kubernetes', '--engine kubernetes'],
  [['--engine', 'kubernetes'], 'which cluster runs the Jobs? --on is mandatory', '--on CONTEXT'],
  [
    ['--engine', 'kubernetes', '--on', 'm', '--lab'],
    '--lab works only with the engine local: a pod has no lab',
    'eval "$(npx zx scripts/lab.ts env)", then --on lab-infra without --lab',
  ],
  [['--on', 'm'], '--on is for the engine kubernetes', '--engine kubernetes'],
  [['--detach', '--engine', 'local'], '--detach is for the engine kubernetes', '--engine kubernetes'],
])('%j is refused', (args, message, remedy) => {
  expect(() => parse(...args)).toThrow(expect.objectContaining({ kind: 'usage', message, remedy }))
})
