import { counted } from '../../base/counted.ts'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Build, createBuilder } from './builds.ts'
import { checkClusters, workshopOf } from './check-clusters.ts'
import { buildCluster } from './cluster-tree.ts'
import { checkDocuments, documentsIn } from './documents.ts'
import { checkMetrics, checkSecrecy } from './file-rules.ts'
import { type Diagnostic, sortedDiagnostics } from './diagnostic.ts'
import { nothingGiven } from './given-values.ts'
import { buildable } from './kustomization-closure.ts'
import { readManifests } from './manifests.ts'
import type { Scope } from './paths.ts'
import { projectRoots } from './project-roots.ts'
import { checkSettings } from './settings-form.ts'
import type { OperatorRelease } from './schemas.ts'
import { filesBelow } from './source.ts'
import type { VersionPlace } from '../../desired-state/version-places.ts'

/** What there is on this machine to check with. */
export interface ValidationTools {
  readonly kubectl: string
  /** Flux' own CLI, if it is here. */
  readonly flux: string | undefined
  /** A release of the operator with its CRDs, if one is here. */
  readonly release: OperatorRelease | undefined
}

export interface Validation {
  readonly findings: readonly Diagnostic[]
  /** What may be a problem, and may be right for a version that is not known here. */
  readonly warnings: readonly Diagnostic[]
  /** What could not be checked, and why. */
  readonly notChecked: readonly string[]
  /** The builds that cannot be made. */
  readonly broken: readonly Build[]
  /** What was: for the last line. */
  readonly checked: string
  /** Where the versions of Flux and of its operator stand, in a repository that was checked as such. */
  readonly versions?: readonly VersionPlace[]
}

/**
 * Everything that can be known without a cluster about a checkout, as far as the scope goes. The tree is checked as a whole, for its
 * parts refer to each other; reported is what the scope covers.
 */
export async function validate(
  root: string,
  scope: Scope,
  findTools: () => Promise<ValidationTools>,
  given = nothingGiven,
): Promise<Validation> {
  const verdicts = await Promise.all([
    ...(scope.hasTree ? [findTools().then((tools) => validateTree(root, tools, given))] : []),
    ...(scope.hasDocuments ? [validateDocuments(root)] : []),
  ])
  const whole = {
    findings: verdicts.flatMap(({ findings }) => findings),
    warnings: verdicts.flatMap(({ warnings }) => warnings),
    broken: verdicts.flatMap(({ broken }) => broken),
  }
  return {
    ...coveredPart(whole, scope.covers),
    notChecked: verdicts.flatMap(({ notChecked }) => notChecked),
    checked: verdicts.map(({ checked }) => checked).join(', '),
  }
}

/** Of all that was found, what concerns some files: what keeps one of their folders from being built too, wherever that is. */
export function coveredPart(
  { findings, warnings, broken }: Pick<Validation, 'findings' | 'warnings' | 'broken'>,
  covers: (file: string) => boolean,
): Pick<Validation, 'findings' | 'warnings' | 'broken'> {
  const own = broken.filter(({ folder }) => covers(join(folder, 'kustomization.yaml')))
  const causes = new Set(own.flatMap(({ files }) => files.map(({ file }) => file)))
  return {
    findings: findings.filter(({ file }) => covers(file) || causes.has(file)),
    warnings: warnings.filter(({ file }) => covers(file)),
    broken: own,
  }
}

/** Everything that can be known without a cluster about the documents of a checkout. */
export async function validateDocuments(root: string): Promise<Validation> {
  const documents = await documentsIn(root)
  const findings = sortedDiagnostics(await checkDocuments(root, documents))
  return { findings, warnings: [], notChecked: [], broken: [], checked: counted(documents.length, 'document') }
}

/** Everything that can be known without a cluster about the `kubernetes/` of a checkout. */
export async function validateTree(root: string, tools: ValidationTools, given = nothingGiven): Promise<Validation> {
  const { files: sources, findings: unreadable } = await readManifests(root, 'kubernetes')
  const others = await filesBelow(root, 'kubernetes', /\.json$/) // dashboards
  const findings = [
    ...unreadable,
    ...sources.flatMap((source) => [...checkSecrecy(source), ...checkSettings(source), ...checkMetrics(source.file, source.text)]),
    ...(await Promise.all(others.map(async (file) => checkMetrics(file, await readFile(join(root, file), 'utf8'))))).flat(),
  ]
  const checked = counted(sources.length, 'file')
  // What cannot be parsed makes every build fail in words of its own.
  if (unreadable.length > 0) {
    const files = sources.filter(({ problems }) => problems > 0)
    const broken = buildable(sources).map((folder) => ({ folder, text: '', files, isBroken: true }))
    return { findings: sortedDiagnostics(findings), warnings: [], notChecked: ['builds, before the YAML is fixed'], broken, checked }
  }

  const builder = createBuilder(root, sources, tools.kubectl)
  const folders = buildable(sources)
  const workshop = workshopOf(root, sources, { builder, given, rules: 'project' })
  const roots = projectRoots(sources)
  const [trees] = await Promise.all([
    Promise.all(roots.map(async (start) => ({ start, tree: await buildCluster(workshop, start) }))),
    Promise.all(folders.map((folder) => builder.build(folder))),
  ])
  // What follows from a folder that cannot be built would be reported as problems of its own.
  if (builder.findings.some(({ rule }) => rule === 'build')) {
    const notBuilt = 'what the clusters are made of, before the folder that cannot be built is fixed'
    return {
      findings: sortedDiagnostics([...findings, ...builder.findings]),
      warnings: [],
      notChecked: [notBuilt],
      broken: builder.broken,
      checked,
    }
  }
  const judged = await checkClusters(workshop, trees, tools)
  return {
    findings: sortedDiagnostics([...findings, ...builder.findings, ...workshop.findings, ...judged.findings]),
    warnings: sortedDiagnostics(judged.warnings),
    broken: builder.broken,
    notChecked: [...judged.notChecked, ...(tools.flux === undefined ? ['flux build: there is no flux CLI on this machine'] : [])],
    checked: `${checked}, ${counted(folders.length, 'build')}, ${trees.map(({ tree }) => tree.cluster).join(' and ') || 'no cluster'}`,
  }
}
