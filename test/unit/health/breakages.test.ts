import { expect, test } from 'vitest'
import { allProbes } from '../../../lib/health/all-probes.ts'
import { breakages } from '../../lab/any-flux/breakages.ts'

test('for every probe there is a breakage that the lab tries on every kind of cluster', () => {
  expect(Object.keys(breakages)).toEqual(allProbes.map(({ id }) => id))
})
