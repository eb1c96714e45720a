import { firstCause, groupedBy } from '../base/first-cause.ts'
import type { Output } from '../terminal/output.ts'
import { showDuration } from '../base/duration.ts'
import type { ProbeResult, Trouble } from './probe.ts'
import { sectionOf } from './problems.ts'

/** More than these of one probe are in the JSON only. */
const most = 8

/**
 * One line for each probe (– is a probe that does not apply), and below one that found something each object with the
 * reason, since when, and the next command: what fails for one reason is one line with a count, a command is printed once where it is the same
 * for all, and a long reason is cut, unless everything is asked for.
 */
export function showProbes(output: Output, probed: readonly ProbeResult[], now: number, isVerbose = false): void {
  for (const { title, state, detail, applies = true, next, objects = [] } of probed) {
    const line = `${title}: ${isVerbose ? detail : firstCause(detail)}`
    if (!applies) output.faint(`– ${line}`)
    else if (state === 'ok') output.success(line)
    else if (state === 'warn') output.warning(line)
    else output.failure(line)
    if (next !== undefined) output.faint(`    → ${next}`)
    const groups = isVerbose ? objects.map((trouble): readonly Trouble[] => [trouble]) : grouped(objects)
    const shown = isVerbose ? groups : groups.slice(0, most)
    for (const [at, group] of shown.entries())
      showTroubles(output, group, { now, isVerbose, isLast: group[0]?.next !== shown[at + 1]?.[0]?.next })
    const left = groups.slice(shown.length).flat().length
    if (left > 0) output.faint(`    and ${left} more; --json lists them all`)
  }
}

/** From so many on, those with one reason are one line. */
const several = 3

function grouped(objects: readonly Trouble[]): (readonly Trouble[])[] {
  // Who has suspended what is a person's to know, one by one.
  const groups = groupedBy(objects, (trouble) =>
    trouble.suspension === undefined ? `${kindOf(trouble)} ${trouble.problem ?? ''} ${impersonal(trouble)}` : trouble.object,
  )
  return groups.flatMap((group): (readonly Trouble[])[] => (group.length < several ? group.map((trouble) => [trouble]) : [[...group]]))
}

function kindOf({ object }: Trouble): string {
  return object.split(' ')[0] ?? ''
}

/** The reason without what it says of the object itself: of its namespace's account, or of its path. */
function impersonal({ object, reason }: Trouble): string {
  const words = (object.split(' ')[1] ?? '').split('/').filter((word) => word.length >= 3)
  return words.reduce((text, word) => text.replaceAll(word, '*'), reason)
}

function showTroubles(
  output: Output,
  group: readonly Trouble[],
  { now, isVerbose, isLast }: { readonly now: number; readonly isVerbose: boolean; readonly isLast: boolean },
): void {
  const [first, ...others] = group
  if (first === undefined) return
  const { object, reason, since, next, problem } = first
  const age = since === undefined ? NaN : now - Date.parse(since)
  const time = Number.isNaN(age) ? '' : ` (for ${showDuration(Math.max(0, age))})`
  const more = others.length === 0 ? '' : `${group.length} objects with the same reason, the first is `
  output.line(`    ${more}${object}: ${isVerbose ? reason : firstCause(reason)}${time}`)
  if (problem !== undefined) output.line(`    this is "${problem}": ${sectionOf(problem)}`)
  if (next !== undefined && isLast) output.faint(`    → ${next}`)
}

/** The probes as the document has them. */
export function probesField(probed: readonly ProbeResult[]): unknown[] {
  return probed.map(({ objects, applies = true, ...probe }) => ({
    ...probe,
    applies,
    ...(objects === undefined
      ? {}
      : {
          objects: objects.map(({ problem, cause: _cause, suspension: _suspension, ...trouble }) => ({
            ...trouble,
            ...(problem === undefined ? {} : { problem, runbook: sectionOf(problem) }),
          })),
        }),
  }))
}

/** What is suspended, of what the probes checked, and by whom, as the document has it. */
export function suspendedField(probed: readonly ProbeResult[]): unknown[] {
  return probed.flatMap(({ objects = [] }) =>
    objects.flatMap(({ object, suspension }) =>
      suspension === undefined ? [] : [{ object, by: suspension.by, since: suspension.since ?? null, via: suspension.via }],
    ),
  )
}
