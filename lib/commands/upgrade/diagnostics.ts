import { releaseStateOf, instanceStateOf } from '../../flux/instance.ts'
import { nameOf, refOf } from '../../kubernetes/objects.ts'
import type { Cluster } from '../../kubernetes/client.ts'
import { messageOf } from '../../base/errors.ts'
import { type FluxPlace, refsIn } from '../../flux/refs.ts'
import type { BranchVersions } from './steps/git-versions.ts'
import { shownLines } from './steps/git-versions.ts'
import { deploymentsOf, unavailableOf } from '../../flux/components.ts'

const patience = 10_000

/** What state each part is in, for a person who has to go on by hand: the FluxInstance, the controllers, the HelmRelease, Git. */
export async function describeState(cluster: Cluster, place: FluxPlace, git: BranchVersions): Promise<string> {
  const { instance: ref, instanceRelease } = refsIn(place)
  const { namespace } = place
  const [instance, release, deployments] = await Promise.all([
    cluster.get(ref),
    cluster.get(instanceRelease),
    deploymentsOf(cluster, namespace, 'controllers'),
  ])
  const state = instance === undefined ? undefined : instanceStateOf(instance)
  const waiting = await unavailableOf(cluster, deployments.map(refOf))
  const isSuspended = release !== undefined && releaseStateOf(release).isSuspended
  const inGit = await git.read(AbortSignal.timeout(patience)).then(
    ({ now }) => `Git says ${shownLines(now)}`,
    (error: unknown) => `what Git says is not known: ${messageOf(error)}`,
  )
  return [
    state === undefined ? `${nameOf(ref)} is not there` : `${nameOf(ref)} asks for ${state.wanted} and has applied ${state.applied}`,
    waiting.length === 0 ? 'all controllers are available' : `not available: ${waiting.join(', ')}`,
    `${nameOf(instanceRelease)} is ${isSuspended ? 'suspended' : 'not suspended'}`,
    inGit,
  ].join('; ')
}
