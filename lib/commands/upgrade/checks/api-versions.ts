import type { FluxCrd } from '../../../flux/crds.ts'
import { type KubeObject, nameOf, refOf } from '../../../kubernetes/objects.ts'
import type { Distribution } from '../../../flux/distribution.ts'
import { blocks, type Finding, notice } from '../../../preflight/preflight.ts'

/** What changes in the APIs of Flux between what a cluster has and a version. */
export interface ApiChanges {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  /** `group/version` of each API version that goes away. */
  readonly removedVersions: ReadonlySet<string>
}

/** The API versions, as `helmreleases.helm.toolkit.fluxcd.io v2beta2`, that a version of Flux adds and removes. */
export function apiChanges(crds: readonly FluxCrd[], distribution: Distribution, version: string): ApiChanges {
  const next = distribution.apisOf(version)
  const changes = crds.flatMap(({ name, group, served }) => {
    const after = next.get(name)
    if (after === undefined) return [] // one that this version has no more: its CRD is left as it is
    return [
      ...after.filter((one) => !served.includes(one)).map((one) => ({ is: 'added', name, group, one })),
      ...served.filter((one) => !after.includes(one)).map((one) => ({ is: 'removed', name, group, one })),
    ]
  })
  const shown = (kind: string): string[] => changes.filter(({ is }) => is === kind).map(({ name, one }) => `${name} ${one}`)
  // By kind too: a group may keep a version for one of its kinds.
  const removedVersions = new Set(changes.flatMap(({ is, name, one }) => (is === 'removed' ? [`${name} ${one}`] : [])))
  return { added: shown('added'), removed: shown('removed'), removedVersions }
}

/** Objects that are stored in a version that goes away cannot be read any more: the API refuses such a CRD. */
export function checkStored(crds: readonly FluxCrd[], { removedVersions }: ApiChanges): Finding[] {
  return crds.flatMap(({ name, stored, storage }) =>
    stored
      .filter((one) => one === storage && removedVersions.has(`${name} ${one}`))
      .map((one) =>
        blocks(
          `objects of ${name} are stored as ${one}, which will be removed, and no other version could store them`,
          `kubectl get crd ${name} -o yaml`,
        ),
      ),
  )
}

/** What the plan says of the APIs. */
export function reportChanges({ added, removed }: ApiChanges, used: readonly KubeObject[]): Finding[] {
  const names = used.slice(0, 5).map((object) => nameOf(refOf(object)))
  const more = used.length > 5 ? ` and ${used.length - 5} more` : ''
  return [
    ...(added.length === 0 ? [] : [notice(`API versions that come: ${added.join(', ')}`)]),
    ...(removed.length === 0
      ? []
      : [notice(`API versions that will be removed: ${removed.join(', ')}. Change manifests that use them to the newer ones first`)]),
    ...(used.length === 0 ? [] : [notice(`stored in an API version that will be removed, and migrated first: ${names.join(', ')}${more}`)]),
  ]
}
