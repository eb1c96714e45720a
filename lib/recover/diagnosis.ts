import { type Disaster, disasters } from './disasters.ts'
import type { Evidence } from './evidence.ts'

/** A disaster that was recognised, and by what. */
export interface Diagnosed {
  readonly disaster: Disaster
  readonly because: string
}

/**
 * The disasters that the evidence shows, the greatest first. One whose remedy makes everything anew stands for all others.
 * @param begun those whose remedy an interrupted run has begun, and which may not be seen any more
 */
export function diagnose(evidence: Evidence, begun: readonly string[] = []): Diagnosed[] {
  const found = disasters.flatMap((disaster): Diagnosed[] => {
    const because = disaster.recognise(evidence) ?? (begun.includes(disaster.id) ? 'an earlier run has begun to mend it' : undefined)
    return because === undefined ? [] : [{ disaster, because }]
  })
  const whole = found.find(({ disaster }) => disaster.isWhole === true)
  return whole === undefined ? found : [whole]
}
