import { type ApiChanges, checkStored, reportChanges } from './checks/api-versions.ts'
import { checkGitApis, oldApisIn } from './checks/git-api-versions.ts'
import type { TextFile } from '../../desired-state/version-places.ts'
import type { FluxCrd } from '../../flux/crds.ts'
import type { Distribution } from '../../flux/distribution.ts'
import { describeSuspension, suspensionIn } from '../../flux/suspension.ts'
import { type KubeObject, nameOf, refOf } from '../../kubernetes/objects.ts'
import { blocks, type Finding } from '../../preflight/preflight.ts'
import type { UpgradeState } from './state.ts'

export interface Versions {
  readonly flux: string
  readonly operator: string
}

/** A controller, and its image's tag. */
interface Tagged {
  readonly name: string
  readonly tag: string
}

/** What the controllers and the API versions are before, and are to be. */
export function versionNotes(
  { isBack }: { readonly isBack: boolean },
  to: string,
  found: {
    components: readonly Tagged[]
    crds: readonly FluxCrd[]
    distribution: Distribution | undefined
    changes: ApiChanges | undefined
  },
): Pick<UpgradeState, 'served' | 'images' | 'newImages' | 'goesAway'> {
  const { components, crds, distribution, changes } = found
  return {
    served: isBack ? apisIn(distribution, to, crds) : Object.fromEntries(crds.map(({ name, served }) => [name, [...served]])),
    images: Object.fromEntries(components.map(({ name, tag }) => [name, tag])),
    newImages: Object.fromEntries(distribution?.imagesOf(to) ?? []),
    goesAway: isBack ? [] : [...(changes?.removedVersions ?? [])],
  }
}

/** What a run has noted before its first change. */
export const nothingDone = { pauses: {}, commit: '', imagesChecked: '', evidence: '', isGoingBack: false, isReturning: false } as const

/** What a rollback leaves: the version that runs; or, where that is where it leads, one that was asked for and never came to run. */
export function leaving(to: string, ...versions: readonly [string, ...string[]]): string {
  return versions.find((version) => version !== to) ?? versions[0]
}

function apisIn(distribution: Distribution | undefined, version: string, crds: readonly FluxCrd[]): Record<string, string[]> {
  const apis = [...(distribution?.apisOf(version) ?? [])].filter(([name]) => crds.some((crd) => crd.name === name))
  return Object.fromEntries(apis.map(([name, versions]) => [name, [...versions]]))
}

/** That the operator is not to act on its FluxInstance. */
export function suspendedFinding(instance: KubeObject, where: string): Finding {
  const { kind, namespace, name } = refOf(instance)
  return blocks(
    `${nameOf(refOf(instance))} is ${describeSuspension(suspensionIn(instance.metadata))}: its operator installs no other version`,
    `find out why, then: npx zx scripts/recover.ts ${where} --resume-suspended ${kind}/${namespace}/${name}`,
  )
}

/** What the API versions that come and go mean for the cluster, and for what Git has. */
export function apiFindings(known: {
  readonly crds: readonly FluxCrd[]
  readonly changes: ApiChanges | undefined
  readonly stale: readonly KubeObject[]
  readonly to: string
  /** What Git has; nothing of it is looked into for a rollback. */
  readonly files: readonly TextFile[]
  /** The folder that they are in. */
  readonly folder?: string
  readonly isForced: boolean
}): Finding[] {
  const { crds, changes, stale, to, files, folder, isForced } = known
  if (changes === undefined) return []
  const inGit = oldApisIn(files, crds, changes.removedVersions)
  return [...checkStored(crds, changes), ...checkGitApis(inGit, to, isForced, folder), ...reportChanges(changes, stale)]
}
