/** A version's numbers; what comes after them (`-gke.100`, `+k3s1`) decides nothing here. */
export interface Version {
  readonly major: number
  readonly minor: number
  readonly patch: number
}

/** The first version in a text such as `v1.33.4-gke.100`, `git version 2.39.5` or `v4.2`; undefined where there is none. */
export function parseVersion(text: string): Version | undefined {
  const found = /(?<!\d)(\d+)\.(\d+)(?:\.(\d+))?/.exec(text)
  return found === null ? undefined : { major: Number(found[1]), minor: Number(found[2]), patch: Number(found[3] ?? 0) }
}

/** Below zero where `one` is the older, above where it is the newer. */
export function compareVersions(one: Version, other: Version): number {
  return one.major - other.major || one.minor - other.minor || one.patch - other.patch
}

/** Whether a version is of a newer minor than the other: the way between them is not a patch. */
export function isNewerMinor(version: string, than: string): boolean {
  const [one, other] = [parseVersion(version), parseVersion(than)]
  return one !== undefined && other !== undefined && (one.major - other.major || one.minor - other.minor) > 0
}
/**
 * The versions nearest to one that does not exist: of the same minor before others, of the same major before others. Beyond that what
 * counts is where it would stand among them: nearest to 3.0.0 is the newest of 2, and not 2.0.0.
 */
export function nearestVersions(version: string, versions: readonly string[]): string[] {
  const wanted = parseVersion(version)
  if (wanted === undefined) return []
  const far = (other: string): number => {
    const is = parseVersion(other)
    if (is === undefined) return Number.POSITIVE_INFINITY
    if (is.major !== wanted.major) return Math.abs(is.major - wanted.major) * 1e6
    return is.minor === wanted.minor ? Math.abs(is.patch - wanted.patch) : Math.abs(is.minor - wanted.minor) * 1e3
  }
  const isNewerMajor = (other: string): boolean => (parseVersion(other)?.major ?? 0) > wanted.major
  const inOrder = (one: string, other: string): number => (isNewerMajor(one) && isNewerMajor(other) ? order(one, other) : order(other, one))
  return [...versions].sort((one, other) => far(one) - far(other) || inOrder(one, other)).slice(0, 3)
}
/** Below zero where `one` is the older. */
export function order(one: string, other: string): number {
  const [first, second] = [parseVersion(one), parseVersion(other)]
  return first === undefined || second === undefined ? 0 : compareVersions(first, second)
}
