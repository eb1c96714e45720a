import { OperatorError } from '../errors.ts'
import { nearest } from '../nearest.ts'
import { chaos } from './chaos.ts'
import { gitMistakes } from './git-mistakes.ts'
import { losses } from './losses.ts'
import { mistakes } from './mistakes.ts'
import type { Scenario } from './scenario.ts'

/** Every disaster that can be rehearsed, in the order of a whole drill. */
export const scenarios: readonly Scenario[] = [...losses, ...mistakes, ...gitMistakes, ...chaos]

/**
 * The scenarios that `--scenario` names; with `all`, those that can be brought about here.
 * @throws OperatorError `usage` naming the nearest right one, or that one is for the lab only
 */
export function chooseScenarios(wanted: string, isLab: boolean): readonly Scenario[] {
  const possible = scenarios.filter(({ isLabOnly }) => isLab || isLabOnly !== true)
  if (wanted === 'all') return possible
  return wanted.split(',').map((name) => {
    const scenario = scenarios.find((one) => one.name === name)
    if (scenario === undefined) {
      const names = scenarios.map((one) => one.name)
      const close = nearest(name, names)
      throw new OperatorError(
        `there is no scenario "${name}"; ${close === undefined ? `there are ${names.join(', ')}` : `did you mean ${close}?`}`,
        {
          kind: 'usage',
          remedy: `npx zx scripts/drill.ts … --scenario ${close ?? 'all'}`,
        },
      )
    }
    if (possible.includes(scenario)) return scenario
    throw new OperatorError(`the scenario ${name} can be brought about in the lab only`, {
      kind: 'usage',
      remedy: `npx zx scripts/drill.ts --lab --scenario ${name}`,
    })
  })
}
