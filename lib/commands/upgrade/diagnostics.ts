import { instanceStateOf } from '../../flux/instance.ts'
import { nameOf, type Ref, refOf } from '../../kubernetes/objects.ts'
import type { Cluster } from '../../kubernetes/client.ts'
import { messageOf } from '../../base/errors.ts'
import { isSuspended } from '../../flux/suspension.ts'
import { type FluxPlace, refsIn } from '../../flux/refs.ts'
import type { BranchVersions } from './steps/git-versions.ts'
import { shownLines } from './steps/git-versions.ts'
import { deploymentsOf, unavailableOf } from '../../flux/components.ts'

const patience = 10_000

/** What state each part is in, for a person who has to continue by hand: the FluxInstance, the controllers, what applies it, Git. */
export async function describeState(cluster: Cluster, place: FluxPlace, git: BranchVersions): Promise<string> {
  const { instance: ref, applier: applierRef } = refsIn(place)
  const [applier, deployments] = await Promise.all([cluster.get(applierRef), deploymentsOf(cluster, place.namespace, 'controllers')])
  const waiting = await unavailableOf(cluster, deployments.map(refOf))
  const isAtRest = applier !== undefined && isSuspended(applier)
  const inGit = await git.read(AbortSignal.timeout(patience)).then(
    ({ now }) => `Git says ${shownLines(now)}`,
    (error: unknown) => `what Git says is not known: ${messageOf(error)}`,
  )
  return [
    ...(ref === undefined ? [] : [await describeInstance(cluster, ref)]),
    waiting.length === 0 ? 'all controllers are available' : `not available: ${waiting.join(', ')}`,
    `${nameOf(applierRef)} is ${isAtRest ? 'suspended' : 'not suspended'}`,
    inGit,
  ].join('; ')
}

async function describeInstance(cluster: Cluster, ref: Ref): Promise<string> {
  const instance = await cluster.get(ref)
  if (instance === undefined) return `${nameOf(ref)} does not exist`
  const { wanted, applied } = instanceStateOf(instance)
  return `${nameOf(ref)} asks for ${wanted} and has applied ${applied}`
}
