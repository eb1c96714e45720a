import { kinds } from '../../kubernetes/objects.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import { at, textAt } from './at.ts'
import type { ClusterTree, ManifestObject } from './cluster-tree.ts'
import type { Diagnostic } from './diagnostic.ts'
import { label } from './references.ts'
import type { Path } from './source.ts'
import { isInstanceName, usualNamespace } from '../../flux/refs.ts'
import type { Rules } from './rules.ts'

/** The mistakes that are valid YAML and valid objects, and still take a cluster down or leave it stuck. */
export function checkFluxRules({ placed }: ClusterTree, rules: Rules): Diagnostic[] {
  const releases = placed.filter(({ kind }) => kind === fluxKinds.helmRelease.kind)
  const instances = placed.filter(({ kind }) => kind === fluxKinds.fluxInstance.kind)
  return [
    ...releases.flatMap(checkChartRef),
    ...placed.flatMap(checkNamespace),
    ...checkOnce(placed, rules),
    ...releases.flatMap((one) => checkInstance(one, rules)),
    ...instances.flatMap(checkInstanceName),
  ]
}

/** helm-controller takes an OCI registry by chartRef only; `chart.spec.sourceRef` refuses an OCIRepository. */
function checkChartRef(release: ManifestObject): Diagnostic[] {
  const path: Path = ['spec', 'chart', 'spec', 'sourceRef', 'kind']
  if (textAt(release.object, ...path) !== fluxKinds.ociRepository.kind) return []
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
function checkNamespace(one: ManifestObject): Diagnostic[] {
  if (one.kind !== kinds.namespace.kind || one.name !== usualNamespace) return []
  const message = `${one.by === undefined ? 'the root Kustomization' : label(one.by)} would own Namespace flux-system, and delete it with itself`
  return [{ ...one.place(), rule: 'namespace', message, remedy: 'remove it: bootstrap creates the namespace' }]
}

/** Two Kustomizations with the same object undo each other's changes forever; kustomize itself refuses two in one build. */
function checkOnce(placed: readonly ManifestObject[], rules: Rules): Diagnostic[] {
  const first = new Map<string, ManifestObject>()
  const releases = new Map<string, ManifestObject>()
  return placed.flatMap((one) => {
    const key = `${textAt(one.object, 'apiVersion').split('/')[0]} ${label(one)}`
    const earlier = first.get(key)
    first.set(key, earlier ?? one)
    if (earlier !== undefined && earlier.by !== one.by) {
      const by = earlier.by === undefined ? 'the root Kustomization' : label(earlier.by)
      const place = one.by?.place('spec', 'path') ?? one.place()
      return [
        { ...place, rule: 'applied-twice', message: `${label(one)} is applied by ${by} already`, remedy: 'let one of the two apply it' },
      ]
    }
    if (!isRelease(one) || rules === 'flux') return []
    const by = one.by === undefined ? '' : label(one.by)
    const namesake = releases.get(`${by} ${one.name}`)
    releases.set(`${by} ${one.name}`, namesake ?? one)
    if (namesake === undefined || earlier !== undefined) return []
    const message = `two HelmReleases are called ${one.name} in one Kustomization: ${label(namesake)} and ${label(one)}`
    const remedy = 'give one of them another name, or a Kustomization of its own'
    return [{ ...namesake.place('metadata', 'name'), rule: 'one-release', message, remedy }]
  })
}

function isRelease({ kind }: ManifestObject): boolean {
  return kind === fluxKinds.helmRelease.kind
}

/** What the release that holds the FluxInstance must have, or a commit takes Flux away or makes it wait for itself. */
function checkInstance(release: ManifestObject, rules: Rules): Diagnostic[] {
  const values = at(release.object, 'spec', 'values')
  if (at(values, 'instance') === undefined) return []
  const found: Diagnostic[] = []
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
      remedy: 'remove wait, and list the FluxInstance in healthChecks',
    })
  }
  for (const action of ['install', 'upgrade']) {
    if (at(release.object, 'spec', action, 'disableWait') === true) continue
    const message = `${label(release)} waits in its ${action} for a FluxInstance that restarts the controller that waits`
    found.push({ ...release.place('spec', action), rule: 'wait', message, remedy: `set spec.${action}.disableWait: true` })
  }
  const name = textAt(values, 'fullnameOverride')
  if (!isInstanceName(rules === 'flux' && name === '' ? undefined : name)) {
    const message = `${label(release)} does not call its FluxInstance flux, and the operator reconciles no other`
    found.push({
      ...release.place('spec', 'values', 'fullnameOverride'),
      rule: 'instance-name',
      message,
      remedy: 'set values.fullnameOverride: flux',
    })
  }
  return found
}

/** The operator reconciles the FluxInstance of one name only, and says nothing of others. */
function checkInstanceName(instance: ManifestObject): Diagnostic[] {
  if (isInstanceName(instance.name)) return []
  const message = `${label(instance)} is not called flux, and the operator reconciles no other`
  return [{ ...instance.place('metadata', 'name'), rule: 'instance-name', message, remedy: 'call it flux' }]
}
