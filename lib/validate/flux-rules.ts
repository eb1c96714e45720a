import { kinds } from '../cluster/objects.ts'
import { at, textAt } from './at.ts'
import type { ClusterTree, Placed } from './cluster-tree.ts'
import type { Finding } from './finding.ts'
import { label } from './references.ts'
import type { Path } from './source.ts'

/** The mistakes that are valid YAML and valid objects, and still take a cluster down or leave it stuck. */
export function checkFluxRules({ placed }: ClusterTree): Finding[] {
  const releases = placed.filter(({ kind }) => kind === kinds.helmRelease.kind)
  return [...releases.flatMap(checkChartRef), ...placed.flatMap(checkNamespace), ...checkOnce(placed), ...releases.flatMap(checkInstance)]
}

/** helm-controller takes an OCI registry by chartRef only; `chart.spec.sourceRef` refuses an OCIRepository. */
function checkChartRef(release: Placed): Finding[] {
  const path: Path = ['spec', 'chart', 'spec', 'sourceRef', 'kind']
  if (textAt(release.object, ...path) !== kinds.ociRepository.kind) return []
  const remedy = 'write spec.chartRef with kind: OCIRepository instead of spec.chart'
  return [
    {
      ...release.place(...path),
      rule: 'chart-ref',
      message: `${label(release)} takes its chart from an OCIRepository by sourceRef`,
      remedy,
    },
  ]
}

/** A Flux Kustomization that holds the namespace of Flux deletes it when it goes, and Flux with it (fluxcd/flux2#3949, #4570). */
function checkNamespace(one: Placed): Finding[] {
  if (one.kind !== kinds.namespace.kind || one.name !== 'flux-system') return []
  const message = `${one.by === undefined ? 'the root Kustomization' : label(one.by)} would own Namespace flux-system, and delete it with itself`
  return [{ ...one.place(), rule: 'namespace', message, remedy: 'take it out: bootstrap makes the namespace' }]
}

/** Two Kustomizations with the same object undo each other's changes for ever; kustomize itself refuses two in one build. */
function checkOnce(placed: readonly Placed[]): Finding[] {
  return placed.flatMap((one, index) => {
    const earlier = placed
      .slice(0, index)
      .find((other) => other.kind === one.kind && other.name === one.name && sameNamespace(other, one) && other.by !== one.by)
    if (earlier !== undefined) {
      const by = earlier.by === undefined ? 'the root Kustomization' : label(earlier.by)
      const place = one.by?.place('spec', 'path') ?? one.place()
      return [
        { ...place, rule: 'applied-twice', message: `${label(one)} is applied by ${by} already`, remedy: 'let one of the two apply it' },
      ]
    }
    const namesake = placed
      .slice(0, index)
      .find((other) => isRelease(one) && isRelease(other) && other.name === one.name && other.by === one.by)
    if (namesake === undefined) return []
    const message = `two HelmReleases are called ${one.name} in one Kustomization: ${label(namesake)} and ${label(one)}`
    return [
      {
        ...one.place('metadata', 'name'),
        rule: 'one-release',
        message,
        remedy: 'give one of them another name, or a Kustomization of its own',
      },
    ]
  })
}

function sameNamespace(one: Placed, other: Placed): boolean {
  return (
    one.namespace === other.namespace && textAt(one.object, 'apiVersion').split('/')[0] === textAt(other.object, 'apiVersion').split('/')[0]
  )
}

function isRelease({ kind }: Placed): boolean {
  return kind === kinds.helmRelease.kind
}

/** What the release that holds the FluxInstance must have, or a commit takes Flux away or makes it wait for itself. */
function checkInstance(release: Placed): Finding[] {
  const values = at(release.object, 'spec', 'values')
  if (at(values, 'instance') === undefined) return []
  const found: Finding[] = []
  if (release.by !== undefined && at(release.by.object, 'spec', 'prune') !== false) {
    const message = `${label(release.by)} prunes, and applies the FluxInstance: a line lost in Git would uninstall Flux`
    found.push({ ...release.by.place('spec', 'prune'), rule: 'prune', message, remedy: 'set prune: false there' })
  }
  if (release.by !== undefined && at(release.by.object, 'spec', 'wait') === true) {
    const message = `${label(release.by)} has wait: true, which ignores healthChecks: nothing would wait for the FluxInstance`
    found.push({
      ...release.by.place('spec', 'wait'),
      rule: 'wait',
      message,
      remedy: 'take wait out, and list the FluxInstance in healthChecks',
    })
  }
  for (const action of ['install', 'upgrade']) {
    if (at(release.object, 'spec', action, 'disableWait') === true) continue
    const message = `${label(release)} waits in its ${action} for a FluxInstance that restarts the controller that waits`
    found.push({ ...release.place('spec', action), rule: 'wait', message, remedy: `set spec.${action}.disableWait: true` })
  }
  if (textAt(values, 'fullnameOverride') !== 'flux') {
    const message = `${label(release)} does not call its FluxInstance flux, and the operator looks at no other`
    found.push({
      ...release.place('spec', 'values', 'fullnameOverride'),
      rule: 'instance-name',
      message,
      remedy: 'set values.fullnameOverride: flux',
    })
  }
  return found
}
