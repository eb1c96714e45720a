import { releaseStateOf, stateOf } from '../cluster/flux-instance.ts'
import { kinds, nameOf } from '../cluster/objects.ts'
import { deploymentReadiness } from '../cluster/readiness.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { messageOf } from '../errors.ts'
import { type FluxPlace, refsIn } from '../flux-place.ts'
import type { Followed } from '../steps/git-versions.ts'
import { shown } from '../steps/git-versions.ts'

const patience = 10_000

/** What state each part is in, for a person who has to go on by hand: the FluxInstance, the controllers, the HelmRelease, Git. */
export async function describeState(cluster: Cluster, place: FluxPlace, git: Followed): Promise<string> {
  const { instance: ref, instanceRelease } = refsIn(place)
  const { namespace } = place
  const [instance, release, deployments] = await Promise.all([
    cluster.get(ref),
    cluster.get(instanceRelease),
    cluster.list(kinds.deployment, { namespace, labels: 'app.kubernetes.io/part-of=flux' }),
  ])
  const state = instance === undefined ? undefined : stateOf(instance)
  const found = await Promise.all(
    deployments.map(({ metadata: { name } }) => deploymentReadiness(cluster, { ...kinds.deployment, namespace, name })),
  )
  const waiting = found.flatMap((readiness) => (readiness.is === 'waiting' ? [readiness.on] : []))
  const isSuspended = release !== undefined && releaseStateOf(release).isSuspended
  const inGit = await git.look(AbortSignal.timeout(patience)).then(
    ({ now }) => `Git says ${shown(now)}`,
    (error: unknown) => `what Git says is not known: ${messageOf(error)}`,
  )
  return [
    state === undefined ? `${nameOf(ref)} is not there` : `${nameOf(ref)} asks for ${state.wanted} and has applied ${state.applied}`,
    waiting.length === 0 ? 'all controllers are available' : `not available: ${waiting.join(', ')}`,
    `${nameOf(instanceRelease)} is ${isSuspended ? 'suspended' : 'not suspended'}`,
    inGit,
  ].join('; ')
}
