import { posix } from 'node:path'
import { stringify } from 'yaml'
import { at, textAt } from '../../lib/commands/validate/at.ts'
import { type ClusterTree, folderOf, type ManifestObject } from '../../lib/commands/validate/cluster-tree.ts'
import { unknownValue } from '../../lib/commands/validate/variables.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { type Addresses, standInsFolder } from './addresses.ts'
import type { NeededArtifact } from './record.ts'
import { stubChart, stubManifests } from './stub-chart.ts'
import { versionInRange } from './version-in-range.ts'

/** What has to be there for a cluster's sources that were led to the lab. */
export interface Needs {
  readonly artifacts: readonly NeededArtifact[]
  /** Branches of the lab's Git, and the files on them. */
  readonly branches: Readonly<Record<string, Readonly<Record<string, string>>>>
}

/** What a source that stands in for another is asked for. */
interface Use {
  readonly source: ManifestObject
  readonly chart?: { readonly name: string; readonly version: string }
  readonly files: Readonly<Record<string, string>>
}

/** All that Flux will fetch of a cluster's tree, as rewritten, and that only stand-ins can give it. */
export function needsOf({ placed }: ClusterTree, addresses: Pick<Addresses, 'registry' | 'standInsGit'>): Needs {
  const prefix = `oci://${addresses.registry}/${standInsFolder}/`
  const find = (from: ManifestObject, ...path: string[]): ManifestObject | undefined => {
    const ref = at(from.object, ...path)
    const namespace = textAt(ref, 'namespace') || from.namespace
    return placed.find((one) => one.kind === textAt(ref, 'kind') && one.name === textAt(ref, 'name') && one.namespace === namespace)
  }
  const isLed = ({ object }: ManifestObject): boolean => {
    const url = textAt(object, 'spec', 'url')
    return url.startsWith(prefix) || url === addresses.standInsGit
  }
  const uses = placed.flatMap((one): Use[] => usesOf(one, find).filter(({ source }) => isLed(source)))
  const unused = placed.filter((one) => isLed(one) && one.kind !== 'HelmRepository' && !uses.some(({ source }) => source === one))
  const all = [
    ...uses,
    ...unused.map((source): Use => ({ source, files: { 'stand-in.yaml': stubManifests('stand-in', source.name, source.namespace) } })),
  ]
  const artifacts = new Map<string, NeededArtifact>()
  const branches: Record<string, Record<string, string>> = {}
  for (const use of all) {
    if (use.source.kind === fluxKinds.gitRepository.kind) {
      const branch = textAt(use.source.object, 'spec', 'ref', 'branch')
      const chart = use.chart === undefined ? {} : below(use.chart.name, stubChart(posix.basename(use.chart.name), '1.0.0'))
      branches[branch] = { ...branches[branch], ...use.files, ...chart }
      continue
    }
    const artifact = artifactFor(use, `oci://${addresses.registry}/`)
    const key = `${artifact.repository}:${artifact.tag}`
    artifacts.set(key, { ...artifact, files: { ...artifacts.get(key)?.files, ...artifact.files } })
  }
  return {
    artifacts: [...artifacts.values()].map((one) => ({ ...one, files: withKustomizations(one.files) })),
    branches: Object.fromEntries(Object.entries(branches).map(([branch, files]) => [branch, withKustomizations(files)])),
  }
}

function usesOf(one: ManifestObject, find: (from: ManifestObject, ...path: string[]) => ManifestObject | undefined): Use[] {
  if (one.kind === fluxKinds.kustomization.kind) {
    const source = find(one, 'spec', 'sourceRef')
    const path = textAt(one.object, 'spec', 'path')
    return source === undefined || path.includes(unknownValue) ? [] : [{ source, files: manifestsFor(one, folderOf(path)) }]
  }
  if (one.kind !== fluxKinds.helmRelease.kind) return []
  const referred = find(one, 'spec', 'chartRef')
  if (referred !== undefined) return [{ source: referred, chart: { name: '', version: '' }, files: {} }]
  const source = find(one, 'spec', 'chart', 'spec', 'sourceRef')
  const chart = at(one.object, 'spec', 'chart', 'spec')
  const named = { name: textAt(chart, 'chart').replace(/^\.?\//, ''), version: textAt(chart, 'version') || '*' }
  return source === undefined ? [] : [{ source, chart: named, files: {} }]
}

/** One object in the folder that a Kustomization applies. */
function manifestsFor({ object, name, namespace }: ManifestObject, folder: string): Record<string, string> {
  const target = textAt(object, 'spec', 'targetNamespace') || namespace
  return below(folder, {
    [`stand-in-${name}.yaml`]: stubManifests(`stand-in-${name}`, `what Kustomization ${namespace}/${name} applies`, target),
  })
}

/** The files with a kustomization in each folder that holds manifests: without one, Flux would apply those of the folders below it too. */
function withKustomizations(files: Readonly<Record<string, string>>): Record<string, string> {
  const manifests = Object.keys(files).filter((path) => posix.basename(path).startsWith('stand-in'))
  const added = manifests.map((path) => {
    const folder = posix.dirname(path)
    const own = manifests.filter((one) => posix.dirname(one) === folder).map((one) => posix.basename(one))
    return [posix.join(folder, 'kustomization.yaml'), stringify({ resources: own })]
  })
  return { ...files, ...Object.fromEntries(added) }
}

function below(folder: string, files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [posix.join(folder, path), text]))
}

function artifactFor({ source, chart, files }: Use, registry: string): NeededArtifact {
  const spec = at(source.object, 'spec')
  const base = textAt(spec, 'url').slice(registry.length)
  if (source.kind === 'HelmRepository') {
    const { name, version } = chart ?? { name: '', version: '*' }
    return { is: 'chart', repository: posix.join(base, name), tag: versionInRange(version), files: {} }
  }
  const [semver, mediaType] = [textAt(spec, 'ref', 'semver'), textAt(spec, 'layerSelector', 'mediaType')]
  const tag = semver === '' ? textAt(spec, 'ref', 'tag') || 'latest' : versionInRange(semver)
  const isChart = chart !== undefined || mediaType.includes('helm.chart')
  return {
    is: isChart ? 'chart' : 'manifests',
    repository: base,
    tag,
    ...(mediaType === '' ? {} : { mediaType }),
    files: isChart ? {} : files,
  }
}
