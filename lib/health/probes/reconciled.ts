import type { FluxObject } from '../../flux/object.ts'
import type { Probe } from '../probe.ts'
import { foundReconciled } from '../reconciled.ts'
import { pendingDeletions } from '../pending-deletions.ts'
import { stuckReleases } from '../stuck-releases.ts'

const sourceKinds = ['GitRepository', 'OCIRepository', 'HelmRepository', 'HelmChart', 'Bucket', 'ExternalArtifact']
const ownProbes = [...sourceKinds, 'Kustomization', 'HelmRelease']

/** Sources are Ready, and what a failing one still offers is not older than it should be. */
export const sources: Probe = {
  id: 'sources',
  title: 'Sources',
  check: (snapshot) => foundReconciled(snapshot, 'sources', ({ ref }) => sourceKinds.includes(ref.kind)),
}

/** Kustomizations are Ready, at what their sources have. */
export const kustomizations: Probe = {
  id: 'kustomizations',
  title: 'Kustomizations',
  check: async (snapshot) =>
    foundReconciled(snapshot, 'Kustomizations', ({ ref }) => ref.kind === 'Kustomization', await pendingDeletions(snapshot)),
}

/** HelmReleases are Ready, and no release of theirs is left pending. */
export const helmReleases: Probe = {
  id: 'helmreleases',
  title: 'HelmReleases',
  check: async (snapshot) =>
    foundReconciled(
      snapshot,
      'HelmReleases',
      ({ ref }) => ref.kind === 'HelmRelease',
      new Map([...(await stuckReleases(snapshot)), ...(await pendingDeletions(snapshot))]),
    ),
}

/** Whatever else Flux reconciles: image automation, receivers, ResourceSets. */
export const others: Probe = {
  id: 'others',
  title: 'Images, receivers, ResourceSets',
  async check(snapshot) {
    const [pending, judged] = await Promise.all([pendingDeletions(snapshot), snapshot.judged()])
    // What is but a setting says nothing, and matters where nothing uses it.
    const isReported = ({ name, reportsReady, isSuspended }: FluxObject): boolean =>
      reportsReady || isSuspended || judged.get(name)?.is === 'fails'
    return foundReconciled(
      snapshot,
      'objects of these kinds',
      (object) => !ownProbes.includes(object.ref.kind) && isReported(object),
      pending,
    )
  },
}
