import { compareVersions, parseVersion } from '../version.ts'
import { blocks, type Finding } from './finding.ts'

/**
 * The least Kubernetes for each minor version of Flux: fluxcd/flux2 cmd/flux/check.go, kubernetesConstraints, at v2.9.5, v2.7.5 and v2.6.4.
 * A minor that is not listed needs at least what the one before it needs. The operator's own need, ">=1.22.0-0", stands in its chart's
 * kubeVersion, and is checked where that chart is rendered.
 */
const least = [
  { flux: '2.6', kubernetes: '1.31' },
  { flux: '2.7', kubernetes: '1.32' },
  { flux: '2.9', kubernetes: '1.33' },
] as const

/** Whether this cluster is new enough for this Flux. */
export function checkKubernetesVersion(kubernetes: string, flux: string): Finding[] {
  const server = parseVersion(kubernetes)
  const wanted = parseVersion(flux)
  if (server === undefined || wanted === undefined) {
    return [blocks(`it cannot be told whether Flux ${flux} runs on Kubernetes ${kubernetes}`, 'kubectl version')]
  }
  const needed = least.findLast((row) => isAtLeast(flux, row.flux))?.kubernetes
  if (needed === undefined || isAtLeast(kubernetes, needed)) return []
  return [
    blocks(
      `Flux ${flux} needs Kubernetes ${needed} or newer; this cluster is ${kubernetes}`,
      `upgrade the cluster first, or set flux_version in the cluster's settings.yaml to a Flux that runs on it (https://fluxcd.io/flux/releases)`,
    ),
  ]
}

function isAtLeast(version: string, minor: string): boolean {
  const is = parseVersion(version)
  const wanted = parseVersion(minor)
  return is !== undefined && wanted !== undefined && compareVersions(is, wanted) >= 0
}
