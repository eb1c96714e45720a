import * as v from 'valibot'

/** What stands in for something that the lab cannot have. */
export const standInSchema = v.object({
  /** `source`: another address or login; `chart`, `manifests`: made by the lab; `secret`: other values; `removed`: nothing stands for it. */
  kind: v.picklist(['source', 'chart', 'manifests', 'secret', 'values', 'definition', 'removed']),
  /** What it is, as people know it: an object, or a file of the repository. */
  name: v.string(),
  /** What it stands for. */
  inPlaceOf: v.string(),
})
export type StandIn = v.InferOutput<typeof standInSchema>

/** Each once, in the order in which they were found. */
export function distinct(standIns: readonly StandIn[]): StandIn[] {
  const seen = new Map(standIns.map((one) => [`${one.kind} ${one.name} ${one.inPlaceOf}`, one]))
  return [...seen.values()]
}
