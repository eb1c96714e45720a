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
  /** The tree is of this project's layout, with a settings.yaml for the cluster. */
  readonly hasSettings: boolean
  /** Controllers that are gone come back: by the operator, or by a flux CLI that is there. */
  readonly hasInstaller: boolean
}

/** Why a scenario is not for this cluster; undefined where it is. What recover.ts could not repair is never broken. */
function whyNot(scenario: Scenario, { isLab, isOperators, hasFolder, hasSettings, hasInstaller }: DrillEnvironment): string | undefined {
  if (scenario.isLabOnly === true && !isLab) return 'is possible only in the lab'
  if (scenario.isOperators === true && !isOperators) return 'needs an operator, and this cluster has none'
  if (scenario.needsInstaller === true && !hasInstaller) return 'deletes controllers that nothing here would recreate'
  if (scenario.needsFolder === true && !hasFolder) {
    return 'is repaired from Git, and there is no folder below kubernetes/clusters for this cluster'
  }
  if (scenario.needsSettings === true && hasFolder && !hasSettings) {
    return "changes the cluster's settings.yaml, which a tree of another layout does not have"
  }
  return undefined
}

/**
 * The scenarios that `--scenario` names, whatever the cluster is; with `all`, every one.
 * @throws OperatorError `usage` naming the nearest right one
 */
export function scenariosNamed(wanted: string, again: (...flags: readonly string[]) => string): readonly Scenario[] {
  if (wanted === 'all') return scenarios
  const refuse = (what: string, remedy: string): OperatorError => new OperatorError(what, { kind: 'usage', remedy })
  const names = wanted.split(',')
  if (names.includes('all'))
    throw refuse(`--scenario ${wanted}: all cannot be combined; it includes every scenario`, again('--scenario', 'all'))
  return names.map((name) => {
    const scenario = scenarios.find((one) => one.name === name)
    if (scenario !== undefined) return scenario
    const known = scenarios.map((one) => one.name)
    const close = nearest(name, known)
    if (close === undefined) throw refuse(`there is no scenario "${name}"; there are ${known.join(', ')}`, 'npx zx scripts/drill.ts --help')
    const meant = names.map((one) => (one === name ? close : one)).join(',')
    throw refuse(`there is no scenario "${name}"; did you mean ${close}?`, again('--scenario', meant))
  })
}

/**
 * Those of the scenarios that `--scenario` names that can be brought about here, and repaired again.
 * @throws OperatorError `usage` why one that is named is not for this cluster
 */
export function chooseScenarios(
  wanted: string,
  again: (...flags: readonly string[]) => string,
  environment: DrillEnvironment,
): readonly Scenario[] {
  const named = scenariosNamed(wanted, again)
  if (wanted === 'all') {
    const possible = named.filter((scenario) => whyNot(scenario, environment) === undefined)
    if (possible.length > 0) return possible
    throw new OperatorError('no disaster can be rehearsed on this cluster: recover.ts could repair none of them', {
      kind: 'usage',
      remedy: 'npx zx scripts/drill.ts --lab --scenario all',
    })
  }
  for (const scenario of named) {
    const why = whyNot(scenario, environment)
    if (why === undefined) continue
    throw new OperatorError(`the scenario ${scenario.name} ${why}`, {
      kind: 'usage',
      remedy: `npx zx scripts/drill.ts --lab --scenario ${scenario.name}`,
    })
  }
  return named
}
