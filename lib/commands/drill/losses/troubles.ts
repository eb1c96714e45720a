import type { ProbeResult, State } from '../../../health/probe.ts'

/** One thing that one probe says is not as it should be. */
export interface ProbeTrouble {
  readonly probe: string
  readonly state: State
  readonly object: string
  readonly reason: string
}

/** Everything that the probes are not content with. */
export function troublesOf(probed: readonly ProbeResult[]): ProbeTrouble[] {
  return probed.flatMap(({ id, state, detail, objects = [] }) => {
    if (state === 'ok') return []
    if (objects.length === 0) return [{ probe: id, state, object: id, reason: detail }]
    return objects.map(({ object, reason }) => ({ probe: id, state, object, reason }))
  })
}

/** What was not reported before, in the same way. */
export function newTroubles(now: readonly ProbeTrouble[], before: readonly ProbeTrouble[]): ProbeTrouble[] {
  const known = new Set(before.map(keyOf))
  return now.filter((one) => !known.has(keyOf(one)))
}

function keyOf({ probe, state, object }: ProbeTrouble): string {
  return `${probe} ${state} ${object}`
}

/** The probe that noticed: the one that names a damaged object, else the first that is unhealthy; what only was checked without a result last. */
export function noticedBy(news: readonly ProbeTrouble[], objects: readonly string[]): string | undefined {
  const names = news.find(({ object, reason }) => objects.some((name) => object === name || reason.includes(name)))
  const fails = news.find(({ state }) => state === 'fail')
  return (names ?? fails ?? news[0])?.probe
}
