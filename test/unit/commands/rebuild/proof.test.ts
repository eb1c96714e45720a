import { expect, test } from 'vitest'
import type { Survival } from '../../../../lib/continuity/compare.ts'
import { proofSoFar } from '../../../../lib/commands/rebuild/rebuild.ts'
import type { ObservingStep, Step } from '../../../../lib/runner/step.ts'

const survival = (checked: number): Survival => ({ checked, changed: [], missing: [], reported: [] })
const check: Step = {
  id: 'x',
  title: 'x',
  risk: 'safe',
  check: () => Promise.resolve({ is: 'done', detail: '' }),
  apply: () => Promise.resolve(),
}
const observing = <T>(value?: T, at = 0): ObservingStep<T> => ({
  ...check,
  observed: () => (value === undefined ? undefined : { value, at }),
})
const taking = { residue: observing(['Namespace flux-system']), survival: observing(survival(1), 10) }

test.each([
  ['nothing was checked', { residue: observing<string[]>(), survival: observing<Survival>() }, observing<Survival>(), {}],
  ['it is not known yet whether all stayed alive', taking, observing<Survival>(), { residue: ['Namespace flux-system'], checked: 1 }],
  ['Flux is back', taking, observing(survival(2), 11), { residue: ['Namespace flux-system'], checked: 2 }],
  [
    'what the plan saw is older than what the teardown saw',
    taking,
    observing(survival(2), 9),
    { residue: ['Namespace flux-system'], checked: 1 },
  ],
  ['Flux was down before the run was resumed', undefined, observing(survival(2), 9), { residue: [], checked: 2 }],
])('a rebuild where %s', (_, down, continuity, { residue, checked }: { residue?: string[]; checked?: number }) => {
  expect(proofSoFar(down, continuity)).toEqual({ residue, survival: checked === undefined ? undefined : survival(checked) })
})
