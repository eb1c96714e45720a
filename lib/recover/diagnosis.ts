import { type Disaster, disasters } from './disasters.ts'
import type { Evidence } from './evidence.ts'

/** A disaster that was recognised, and by what. */
export interface Diagnosed {
  readonly disaster: Disaster
  readonly because: string
}

/**
 * The disasters that the evidence shows, the greatest first. One whose remedy makes everything anew stands for all others.
 * @param isEndingLoop that an earlier run has suspended a loop, which cannot be seen any more
 */
export function diagnose(evidence: Evidence, isEndingLoop = false): Diagnosed[] {
  const found = disasters.flatMap((disaster): Diagnosed[] => {
    const because = disaster.recognise(evidence) ?? (isEndingLoop && disaster.id === 'loop' ? 'an earlier run has suspended it' : undefined)
    return because === undefined ? [] : [{ disaster, because }]
  })
  const whole = found.find(({ disaster }) => disaster.isWhole === true)
  return whole === undefined ? found : [whole]
}
