import { OperatorError } from '../../../base/errors.ts'
import { nearest } from '../../../base/nearest.ts'
import { outages } from './outages.ts'
import { gitMisconfigurations } from './git-changes.ts'
import { deletions } from './deletions.ts'
import { misconfigurations } from './misconfigurations.ts'
import type { Scenario } from '../scenario.ts'

/** Every disaster that can be rehearsed, in the order of a whole drill. */
export const scenarios: readonly Scenario[] = [...deletions, ...misconfigurations, ...gitMisconfigurations, ...outages]

/** What decides whether a disaster can be brought about on a cluster, and repaired again. */
export interface DrillEnvironment {
  readonly isLab: boolean
  /** An operator keeps its Flux. */
  readonly isOperators: boolean
  readonly hasFolder: boolean
  /** Controllers that are gone come back: by the operator, or by a flux CLI that is there. */
  readonly hasInstaller: boolean
}

/** Why a scenario is not for this cluster; undefined where it is. What recover.ts could not repair is never broken. */
function whyNot(scenario: Scenario, { isLab, isOperators, hasFolder, hasInstaller }: DrillEnvironment): string | undefined {
  if (scenario.isLabOnly === true && !isLab) return 'can be brought about in the lab only'
  if (scenario.isOperators === true && !isOperators) return 'is about what only an operator keeps, and none keeps the Flux of this cluster'
  if (scenario.needsInstaller === true && !hasInstaller) return 'deletes controllers that nothing here would put back'
  if (scenario.needsFolder === true && !hasFolder) {
    return 'is repaired by what Git says of the cluster, and there is no folder below kubernetes/clusters for it'
  }
  return undefined
}

/**
 * The scenarios that `--scenario` names; with `all`, those that can be brought about here, and repaired again.
 * @throws OperatorError `usage` naming the nearest right one, or why one is not for this cluster
 */
export function chooseScenarios(
  wanted: string,
  again: (...flags: readonly string[]) => string,
  environment: DrillEnvironment,
): readonly Scenario[] {
  if (wanted === 'all') {
    const possible = scenarios.filter((scenario) => whyNot(scenario, environment) === undefined)
    if (possible.length > 0) return possible
    throw new OperatorError('no disaster can be rehearsed on this cluster: recover.ts could repair none of them', {
      kind: 'usage',
      remedy: 'npx zx scripts/drill.ts --lab --scenario all',
    })
  }
  if (wanted.split(',').includes('all')) {
    throw new OperatorError(`--scenario ${wanted}: all stands alone, it has every other in it`, {
      kind: 'usage',
      remedy: again('--scenario', 'all'),
    })
  }
  return wanted.split(',').map((name) => {
    const scenario = scenarios.find((one) => one.name === name)
    if (scenario === undefined) {
      const names = scenarios.map((one) => one.name)
      const close = nearest(name, names)
      throw new OperatorError(
        `there is no scenario "${name}"; ${close === undefined ? `there are ${names.join(', ')}` : `did you mean ${close}?`}`,
        {
          kind: 'usage',
          remedy:
            close === undefined
              ? 'npx zx scripts/drill.ts --help'
              : again(
                  '--scenario',
                  wanted
                    .split(',')
                    .map((one) => (one === name ? close : one))
                    .join(','),
                ),
        },
      )
    }
    const why = whyNot(scenario, environment)
    if (why === undefined) return scenario
    throw new OperatorError(`the scenario ${name} ${why}`, {
      kind: 'usage',
      remedy: `npx zx scripts/drill.ts --lab --scenario ${name}`,
    })
  })
}
