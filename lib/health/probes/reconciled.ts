import type { Probe } from '../probe.ts'
import { foundReconciled } from '../reconciled.ts'
import { stuckReleases } from '../stuck-releases.ts'

const sourceKinds = ['GitRepository', 'OCIRepository', 'HelmRepository', 'HelmChart', 'Bucket', 'ExternalArtifact']
const ownProbes = [...sourceKinds, 'Kustomization', 'HelmRelease']

/** Sources are Ready, and what a failing one still offers is not older than it should be. */
export const sources: Probe = {
  id: 'sources',
  title: 'Sources',
  look: (scene) => foundReconciled(scene, 'sources', ({ ref }) => sourceKinds.includes(ref.kind)),
}

/** Kustomizations are Ready, at what their sources have. */
export const kustomizations: Probe = {
  id: 'kustomizations',
  title: 'Kustomizations',
  look: (scene) => foundReconciled(scene, 'Kustomizations', ({ ref }) => ref.kind === 'Kustomization'),
}

/** HelmReleases are Ready, and no release of theirs is left pending. */
export const helmReleases: Probe = {
  id: 'helmreleases',
  title: 'HelmReleases',
  look: async (scene) => foundReconciled(scene, 'HelmReleases', ({ ref }) => ref.kind === 'HelmRelease', await stuckReleases(scene)),
}

/** Whatever else Flux reconciles: image automation, receivers, ResourceSets. */
export const others: Probe = {
  id: 'others',
  title: 'Images, receivers, ResourceSets',
  look: (scene) => foundReconciled(scene, 'others', ({ ref, tells }) => tells && !ownProbes.includes(ref.kind)),
}
