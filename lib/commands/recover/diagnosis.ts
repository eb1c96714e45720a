import { type FailureMode, failureModes } from './failures.ts'
import type { Evidence } from './evidence.ts'

/** A disaster that was recognised, and by what. */
export interface Diagnosis {
  readonly mode: FailureMode
  readonly because: string
}

/**
 * The disasters that the evidence shows, the greatest first. One whose remedy recreates everything stands for all others but what a
 * person decided, what would refuse that too, and what is not Flux's own.
 * @param begun those whose remedy an interrupted run has begun, and which may not be seen any more
 */
export function diagnose(evidence: Evidence, begun: readonly string[] = []): Diagnosis[] {
  const { expectsOperator } = evidence.installation
  const found = failureModes.flatMap((mode): Diagnosis[] => {
    if (mode.isOperators === true && !expectsOperator) return []
    const because = mode.recognise(evidence) ?? (begun.includes(mode.id) ? 'an earlier run started to fix it' : undefined)
    return because === undefined ? [] : [{ mode, because }]
  })
  const whole = found.find(({ mode }) => mode.isWhole === true)
  const stays = ({ mode }: Diagnosis): boolean => mode.isDecision === true || mode.isObstacle === true || mode.isBeside === true
  return whole === undefined ? found : found.filter((one) => one === whole || stays(one))
}
