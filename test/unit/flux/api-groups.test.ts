import { describe, expect, test } from 'vitest'
import {
  controllerGroups,
  fluxGroups,
  groupOfCrd,
  isControllerGroup,
  isFluxGroup,
  isFluxKind,
  isOfGroup,
} from '../../../lib/flux/api-groups.ts'

describe('whose an API group is', () => {
  test.each(fluxGroups)('%s is of Flux', (group) => {
    expect(isFluxGroup(group)).toBe(true)
    expect(isControllerGroup(group)).toBe(controllerGroups.includes(group))
    expect(isFluxKind({ apiVersion: `${group}/v1` })).toBe(true)
  })

  test.each(['later.toolkit.fluxcd.io', 'web.fluxcd.controlplane.io'])('%s, which a later version may have, is too', (group) => {
    expect(isFluxGroup(group)).toBe(true)
  })

  test.each(['', 'v1', 'apps', 'toolkit.fluxcd.io', 'contrib.fluxcd.io', 'a.b.toolkit.fluxcd.io', 'other.extensions.fluxcd.io'])(
    '%j is not',
    (group) => {
      expect(isFluxGroup(group)).toBe(false)
    },
  )

  test('only the operator is not a controller', () => {
    expect(fluxGroups.filter((group) => !isControllerGroup(group))).toEqual(['fluxcd.controlplane.io'])
  })

  test('a CRD tells its group, a kind is of one in any version', () => {
    expect(groupOfCrd('buckets.source.toolkit.fluxcd.io')).toBe('source.toolkit.fluxcd.io')
    expect(isOfGroup({ apiVersion: 'helm.toolkit.fluxcd.io/v2beta2' }, 'helm.toolkit.fluxcd.io')).toBe(true)
    expect(isOfGroup({ apiVersion: 'web.fluxcd.controlplane.io/v1' }, 'fluxcd.controlplane.io')).toBe(false)
  })
})
