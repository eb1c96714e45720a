import { exitCodes } from '../../../base/errors.ts'
import type { Wave } from '../fleet-file.ts'
import type { FleetProgress } from '../fleet-progress.ts'
import type { ClusterRecord, FleetRun } from '../fleet-run.ts'

type Event = Parameters<FleetProgress['event']>

/** What has happened between two states of a run, for a person who watches it from a terminal. */
export function eventsBetween(before: FleetRun['clusters'], after: FleetRun['clusters'], command: string, waves: readonly Wave[]): Event[] {
  return waves.flatMap(({ name: wave, clusters }) =>
    clusters.flatMap(({ name }): Event[] => {
      const now = after[name]
      return now === undefined ? [] : changesOf(before[name], now, `${wave}/${name}: `, command)
    }),
  )
}

function changesOf(before: ClusterRecord | undefined, now: ClusterRecord, where: string, command: string): Event[] {
  const events: Event[] = []
  const spans = before?.spans.length ?? 0
  if (now.trouble !== undefined && now.trouble !== before?.trouble) events.push(['warning', `${where}${now.trouble}`])
  if (now.spans.length > spans) events.push(['action', `${where}${command}${now.spans.length > 1 ? ' again' : ''}`])
  for (const [was, end, what] of [
    [before?.end, now.end, ''],
    [before?.health, now.health, 'health after the soak: '],
  ] as const) {
    if (end === undefined || was !== undefined) continue
    const why = end.error === undefined ? '' : `: ${end.error.message.split('\n')[0]}`
    events.push([end.exitCode === exitCodes.done ? 'success' : 'failure', `${where}${what}${end.outcome}${why}`])
  }
  return events
}
