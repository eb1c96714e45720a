import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { OperatorError } from '../../base/errors.ts'
import { isNewerMinor } from '../../base/version.ts'
import type { Session } from '../../connection/session.ts'
import { inGitOf } from '../../connection/target.ts'
import { exactVersion } from '../../desired-state/chart.ts'
import { fetchTree, type Tree } from '../../desired-state/tree.ts'
import { changedWith, type FluxCrd, listControllerCrds } from '../../flux/crds.ts'
import { type Distribution, readDistribution } from '../../flux/distribution.ts'
import { instanceStateOf } from '../../flux/instance.ts'
import { refsIn } from '../../flux/refs.ts'
import type { CommandContext } from '../../runner/run-command.ts'
import type { RunResult } from '../../runner/run-result.ts'
import type { Flags } from '../../terminal/flags.ts'
import { listTags, parseArtifact } from '../../tools/registry.ts'
import { apiChanges } from './checks/api-versions.ts'
import { oldApisInGit } from './checks/git-api-versions.ts'
import { choicesFrom, type InstalledVersions, linesOfChoices, type OperatorChoice, operatorsToRead } from './list.ts'
import { placeOf } from './prepare.ts'

const versionSchema = v.object({ gitVersion: v.string() })
type ListContext = Pick<CommandContext<Flags>, 'session' | 'target' | 'console'>

/**
 * Shows which versions of Flux there are to upgrade to, what each needs, and what stands in the way here. Nothing is changed.
 * @throws OperatorError `blocked` where Git, the cluster or the distribution cannot be read
 */
export async function listVersions({ session, target, console }: ListContext): Promise<RunResult> {
  const { cluster, tools, folder } = session
  const { remote, folder: name } = inGitOf(target, 'upgrade')
  const checkout = join(folder, 'tree')
  await mkdir(checkout)
  const { gitVersion: kubernetes } = v.parse(versionSchema, await cluster.read('/version'))
  const tree = await fetchTree(remote, name, checkout, tools.kubectl, cluster.signal)
  const live = await cluster.get(refsIn(placeOf(tree)).instance)
  const running = live === undefined ? undefined : instanceStateOf(live)
  const operator = exactVersion(tree.operator) ?? ''
  const here: InstalledVersions = { flux: running?.applied || tree.distribution.version, operator, kubernetes }
  const { known, notKnown } = await operatorsOf(session, tree, operator)
  const crds = live === undefined ? [] : changedWith(live, await listControllerCrds(cluster))
  const old = await oldApisByMinor(checkout, crds, known, here)
  const choices = choicesFrom(here, known, (flux) => old.get(minorOf(flux)) ?? [])
  console.answer.line(`Versions of Flux for ${target.context}, where ${here.flux} runs on Kubernetes ${kubernetes}`)
  for (const line of linesOfChoices(choices, here, target.where)) console.answer.line(line)
  for (const what of notKnown) console.warning(what)
  const fields = { running: here, versions: choices, notKnown }
  const newer = choices.filter(({ isHere, blockedBy }) => !isHere && blockedBy.length === 0).length
  return { outcome: 'done', report: { fields }, isAnswer: true, verdict: `${newer} to upgrade to, and nothing was changed` }
}

const minorOf = (version: string): string => version.slice(0, version.lastIndexOf('.'))

/** What Git has in API versions that go away, for each newer minor of Flux: its patches all have the same. */
async function oldApisByMinor(
  checkout: string,
  crds: readonly FluxCrd[],
  known: readonly OperatorDistribution[],
  here: InstalledVersions,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const old = new Map<string, readonly string[]>()
  for (const { distribution } of known) {
    for (const flux of distribution.versions.filter((version) => isNewerMinor(version, here.flux))) {
      if (old.has(minorOf(flux))) continue
      const { found } = await oldApisInGit(checkout, crds, apiChanges(crds, distribution, flux).removedVersions)
      const reported = found.map(({ place, kind, apiVersion }) => `${place}: ${kind} in ${apiVersion}, which goes away`)
      old.set(minorOf(flux), reported)
    }
  }
  return old
}

/** An operator, and all that its distribution holds. */
interface OperatorDistribution extends OperatorChoice {
  readonly distribution: Distribution
}

/** What the operator that Git names brings, and what newer ones would. */
async function operatorsOf(
  { registry, cluster: { signal } }: Session,
  tree: Tree,
  running: string,
): Promise<{ known: OperatorDistribution[]; notKnown: string[] }> {
  const { artifact } = tree.distribution
  const own = await readDistribution(artifact, registry, signal)
  if (own === undefined) {
    const where = artifact === '' ? "the manifests are inside the operator's image" : `${artifact} cannot be read from here`
    throw new OperatorError(`which versions of Flux there are is not known: ${where}`, {
      kind: 'blocked',
      remedy: 'https://fluxcd.io/flux/releases; what the operator knows it says itself: upgrade.ts --to X.Y.Z --dry-run',
    })
  }
  const chart = parseArtifact(`${tree.operator.url}:${running}`)
  const tags = chart === undefined ? undefined : await listTags(chart, registry, signal)
  const known: OperatorDistribution[] = [{ operator: running, distribution: own }]
  if (tags === undefined) return { known, notKnown: [`which newer operators there are: the registry of ${tree.operator.url} does not say`] }
  const notKnown: string[] = []
  const isTagged = running !== '' && artifact.split('@')[0]?.endsWith(`:v${running}`) === true
  for (const newer of operatorsToRead(tags, running)) {
    const moved = isTagged ? (artifact.split('@')[0] ?? '').replace(/:v[^:/]+$/, `:v${newer}`) : ''
    const distribution = moved === '' ? undefined : await readDistribution(moved, registry, signal)
    if (distribution === undefined) notKnown.push(`which Flux flux-operator ${newer} brings: its artifact cannot be read from here`)
    else known.push({ operator: newer, distribution })
  }
  return { known, notKnown }
}
