import type { TrackedObject, Fingerprint } from './fingerprint.ts'

/** What happened to what was to outlive Flux. */
export interface Survival {
  /** How many objects had to be there afterwards, each with the same UID. */
  readonly checked: number
  /** Those that are there under another UID: deleted, and recreated. */
  readonly changed: readonly string[]
  readonly missing: readonly string[]
  /** What is not a failure, but should be reported: in words. */
  readonly reported: readonly string[]
}

/** Compares two moments: an object that stands for itself must be there, and be the same one. */
export function compareSurvival(before: Fingerprint, after: Fingerprint): Survival {
  const now = new Map(after.map((tracked) => [tracked.name, tracked]))
  const bound = before.filter(({ isOwned, isPassing }) => !isOwned && !isPassing)
  const free = before.filter(({ isOwned, isPassing }) => isOwned || isPassing)
  const survived = before.flatMap((old) => {
    const same = now.get(old.name)
    return same?.uid === old.uid ? [{ old, same }] : []
  })
  const isMissing = ({ name }: TrackedObject): boolean => !now.has(name)
  const isChanged = ({ name, uid }: TrackedObject): boolean => now.has(name) && now.get(name)?.uid !== uid
  const said = (count: number, what: string): string[] => (count === 0 ? [] : [`${count} ${what}`])
  const named = (all: readonly string[], what: string): string[] =>
    all.length === 0 ? [] : [`${what}: ${all.slice(0, 5).join(', ')}${all.length > 5 ? ` and ${all.length - 5} more` : ''}`]
  return {
    checked: bound.length,
    changed: bound.filter(isChanged).map(({ name }) => name),
    missing: bound.filter(isMissing).map(({ name }) => name),
    reported: [
      ...named(
        survived.filter(({ old, same }) => same.generation > old.generation).map(({ old }) => old.name),
        'changed their spec meanwhile',
      ),
      ...named(
        survived.filter(({ old, same }) => same.restarts > old.restarts).map(({ old }) => old.name),
        'restarted containers meanwhile',
      ),
      ...named(
        free.filter((tracked) => tracked.isPassing && isMissing(tracked)).map(({ name }) => name),
        'Jobs that had finished, or were due for deletion, are gone',
      ),
      ...said(
        free.filter((tracked) => tracked.isOwned && (isMissing(tracked) || isChanged(tracked))).length,
        'owned objects were replaced by their owners',
      ),
    ],
  }
}
