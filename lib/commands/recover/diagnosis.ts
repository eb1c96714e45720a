import { type Disaster, disasters } from './failures.ts'
import type { Evidence } from './evidence.ts'

/** A disaster that was recognised, and by what. */
export interface Diagnosed {
  readonly disaster: Disaster
  readonly because: string
}

/**
 * The disasters that the evidence shows, the greatest first. One whose remedy recreates everything stands for all others but what a
 * person decided, and what would refuse that too.
 * @param begun those whose remedy an interrupted run has begun, and which may not be seen any more
 */
export function diagnose(evidence: Evidence, begun: readonly string[] = []): Diagnosed[] {
  const { expectsOperator } = evidence.installation
  const found = disasters.flatMap((disaster): Diagnosed[] => {
    if (disaster.isOperators === true && !expectsOperator) return []
    const because = disaster.recognise(evidence) ?? (begun.includes(disaster.id) ? 'an earlier run has begun to fix it' : undefined)
    return because === undefined ? [] : [{ disaster, because }]
  })
  const whole = found.find(({ disaster }) => disaster.isWhole === true)
  return whole === undefined
    ? found
    : found.filter((one) => one === whole || one.disaster.isDecision === true || one.disaster.isObstacle === true)
}
