import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { OperatorError } from '../../base/errors.ts'
import { isNewerMinor } from '../../base/version.ts'
import type { Session } from '../../connection/session.ts'
import { inGitOf, type Target } from '../../connection/target.ts'
import { exactVersion } from '../../desired-state/chart.ts'
import { fetchTree } from '../../desired-state/tree.ts'
import { changedWith, type FluxCrd, listControllerCrds } from '../../flux/crds.ts'
import { type Distribution, readDistribution } from '../../flux/distribution.ts'
import { artifactOf, instanceStateOf } from '../../flux/instance.ts'
import type { KubeObject } from '../../kubernetes/objects.ts'
import type { TextFile } from '../../desired-state/version-places.ts'
import { isInSettings } from './in-settings.ts'
import { locateFlux } from './locate.ts'
import { readPlace } from './place-in-git.ts'
import { operatorOf } from './running-operator.ts'
import { instanceIn, refsIn } from '../../flux/refs.ts'
import type { CommandContext } from '../../runner/run-command.ts'
import type { RunResult } from '../../runner/run-result.ts'
import type { Flags } from '../../terminal/flags.ts'
import { listTags, parseArtifact } from '../../tools/registry.ts'
import { apiChanges } from './checks/api-versions.ts'
import { oldApisIn, readYaml } from './checks/git-api-versions.ts'
import { listCharts } from './stack/list-charts.ts'
import { isPulumisFlux } from './stack/run-stack.ts'
import { choicesFrom, type InstalledVersions, linesOfChoices, type OperatorChoice, operatorsToRead } from './list.ts'

const versionSchema = v.object({ gitVersion: v.string() })
type ListContext = Pick<CommandContext<Flags>, 'session' | 'target' | 'settings' | 'console'>

/**
 * Shows which versions of Flux there are to upgrade to, what each needs, and what blocks it here. Nothing is changed.
 * @throws OperatorError `blocked` where Git, the cluster or the distribution cannot be read
 */
export async function listVersions(context: ListContext): Promise<RunResult> {
  const { session, target, console } = context
  const { cluster } = session
  const { gitVersion: kubernetes } = v.parse(versionSchema, await cluster.read('/version'))
  if (await isPulumisFlux(cluster)) return listCharts(context, kubernetes)
  const isOwn = await isInSettings(session, target, { flux: '', operator: undefined })
  const subject = isOwn ? await readOwnTree(session, target) : await readElsewhere(session, target)
  const { live, operator, files } = subject
  const running = live === undefined ? undefined : instanceStateOf(live)
  const here: InstalledVersions = { flux: running?.applied || subject.flux, operator, kubernetes }
  const { known, notKnown } = await operatorsOf(session, subject)
  const crds = live === undefined ? [] : changedWith(live, await listControllerCrds(cluster))
  const old = oldApisByMinor(files, crds, known, here)
  const choices = choicesFrom(here, known, (flux) => old.get(minorOf(flux)) ?? [])
  console.answer.line(`Versions of Flux for ${target.context}, where ${here.flux} runs on Kubernetes ${kubernetes}`)
  for (const line of linesOfChoices(choices, here, target.where)) console.answer.line(line)
  for (const what of notKnown) console.warning(what)
  const fields = { running: here, versions: choices, notKnown }
  const newer = choices.filter(({ isHere, blockedBy }) => !isHere && blockedBy.length === 0).length
  return { outcome: 'done', report: { fields }, isAnswer: true, verdict: `${newer} to upgrade to, and nothing was changed` }
}

/** What there is to choose from, and what blocks the run. */
interface Subject {
  readonly live: KubeObject | undefined
  /** The version of Flux that Git says, and that of the operator. */
  readonly flux: string
  readonly operator: string
  /** Where the operator's chart is. */
  readonly chart: string
  readonly artifact: string
  readonly files: readonly TextFile[]
}

async function readOwnTree({ cluster, tools, folder }: Session, target: Target): Promise<Subject> {
  const { remote, folder: name } = inGitOf(target, 'upgrade')
  const checkout = join(folder(), 'tree')
  await mkdir(checkout)
  const { operator, distribution, namespace } = await fetchTree(remote, name, checkout, tools.kubectl, cluster.signal)
  return {
    live: await cluster.get(instanceIn(namespace)),
    flux: distribution.version,
    operator: exactVersion(operator) ?? '',
    chart: operator.url,
    artifact: distribution.artifact,
    files: await readYaml(checkout, 'kubernetes'),
  }
}

async function readElsewhere(session: Session, target: Target): Promise<Subject> {
  const located = await locateFlux(session.cluster, 'flux', target.where)
  const { instance: live, place } = located
  if (live === undefined) throw notKnown('a flux CLI installs only its own version, and there is no operator')
  const { at, files } = await readPlace(session, target, located, { of: 'flux', version: undefined })
  const { version: operator, url: chart } = await operatorOf(session.cluster, refsIn(place).operatorRelease)
  return { live, flux: at.says, operator, chart, artifact: artifactOf(live), files }
}

function notKnown(why: string): OperatorError {
  return new OperatorError(`the available versions of Flux are not known: ${why}`, {
    kind: 'blocked',
    remedy: 'https://fluxcd.io/flux/releases; to see whether the operator knows one: upgrade.ts --to X.Y.Z --dry-run',
  })
}

const minorOf = (version: string): string => version.slice(0, version.lastIndexOf('.'))

/** What Git has in API versions that will be removed, for each newer minor of Flux: its patches all have the same. */
function oldApisByMinor(
  files: readonly TextFile[],
  crds: readonly FluxCrd[],
  known: readonly OperatorDistribution[],
  here: InstalledVersions,
): ReadonlyMap<string, readonly string[]> {
  const old = new Map<string, readonly string[]>()
  for (const { distribution } of known) {
    for (const flux of distribution.versions.filter((version) => isNewerMinor(version, here.flux))) {
      if (old.has(minorOf(flux))) continue
      const { found } = oldApisIn(files, crds, apiChanges(crds, distribution, flux).removedVersions)
      const reported = found.map(({ place, kind, apiVersion }) => `${place}: ${kind} in ${apiVersion}, which will be removed`)
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
  { artifact, chart: url, operator: running }: Subject,
): Promise<{ known: OperatorDistribution[]; notKnown: string[] }> {
  const own = await readDistribution(artifact, registry, signal)
  if (own === undefined) {
    const where = artifact === '' ? "the manifests are inside the operator's image" : `${artifact} cannot be read from here`
    throw notKnown(where)
  }
  const chart = url === '' ? undefined : parseArtifact(`${url}:${running}`)
  const tags = chart === undefined ? undefined : await listTags(chart, registry, signal)
  const known: OperatorDistribution[] = [{ operator: running, distribution: own }]
  if (tags === undefined)
    return {
      known,
      notKnown: [
        `which newer operators there are: ${url === '' ? 'its chart is not in Git as an OCIRepository' : `the registry of ${url} does not say`}`,
      ],
    }
  const unread: string[] = []
  const isTagged = running !== '' && artifact.split('@')[0]?.endsWith(`:v${running}`) === true
  for (const newer of operatorsToRead(tags, running)) {
    const moved = isTagged ? (artifact.split('@')[0] ?? '').replace(/:v[^:/]+$/, `:v${newer}`) : ''
    const distribution = moved === '' ? undefined : await readDistribution(moved, registry, signal)
    if (distribution === undefined) unread.push(`which Flux flux-operator ${newer} brings: its artifact cannot be read from here`)
    else known.push({ operator: newer, distribution })
  }
  return { known, notKnown: unread }
}
