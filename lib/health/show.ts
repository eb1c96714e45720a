import type { Console } from '../console.ts'
import { showDuration } from '../duration.ts'
import type { Probed, Trouble } from './probe.ts'
import { sectionOf } from './problems.ts'

/** More than these of one probe are in the JSON only. */
const most = 8

/** One line for each probe, and below one that found something each object with the reason, since when, and the next command. */
export function showProbes(console: Console, probed: readonly Probed[], now: number): void {
  for (const { title, state, detail, objects = [] } of probed) {
    const line = `${title}: ${detail}`
    if (state === 'ok') console.success(line)
    else if (state === 'warn') console.warning(line)
    else console.failure(line)
    for (const trouble of objects.slice(0, most)) showTrouble(console, trouble, now)
    if (objects.length > most) console.faint(`    and ${objects.length - most} more; --json lists them all`)
  }
}

function showTrouble(console: Console, { object, reason, since, next, problem }: Trouble, now: number): void {
  const age = since === undefined ? NaN : now - Date.parse(since)
  console.line(`    ${object}: ${reason}${Number.isNaN(age) ? '' : ` (for ${showDuration(Math.max(0, age))})`}`)
  if (problem !== undefined) console.line(`    this is "${problem}": ${sectionOf(problem)}`)
  if (next !== undefined) console.faint(`    → ${next}`)
}

/** The probes as the document has them. */
export function probesField(probed: readonly Probed[]): unknown[] {
  return probed.map(({ objects, ...probe }) => ({
    ...probe,
    ...(objects === undefined
      ? {}
      : {
          objects: objects.map(({ problem, ...trouble }) => ({
            ...trouble,
            ...(problem === undefined ? {} : { problem, runbook: sectionOf(problem) }),
          })),
        }),
  }))
}
