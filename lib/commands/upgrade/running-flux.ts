import type { Session } from '../../connection/session.ts'
import { imageIn } from '../../flux/components.ts'
import { type Distribution, readDistribution } from '../../flux/distribution.ts'
import { asAppliedBy, distributionOf, packed } from '../../flux/install-manifests.ts'
import { artifactOf, instanceStateOf, movedComponents } from '../../flux/instance.ts'
import { refsIn } from '../../flux/refs.ts'
import type { KubeObject } from '../../kubernetes/objects.ts'
import type { LocatedFlux } from './locate.ts'
import type { PlaceInGit } from './place-in-git.ts'
import { instanceAt, readStartAt } from './place-start.ts'
import type { UpgradeState } from './state.ts'
import type { Versions } from './version-notes.ts'

/** What runs, what of the wanted version is known beforehand, and what restores the old one. */
export interface RunningFlux {
  /** The artifact that the operator takes Flux's manifests from; empty where it has them itself, or there is no operator. */
  readonly artifact: string
  readonly distribution: Distribution | undefined
  readonly components: readonly { readonly name: string; readonly tag: string }[]
  readonly former: Pick<UpgradeState, 'instance' | 'manifests' | 'start'>
}

/** The version that runs, and the one that was asked for last: where that never came to run, they differ. */
export function runningVersions({ instance, installed }: LocatedFlux): { readonly runs: string; readonly wanted: string } {
  if (instance === undefined) return { runs: installed.version ?? '', wanted: installed.version ?? '' }
  const { applied, wanted } = instanceStateOf(instance)
  return { runs: applied === '' ? wanted : applied, wanted }
}

/** Reads it, of a FluxInstance or of Flux's own manifests. */
export async function readRunning(
  session: Session,
  located: LocatedFlux,
  git: PlaceInGit,
  change: { readonly from: Versions; readonly to: Versions; readonly isBack: boolean; readonly operator: string },
): Promise<RunningFlux> {
  const { instance: live } = located
  return live === undefined ? ofManifests(session, located, git, change) : ofInstance(session, live, git, change)
}

async function ofInstance(
  { cluster, registry }: Session,
  live: KubeObject,
  { name, at: { says } }: PlaceInGit,
  { from, to, isBack, operator }: Parameters<typeof readRunning>[3],
): Promise<RunningFlux> {
  const artifact = artifactOf(live)
  const components = await movedComponents(cluster, live)
  const { namespace = '' } = live.metadata
  const { applied, wanted } = instanceStateOf(live)
  const seen = { namespace, components, isApplied: applied === wanted, versions: { flux: wanted, operator }, name, says }
  const start = isBack ? { start: { ...(await readStartAt(cluster, seen)), instance: instanceAt(live, wanted) } } : {}
  return {
    artifact,
    distribution: await readDistribution(artifact, registry, cluster.signal),
    components,
    former: { instance: instanceAt(live, isBack ? to.flux : from.flux), ...start },
  }
}

async function ofManifests(
  { cluster }: Session,
  { controllers, place, installed: { namespace, version = '' } }: LocatedFlux,
  { name, at: { says }, manifests }: PlaceInGit,
  { to, isBack, operator }: Parameters<typeof readRunning>[3],
): Promise<RunningFlux> {
  const { now = [], running = [], wanted = [] } = manifests ?? {}
  const pack = (objects: readonly KubeObject[]): string => packed(asAppliedBy(objects, refsIn(place).applier))
  const components = controllers.map((one) => ({ name: one.metadata.name, tag: imageIn(one).split(':').at(-1) ?? '' }))
  const seen = { namespace, components, isApplied: true, versions: { flux: version, operator }, name, says }
  const start = isBack ? { start: { ...(await readStartAt(cluster, seen)), manifests: pack(now) } } : {}
  return {
    artifact: '',
    distribution: distributionOf(wanted, to.flux),
    components,
    former: { manifests: pack(isBack ? wanted : running), ...start },
  }
}
