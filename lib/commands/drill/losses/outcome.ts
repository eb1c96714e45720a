import * as v from 'valibot'

/** What happened to one round of losses, as the document has it and as a resumed drill reads it again. Times count from the damage. */
export const lossSchema = v.object({
  /** One of a pair stands beside the other. */
  objects: v.array(v.string()),
  damages: v.array(v.string()),
  /** The probe that said so first; null where none did. */
  noticed: v.nullable(v.string()),
  detectedMs: v.nullable(v.number()),
  /** Why nobody had to notice; null where someone did, or should have. */
  harmless: v.nullable(v.string()),
  healedBy: v.picklist(['flux', 'recover', 'person', 'nobody']),
  recoveredMs: v.nullable(v.number()),
  objectiveMs: v.number(),
  /** Every workload is the same object. */
  survived: v.boolean(),
  /** Those that are not were named in recover.ts's plan. */
  announced: v.boolean(),
  /** What recover.ts said it is. */
  recognised: v.array(v.string()),
  failure: v.nullable(v.string()),
})
export type LossOutcome = v.InferOutput<typeof lossSchema>

/** Whether a round ended as it should: noticed or harmless, green again in time, and no workload lost that nobody had named before. */
export function isMet({ noticed, harmless, healedBy, recoveredMs, objectiveMs, survived, announced, failure }: LossOutcome): boolean {
  return (
    failure === null &&
    (noticed !== null || harmless !== null) &&
    (healedBy !== 'nobody' || harmless !== null) &&
    recoveredMs !== null &&
    recoveredMs <= objectiveMs &&
    (survived || announced)
  )
}

/** As the document has it: of one object its name, of a pair both. */
export function lossField({ objects, ...others }: LossOutcome): Record<string, unknown> {
  return objects.length === 1 ? { object: objects[0], ...others } : { objects, ...others }
}
