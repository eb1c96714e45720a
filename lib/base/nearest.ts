/** The word that was most likely meant, or undefined where none is near. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const begun = words.filter((candidate) => candidate.startsWith(word))
  const isNear = (candidate: string): boolean =>
    (candidate.startsWith(word) && (word.length > 1 || begun.length === 1)) || (word.length > 1 && endsWithName(candidate, word))
  const ranked = words
    .map((candidate) => ({ candidate, letters: distance(word, candidate) }))
    .map((one) => ({ ...one, distance: isNear(one.candidate) ? Math.min(1, one.letters) : one.letters }))
    .sort((one, other) => one.distance - other.distance || one.letters - other.letters)
  const best = ranked[0]
  return best !== undefined && best.distance <= Math.max(word.length < 4 ? 1 : 2, Math.floor(word.length / 3)) ? best.candidate : undefined
}

/** That one is the other behind a prefix: `lab-infra` and `infra`, `gke_project_zone_infra` and `infra`. */
function endsWithName(one: string, other: string): boolean {
  const [longer, shorter] = one.length > other.length ? [one, other] : [other, one]
  return longer.endsWith(shorter) && /[-_/:@.]$/.test(longer.slice(0, -shorter.length))
}

/** How many letters are missing, too many, wrong, or swapped with the next one: the optimal string alignment distance. */
function distance(one: string, other: string): number {
  let before: number[] = []
  let previous = Array.from({ length: other.length + 1 }, (_, column) => column)
  for (let row = 1; row <= one.length; row++) {
    const current = [row]
    for (let column = 1; column <= other.length; column++) {
      const substituted = (previous[column - 1] ?? 0) + (one[row - 1] === other[column - 1] ? 0 : 1)
      const isSwapped = one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1]
      const swapped = isSwapped ? (before[column - 2] ?? 0) + 1 : Infinity
      current.push(Math.min(substituted, swapped, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1))
    }
    before = previous
    previous = current
  }
  return previous[other.length] ?? 0
}
