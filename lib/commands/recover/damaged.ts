import type { DamageKind, Trouble } from '../../health/probe.ts'
import type { Evidence } from './evidence.ts'
import { troubles } from './stuck-releases.ts'

/** What a probe saw that is lost or altered in one of these ways. */
export function damaged(probed: Evidence['probed'], id: string, ...kinds: readonly DamageKind[]): readonly Trouble[] {
  return troubles(probed, id).filter(({ damage }) => damage !== undefined && kinds.includes(damage))
}

/** The first of them, and how many more there are; undefined where there is none. */
export function described(found: readonly Trouble[]): string | undefined {
  const [first, ...others] = found
  if (first === undefined) return undefined
  return `${first.object} ${first.reason}${others.length === 0 ? '' : `; and ${others.length} more: ${others.map(({ object }) => object).join(', ')}`}`
}

/** Of the API where a webhook does not answer: whatever is refused so can be written again once that is gone. */
export const refusedByWebhook = /failed calling webhook "/

/** That a write failed only because of a webhook that recover removes. */
export function isObstructed(probed: Evidence['probed'], reason: string): boolean {
  const webhooks = [...damaged(probed, 'webhooks', 'webhook-unanswered'), ...damaged(probed, 'certificates', 'webhook-expired')]
  return webhooks.length > 0 && refusedByWebhook.test(reason)
}
