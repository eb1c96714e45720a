import type { Distribution } from '../distribution.ts'
import { compareVersions, parseVersion } from '../version.ts'
import { blocks, type Finding, notice } from './finding.ts'

export interface Wanted {
  readonly from: { readonly flux: string; readonly operator: string }
  readonly to: { readonly flux: string; readonly operator: string }
  /** What the distribution artifact holds; undefined where it cannot be read, and then `artifact` says which. */
  readonly distribution: Distribution | undefined
  readonly artifact: string
  /** Older versions are meant. */
  readonly isBack: boolean
}

/** Whether the versions exist, as far as that can be known from outside the operator, and are an upgrade. */
export function checkVersions({ from, to, distribution, artifact, isBack }: Wanted): Finding[] {
  if (isBack) return known(to.flux, distribution, artifact)
  return [
    ...downgrade('Flux', from.flux, to.flux),
    ...downgrade('flux-operator', from.operator, to.operator),
    ...known(to.flux, distribution, artifact),
  ]
}

function downgrade(what: string, from: string, to: string): Finding[] {
  if (order(to, from) >= 0) return []
  const way = what === 'Flux' ? `npx zx scripts/rollback.ts … --to ${to}` : 'put operator_version back in Git with git revert, and push'
  return [blocks(`${what} ${to} is older than ${from}, which runs: that is no upgrade`, way)]
}

function known(version: string, distribution: Distribution | undefined, artifact: string): Finding[] {
  if (distribution === undefined) {
    const where = artifact === '' ? "the manifests are inside the operator's image" : `${artifact} cannot be read from here`
    return [
      notice(
        `whether the operator knows Flux ${version} cannot be known beforehand: ${where}. If it does not, the FluxInstance stalls and this run goes back`,
      ),
    ]
  }
  if (distribution.versions.includes(version)) return []
  const near = nearestVersions(version, distribution.versions)
  return [
    blocks(
      `there is no Flux ${version} in ${artifact}; the nearest that exist are ${near.join(', ')}`,
      `--to ${near[0] ?? version}; or, if a newer operator brings it: --operator X.Y.Z --to ${version}`,
    ),
  ]
}

/** The versions nearest to one that does not exist: of the same minor before others, the nearer patch first. */
export function nearestVersions(version: string, versions: readonly string[]): string[] {
  const wanted = parseVersion(version)
  if (wanted === undefined) return []
  const far = (other: string): number => {
    const is = parseVersion(other)
    if (is === undefined) return Number.POSITIVE_INFINITY
    return Math.abs(is.major - wanted.major) * 1e6 + Math.abs(is.minor - wanted.minor) * 1e3 + Math.abs(is.patch - wanted.patch)
  }
  return [...versions].sort((one, other) => far(one) - far(other) || order(other, one)).slice(0, 3)
}

/** Below zero where `one` is the older. */
export function order(one: string, other: string): number {
  const [first, second] = [parseVersion(one), parseVersion(other)]
  return first === undefined || second === undefined ? 0 : compareVersions(first, second)
}
