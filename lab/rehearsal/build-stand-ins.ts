import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { isSeq, parseDocument } from 'yaml'
import { findFluxIn } from '../../lib/commands/bootstrap/flux-in-tree.ts'
import { createBuilder } from '../../lib/commands/validate/builds.ts'
import { workshopOf } from '../../lib/commands/validate/check-clusters.ts'
import { buildCluster, type ClusterTree, type Workshop } from '../../lib/commands/validate/cluster-tree.ts'
import { fluxRoots } from '../../lib/commands/validate/flux-roots.ts'
import { nothingGiven } from '../../lib/commands/validate/given-values.ts'
import { readManifests } from '../../lib/commands/validate/manifests.ts'
import { withoutServers } from '../../lib/commands/validate/remote-bases.ts'
import type { SourceFile } from '../../lib/commands/validate/source.ts'
import { kustomizationFiles } from '../../lib/desired-state/kustomize-references.ts'
import { findVersionPlaces } from '../../lib/desired-state/version-places.ts'
import { absentDefinitions, absentValues, manifestOf, unfulfilled } from './absent-objects.ts'
import { type Addresses, standInsFolder } from './addresses.ts'
import type { ChosenRoot } from './choose-roots.ts'
import { type Needs, needsOf } from './needs.ts'
import type { NeededArtifact } from './record.ts'
import type { StandIn } from './stand-in.ts'
import { verifyInside, writeInside } from './write-inside.ts'

/** The file beside a cluster's tree with what the lab has to make itself. */
const standInsFile = 'lab-stand-ins.yaml'

/** What was made for the clusters of a repository. */
interface BuiltStandIns {
  /** By the path that a cluster follows: the address that its sync names, and whether the operator is in its tree. */
  readonly roots: ReadonlyMap<string, { readonly url: string; readonly hasOperator: boolean }>
  readonly needs: Needs
  readonly standIns: readonly StandIn[]
  /** What nothing stands in for. */
  readonly warnings: readonly string[]
  /** The versions of Flux that the tree asks for, where it asks for one. */
  readonly fluxVersions: readonly string[]
}

/** Builds the clusters of a rewritten copy as Flux will, and adds to it what the build shows to be missing. */
export async function buildStandIns(
  copy: string,
  chosen: readonly ChosenRoot[],
  { addresses, kubectl }: { readonly addresses: Addresses; readonly kubectl: string },
): Promise<BuiltStandIns> {
  const removed = await takeOutServers(copy)
  const manifests = await readManifests(copy, '.')
  const starts = fluxRoots(copy, manifests)
  const all: Omit<BuiltStandIns, 'roots' | 'fluxVersions'>[] = []
  const roots = new Map<string, { url: string; hasOperator: boolean }>()
  for (const folder of new Set(chosen.map(({ start }) => start.cluster))) {
    verifyInside(copy, posix.join(folder, standInsFile))
    const before = chosen.find(({ start }) => start.cluster === folder)?.start
    const start = starts.find(({ cluster }) => cluster === folder) ?? before
    if (start === undefined) continue
    const builder = createBuilder(copy, manifests.files, kubectl)
    const workshop = workshopOf(copy, manifests.files, { builder, given: nothingGiven, rules: 'flux' })
    const { tree, values } = await buildWithValues(workshop, (one) => buildCluster(one, start), start.root.namespace)
    const definitions = absentDefinitions(tree)
    const objects = [...definitions.objects, ...values.objects]
    if (objects.length > 0) addManifests(copy, folder, manifestOf(objects))
    roots.set(folder, { url: start.url ?? '', hasOperator: holdsFlux(tree, folder) })
    all.push({
      needs: needsOf(tree, addresses),
      standIns: [...values.standIns, ...definitions.standIns],
      warnings: [
        ...unfulfilled(tree, workshop, start.root.namespace),
        ...builder.findings.map(({ file, line, message }) => `${file}:${line}: ${message}`),
      ],
    })
  }
  const needs = merged(all.map((one) => one.needs))
  return {
    roots,
    needs,
    standIns: [
      ...removed,
      ...all.flatMap((one) => one.standIns),
      ...needs.artifacts.map(made),
      ...Object.keys(needs.branches).map(branched),
    ],
    warnings: all.flatMap((one) => one.warnings),
    fluxVersions: fluxVersionsIn(manifests.files),
  }
}

function fluxVersionsIn(files: readonly SourceFile[]): string[] {
  const said = findVersionPlaces(files).flatMap(({ of, says }) => (of === 'flux' ? [says.replace(/^v/, '')] : []))
  return [...new Set(said)].filter((version) => /^\d+\.\d+\.\d+$/.test(version))
}

function holdsFlux(tree: ClusterTree, folder: string): boolean {
  try {
    findFluxIn(tree, folder, [])
    return true
  } catch {
    return false
  }
}

/** A value that only the cluster has may decide what else there is: the tree is built a second time with those that were made up. */
async function buildWithValues(
  workshop: Workshop,
  build: (workshop: Workshop) => Promise<ClusterTree>,
  namespace: string,
): Promise<{ tree: ClusterTree; values: Awaited<ReturnType<typeof absentValues>> }> {
  const tree = await build(workshop)
  const values = await absentValues(workshop, tree, namespace)
  if (values.objects.length === 0) return { tree, values }
  return { tree: await build({ ...workshop, given: { objects: values.objects, variables: {} } }), values }
}

function made({ is, repository, tag }: NeededArtifact): StandIn {
  return { kind: is, name: `${repository}:${tag}`, inPlaceOf: `${repository.slice(standInsFolder.length + 1)}:${tag}` }
}

function branched(branch: string): StandIn {
  return { kind: 'manifests', name: `branch ${branch}`, inPlaceOf: branch.slice(standInsFolder.length + 1) }
}

function merged(needs: readonly Needs[]): Needs {
  const artifacts = new Map<string, NeededArtifact>()
  const branches: Record<string, Readonly<Record<string, string>>> = {}
  for (const one of needs) {
    for (const artifact of one.artifacts) {
      const key = `${artifact.repository}:${artifact.tag}`
      artifacts.set(key, { ...artifact, files: { ...artifacts.get(key)?.files, ...artifact.files } })
    }
    for (const [name, files] of Object.entries(one.branches)) branches[name] = { ...branches[name], ...files }
  }
  return { artifacts: [...artifacts.values()], branches }
}

/** Removes from the copy what its kustomizations load from servers: kustomize-controller could not. */
async function takeOutServers(copy: string): Promise<StandIn[]> {
  const { files } = await readManifests(copy, '.')
  const rewritten = withoutServers(files)
  for (const { file, text } of rewritten) writeInside(copy, file, text)
  return rewritten.flatMap(({ leftOut }) => leftOut.map((what): StandIn => ({ kind: 'removed', name: what, inPlaceOf: 'nothing' })))
}

/** Adds a file to what Flux applies of a folder. */
function addManifests(copy: string, folder: string, text: string): void {
  writeInside(copy, posix.join(folder, standInsFile), text)
  const kustomization = kustomizationFiles.map((name) => posix.join(folder, name)).find((path) => existsSync(join(copy, path)))
  if (kustomization === undefined) return
  const document = parseDocument(readFileSync(join(copy, kustomization), 'utf8'))
  const resources = document.get('resources')
  if (isSeq(resources)) resources.add(standInsFile)
  else document.set('resources', [standInsFile])
  writeInside(copy, kustomization, document.toString({ lineWidth: 0 }))
}
