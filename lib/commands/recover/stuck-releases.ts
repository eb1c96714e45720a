import type { FluxObject } from '../../flux/object.ts'
import type { Cause } from '../../health/assess.ts'
import type { Trouble } from '../../health/probe.ts'
import { deniedByAdmission } from './denied.ts'
import type { Evidence } from './evidence.ts'

/** What one probe saw that is not as it should be. */
export function troubles(probed: Evidence['probed'], id: string): readonly Trouble[] {
  return probed.find((probe) => probe.id === id)?.objects ?? []
}

/** What helm-controller gets over when it is asked to begin again. */
const stuckCauses: readonly Cause[] = ['pending-release', 'overdue', 'stalled', 'retrying', 'failed']

/** The HelmReleases that are stuck, by more than a policy. */
export function troubledReleases(probed: Evidence['probed']): readonly Trouble[] {
  return troubles(probed, 'helmreleases').filter(
    ({ cause, reason }) => cause !== undefined && stuckCauses.includes(cause) && !deniedByAdmission.test(reason),
  )
}

/** The HelmReleases that are stuck, each after those that it depends on: helm-controller takes none up whose dependency is not Ready. */
export function stuckInOrder(probed: Evidence['probed'], objects: Evidence['objects']): FluxObject[] {
  const stuck = troubledReleases(probed).flatMap(({ object }) => objects.get(object) ?? [])
  const ordered = new Set<FluxObject>()
  const visited = new Set<FluxObject>()
  const visit = (release: FluxObject): void => {
    if (visited.has(release)) return
    visited.add(release)
    for (const other of stuck) if (release.dependsOn.includes(other.name)) visit(other)
    ordered.add(release)
  }
  for (const release of stuck) visit(release)
  return [...ordered]
}
