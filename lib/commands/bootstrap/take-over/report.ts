import type { Survival } from '../../../continuity/compare.ts'
import type { DocumentFields } from '../../../runner/report.ts'
import type { ObservingStep } from '../../../runner/step.ts'

/** What the document says of the proof, once it was made. */
export function surviving(proof: ObservingStep<Survival>): DocumentFields {
  const seen = proof.observed()?.value
  if (seen === undefined) return { fields: {} }
  return { fields: { survival: { checked: seen.checked, changed: seen.changed.length, missing: seen.missing.length } } }
}
