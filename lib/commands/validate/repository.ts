import { counted } from '../../base/counted.ts'
import { OperatorError } from '../../base/errors.ts'
import { findVersionPlaces } from '../../desired-state/version-places.ts'
import { createBuilder } from './builds.ts'
import { checkClusters, workshopOf } from './check-clusters.ts'
import { buildCluster, type ClusterTree } from './cluster-tree.ts'
import { type Diagnostic, sortedDiagnostics } from './diagnostic.ts'
import { checkMetrics, checkSecrecy } from './file-rules.ts'
import { fluxRoots, isOfFlux, lostRoots } from './flux-roots.ts'
import type { GivenValues } from './given-values.ts'
import { readManifests } from './manifests.ts'
import { withoutRemoteBases } from './remote-bases.ts'
import { askedFor, type Rules } from './rules.ts'
import { checkSettings } from './settings-form.ts'
import type { SourceFile } from './source.ts'
import type { Validation, ValidationTools } from './validate.ts'

/** How a repository is checked. */
export interface RepositoryCheck {
  readonly rules: Rules
  readonly given: GivenValues
  /** What people call it. */
  readonly name: string
}

/**
 * Everything that can be known without a cluster about a repository that Flux follows, whatever its layout: what is checked is what Flux
 * would apply, from each root on.
 * @throws OperatorError `usage` where there is nothing that Flux could follow
 */
export async function validateRepository(root: string, tools: ValidationTools, check: RepositoryCheck): Promise<Validation> {
  const manifests = await readManifests(root, '.')
  const roots = fluxRoots(root, manifests)
  if (roots.length === 0) {
    throw new OperatorError(
      `${check.name} holds nothing that Flux could follow: no FluxInstance, no Kustomization, no kustomization.yaml`,
      {
        kind: 'usage',
        remedy: 'name the repository, or the folder that is its top',
      },
    )
  }
  const local = await withoutRemoteBases(root, manifests.files)
  try {
    const builder = createBuilder(local.root, manifests.files, tools.kubectl)
    const workshop = workshopOf(local.root, manifests.files, { builder, given: check.given, rules: check.rules })
    const clusters = await Promise.all(roots.map(async (start) => ({ start, tree: await buildCluster(workshop, start) })))
    const trees = clusters.map(({ tree }) => tree)
    const judged = await checkClusters(workshop, clusters, tools)
    const reached = reachedBy(trees)
    const texts = manifests.files.filter(({ file }) => reached.has(file))
    const unreadable = manifests.findings.filter(({ file }) => reached.has(file) || isOfFlux(textOf(manifests.files, file)))
    const builds = new Set(trees.flatMap(({ applied }) => applied.map(({ folder }) => folder)))
    return {
      findings: sortedDiagnostics([
        ...unreadable,
        ...askedFor(texts.flatMap(checkFile), check.rules),
        ...lostRoots(root, manifests, roots),
        ...builder.findings,
        ...workshop.findings,
        ...judged.findings,
      ]),
      warnings: sortedDiagnostics(judged.warnings),
      broken: builder.broken,
      notChecked: [
        ...local.leftOut,
        ...trees.flatMap(({ cluster, unknown }) => unknown.map((what) => `${cluster}: ${what}`)),
        ...judged.notChecked,
      ],
      versions: findVersionPlaces(texts),
      checked: `${counted(texts.length, 'file')}, ${counted(builds.size, 'build')}, ${trees.map(({ cluster }) => cluster).join(' and ') || 'no cluster'}`,
    }
  } finally {
    await local.remove()
  }
}

function reachedBy(trees: readonly ClusterTree[]): Set<string> {
  return new Set(trees.flatMap(({ applied }) => applied.flatMap(({ files }) => files.map(({ file }) => file))))
}

function textOf(files: readonly SourceFile[], file: string): string {
  return files.find((one) => one.file === file)?.text ?? ''
}

function checkFile(source: SourceFile): Diagnostic[] {
  return [...checkSecrecy(source), ...checkSettings(source), ...checkMetrics(source.file, source.text)]
}
