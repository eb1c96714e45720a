/** A version's numbers; what comes after them (`-gke.100`, `+k3s1`) decides nothing here. */
export interface Version {
  readonly major: number
  readonly minor: number
  readonly patch: number
}

/** The first version in a text such as `v1.33.4-gke.100`, `git version 2.39.5` or `v4.2`; undefined where there is none. */
export function parseVersion(text: string): Version | undefined {
  const found = /(\d+)\.(\d+)(?:\.(\d+))?/.exec(text)
  return found === null ? undefined : { major: Number(found[1]), minor: Number(found[2]), patch: Number(found[3] ?? 0) }
}

/** Below zero where `one` is the older, above where it is the newer. */
export function compareVersions(one: Version, other: Version): number {
  return one.major - other.major || one.minor - other.minor || one.patch - other.patch
}

/** Whether a version is of a newer minor than the other: the way between them is no patch. */
export function isNewerMinor(version: string, than: string): boolean {
  const [one, other] = [parseVersion(version), parseVersion(than)]
  return one !== undefined && other !== undefined && (one.major - other.major || one.minor - other.minor) > 0
}
