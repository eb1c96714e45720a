import { describe, expect, test } from 'vitest'
import { choicesFrom, type InstalledVersions, linesOfChoices, operatorsToRead } from '../../../../lib/commands/upgrade/list.ts'

const here: InstalledVersions = { flux: '2.9.4', operator: '0.59.0', kubernetes: 'v1.34.1' }
const brings = (operator: string, ...versions: string[]) => ({ operator, distribution: { versions } })
const operators = [brings('0.60.0', '2.9.4', '2.9.5', '2.10.0'), brings('0.59.0', '2.8.8', '2.9.4', '2.9.5', '2.10.0-rc.1')]
const none = (): readonly string[] => []

describe('the versions that there are', () => {
  test('begin with the one that runs, each with the oldest operator that brings it', () => {
    expect(choicesFrom(here, operators, none).map(({ flux, operator }) => `${flux} ${operator}`)).toEqual([
      '2.9.4 0.59.0',
      '2.9.5 0.59.0',
      '2.10.0 0.60.0',
    ])
  })

  test('say what they need, and that of one after 2.9 more is not known', () => {
    expect(linesOfChoices(choicesFrom(here, operators, none), here, '--context infra')).toEqual([
      '  2.9.4   flux-operator 0.59.0  Kubernetes 1.33 or newer              runs here',
      '  2.9.5   flux-operator 0.59.0  Kubernetes 1.33 or newer',
      '    → npx zx scripts/upgrade.ts --context infra --to 2.9.5',
      '  2.10.0  flux-operator 0.60.0  Kubernetes 1.33 or newer, maybe more',
      '    → npx zx scripts/upgrade.ts --context infra --operator 0.60.0 --to 2.10.0',
    ])
  })

  test('say what blocks the run: Kubernetes, and for another minor what Git has in API versions that will be removed', () => {
    const place = 'kubernetes/apps/a.yaml:1: HelmRelease in helm.toolkit.fluxcd.io/v2beta2, which will be removed'
    const choices = choicesFrom({ ...here, kubernetes: 'v1.32.0' }, operators, () => [place])
    const tooOld = 'Kubernetes 1.33 or newer: this cluster is v1.32.0'
    expect(choices.map(({ blockedBy }) => blockedBy)).toEqual([[tooOld], [tooOld], [tooOld, place]])
    expect(linesOfChoices(choices, here, '--lab')[2]).toContain(`blocked: ${tooOld}; ${place}`)
  })
})

test('of newer operators the newest patch of each of the last minors is checked', () => {
  const tags = ['0.58.1', '0.59.0', '0.59.1', '0.60.0', '0.60.2', '0.60.1', '0.61.0-rc.1', 'latest', '0.62.0', '0.63.0', '0.64.0', '1.0.0']
  expect(operatorsToRead(tags, '0.59.0')).toEqual(['0.62.0', '0.63.0', '0.64.0', '1.0.0'])
  expect(operatorsToRead(['0.59.1', '0.60.0', '0.60.2'], '0.59.0')).toEqual(['0.59.1', '0.60.2'])
  expect(operatorsToRead(tags, '1.0.0')).toEqual([])
})
