import { counted } from './counted.ts'

/** A message that is longer, in characters or in lines, is cut. */
const longest = 400
const mostLines = 3

/**
 * The first cause in a long message, as a person reads it: the API names every object and rule that it refuses, twenty-five lines of them.
 * A message of a few lines is left as it is.
 */
export function firstCause(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  if (lines.length <= mostLines && text.length <= longest) return text
  const [first = '', second = ''] = lines
  const isHeading = first.trimEnd().endsWith(':') && second !== ''
  const cause = isHeading ? `${first.trimEnd()} ${second.trim()}` : first.trimEnd()
  const left = lines.length - (isHeading ? 2 : 1)
  // Not in the middle of a word, which may be a secret: half of it would not be known for one.
  const shown = cause.length > longest ? `${cause.slice(0, longest).replace(/\s\S*$/, '')}…` : cause
  return `${shown} (${left === 0 ? 'cut' : `and ${counted(left, 'more line')}`}; --verbose and --json have it whole)`
}

/** Counts what has one reason once: the first that has it, and how many more do, in the order of their first. */
export function groupedBy<T>(items: readonly T[], reasonOf: (item: T) => string): (readonly [T, ...T[]])[] {
  const groups = new Map<string, [T, ...T[]]>()
  for (const item of items) {
    const reason = reasonOf(item)
    const group = groups.get(reason)
    if (group === undefined) groups.set(reason, [item])
    else group.push(item)
  }
  return [...groups.values()]
}
