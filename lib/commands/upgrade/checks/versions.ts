import type { Distribution } from '../../../flux/distribution.ts'
import { nearestVersions, order } from '../../../base/version.ts'
import { blocks, type Finding, notice } from '../../../preflight/preflight.ts'

export interface VersionCheck {
  readonly from: { readonly flux: string; readonly operator: string }
  readonly to: { readonly flux: string; readonly operator: string }
  /** What the distribution artifact holds; undefined where it cannot be read, and then `artifact` says which. */
  readonly distribution: Distribution | undefined
  readonly artifact: string
  /** The flags that name the cluster. */
  readonly where: string
  /** Older versions are meant. */
  readonly isBack: boolean
}

/** Whether the versions exist, as far as that can be known from outside the operator, and are an upgrade. */
export function checkVersions({ from, to, distribution, artifact, isBack, where }: VersionCheck): Finding[] {
  if (isBack) return known(to.flux, distribution, artifact)
  return [
    ...downgrade('Flux', from.flux, to.flux, where),
    ...downgrade('flux-operator', from.operator, to.operator, where),
    ...known(to.flux, distribution, artifact),
  ]
}

function downgrade(what: string, from: string, to: string, where: string): Finding[] {
  if (order(to, from) >= 0) return []
  const way =
    what === 'Flux' ? `npx zx scripts/rollback.ts ${where} --to ${to}` : 'revert operator_version in Git with git revert, and push'
  return [blocks(`${what} ${to} is older than ${from}, which runs: that is not an upgrade`, way)]
}

function known(version: string, distribution: Distribution | undefined, artifact: string): Finding[] {
  if (distribution === undefined) {
    const where = artifact === '' ? "the manifests are inside the operator's image" : `${artifact} cannot be read from here`
    return [
      notice(
        `whether the operator knows Flux ${version} cannot be known beforehand: ${where}. If it does not, the FluxInstance stalls and this run rolls back`,
      ),
    ]
  }
  if (distribution.versions.includes(version)) return []
  const near = nearestVersions(version, distribution.versions)
  return [
    blocks(
      `there is no Flux ${version} in ${artifact}; the nearest that exist are ${near.join(', ')}`,
      `--to ${near[0] ?? version}; or, if a newer operator supports it: --operator X.Y.Z --to ${version}`,
    ),
  ]
}
