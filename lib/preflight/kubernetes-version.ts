import { compareVersions, isNewerMinor, parseVersion } from '../base/version.ts'
import { blocks, type Finding, notice } from './preflight.ts'

/**
 * The least Kubernetes for each minor version of Flux: fluxcd/flux2 cmd/flux/check.go, kubernetesConstraints, at v2.9.5, v2.7.5 and v2.6.4.
 * A minor that is not listed needs at least what the one before it needs; of one that came later nothing else is known. The operator's own need, ">=1.22.0-0", stands in its chart's
 * kubeVersion, and is checked where that chart is rendered.
 */
const least = [
  { flux: '2.6', kubernetes: '1.31' },
  { flux: '2.7', kubernetes: '1.32' },
  { flux: '2.9', kubernetes: '1.33' },
] as const
const newestKnown = '2.9'

/** Which Kubernetes a version of Flux needs; `isKnown` is false of one that is newer than this list, which may need more. */
export function neededKubernetes(flux: string): { readonly version: string | undefined; readonly isKnown: boolean } {
  return { version: least.findLast((row) => isAtLeast(flux, row.flux))?.kubernetes, isKnown: !isNewerMinor(flux, newestKnown) }
}

/** Whether this cluster is new enough for this Flux. */
export function checkKubernetesVersion(kubernetes: string, flux: string): Finding[] {
  if (parseVersion(kubernetes) === undefined || parseVersion(flux) === undefined) {
    return [blocks(`it cannot be determined whether Flux ${flux} runs on Kubernetes ${kubernetes}`, 'kubectl version')]
  }
  const { version: needed, isKnown } = neededKubernetes(flux)
  if (needed === undefined) return []
  if (isAtLeast(kubernetes, needed)) {
    const unknown = `which Kubernetes Flux ${flux} needs is not known here, only that it is ${needed} or newer; this cluster is ${kubernetes}`
    return isKnown ? [] : [notice(unknown, 'https://fluxcd.io/flux/releases')]
  }
  return [
    blocks(
      `Flux ${flux} needs Kubernetes ${needed} or newer; this cluster is ${kubernetes}`,
      `upgrade the cluster first, or set flux_version in the cluster's settings.yaml to a Flux that runs on it (https://fluxcd.io/flux/releases)`,
    ),
  ]
}

/** Whether a version is of this minor, or newer. */
export function isAtLeast(version: string, minor: string): boolean {
  const is = parseVersion(version)
  const wanted = parseVersion(minor)
  return is !== undefined && wanted !== undefined && compareVersions(is, wanted) >= 0
}
