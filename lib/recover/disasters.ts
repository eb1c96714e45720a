import type { Trouble } from '../health/probe.ts'
import { type Problem, problems } from '../health/problems.ts'
import type { Step } from '../step.ts'
import { awaitControllers, awaitOperator, ensureReleased, ensureResumed } from '../steps/heal.ts'
import { ensureFetching } from '../steps/fetching.ts'
import { ensureReleaseMoves } from '../steps/stuck-release.ts'
import type { Evidence } from './evidence.ts'
import type { Means } from './means.ts'
import { reconcileAnnotation } from '../cluster/flux-instance.ts'

/** A disaster that has a name, by what it is known, and what is done about it. */
export interface Disaster {
  /** Stable: reports and drills name it. */
  readonly id: string
  readonly title: string
  /** Nothing else need be looked for: its remedy is to make everything anew, as far as it is not there. */
  readonly isWhole?: true
  /** What shows that it is this one; undefined where it is not. */
  readonly recognise: (evidence: Evidence) => string | undefined
  readonly remedy: (means: Means) => Promise<readonly Step[]> | readonly Step[]
}

const everything = (means: Means): Promise<readonly Step[]> => means.everything()

/** Every disaster with a name, the greatest first. */
export const disasters: readonly Disaster[] = [
  {
    id: 'cluster-emptied',
    title: 'The whole cluster lost',
    isWhole: true,
    recognise: ({ hasCrds, isEmpty }) =>
      !hasCrds && isEmpty ? 'nothing of Flux is there, and the cluster is a new or empty one' : undefined,
    remedy: everything,
  },
  {
    id: 'flux-deleted',
    title: 'All of Flux deleted, with its CRDs',
    isWhole: true,
    recognise: ({ hasCrds }) => (hasCrds ? undefined : "none of Flux's CRDs is there"),
    remedy: everything,
  },
  {
    id: 'operator-and-controllers-deleted',
    title: 'The operator and every controller deleted',
    isWhole: true,
    recognise: ({ hasOperator, controllers: { there } }) =>
      !hasOperator && there.length === 0 ? 'neither the operator nor any controller is there' : undefined,
    remedy: everything,
  },
  {
    id: 'instance-deleted',
    title: 'The FluxInstance deleted',
    isWhole: true,
    recognise: ({ instance }) => (instance === undefined ? 'there is no FluxInstance' : undefined),
    remedy: everything,
  },
  {
    id: 'operator-deleted',
    title: 'The operator deleted',
    recognise: ({ hasOperator }) => (hasOperator ? undefined : 'there is no Deployment of flux-operator'),
    remedy: async (means) => (healsOperator(means.evidence) ? [awaitOperator(means.evidence.namespace)] : means.operator()),
  },
  {
    id: 'instance-suspended',
    title: 'The FluxInstance suspended',
    recognise: (evidence) => (isSuspended(evidence) ? `it is annotated ${reconcileAnnotation}: disabled` : undefined),
    remedy: ({ evidence }) => [ensureResumed(evidence.namespace)],
  },
  {
    id: 'upgrade-broken',
    title: 'An upgrade broken halfway',
    recognise: brokenUpgrade,
    remedy: (means) => means.rollBack(),
  },
  {
    id: 'controllers-deleted',
    title: 'Controllers deleted',
    recognise({ controllers: { wanted, there } }) {
      const missing = wanted.filter((name) => !there.includes(name))
      return missing.length === 0 ? undefined : `missing: ${missing.join(', ')}`
    },
    remedy: ({ evidence }) => [awaitControllers(evidence.namespace, evidence.controllers.wanted)],
  },
  {
    id: 'git-credentials-gone',
    title: "Flux's login for Git gone",
    recognise: ({ probed, objects, namespace }) => {
      const secrets = objects.get(sourceOf(namespace))?.secrets.map(({ ref }) => `Secret ${ref.namespace}/${ref.name}`) ?? []
      const missing = troubles(probed, 'secrets').find(({ object }) => secrets.includes(object))
      return missing === undefined ? undefined : `${missing.object} does not exist`
    },
    remedy: (means) => means.gitLogin().then((steps) => [...steps, ensureFetching(means.evidence.namespace)]),
  },
  {
    id: 'git-credentials-wrong',
    title: "Flux's login for Git wrong",
    recognise: ({ probed, namespace }) => {
      const source = troubles(probed, 'sources').find(({ object }) => object === sourceOf(namespace))
      return source !== undefined && refused.test(source.reason) ? source.reason : undefined
    },
    remedy: (means) => means.gitLogin().then((steps) => [...steps, ensureFetching(means.evidence.namespace)]),
  },
  {
    id: 'instance-release-deleted',
    title: "The FluxInstance's HelmRelease deleted",
    recognise: ({ objects, namespace }) =>
      objects.has(`HelmRelease ${namespace}/flux-instance`) ? undefined : 'there is no HelmRelease flux-instance',
    remedy: (means) => [ensureReleased(means.evidence.namespace, `${means.clusterFolder}-gitops-flux-instance`, 'flux-instance')],
  },
  {
    id: 'instance-stalled',
    title: 'The FluxInstance stalled or failing',
    recognise: (evidence) =>
      isSuspended(evidence) || brokenUpgrade(evidence) !== undefined ? undefined : reasonOf(evidence.probed, problems.instanceFailing),
    remedy: (means) => means.instance(),
  },
  {
    id: 'controllers-outdated',
    title: 'Controllers at the old version',
    recognise: (evidence) => (brokenUpgrade(evidence) === undefined ? reasonOf(evidence.probed, problems.oldVersion) : undefined),
    remedy: async (means) => [...(await means.instance()), awaitControllers(means.evidence.namespace, means.evidence.controllers.wanted)],
  },
  {
    id: 'release-pending',
    title: 'A Helm release stuck',
    recognise: ({ probed }) => stuckReleases(probed)[0]?.reason,
    remedy: ({ evidence: { probed, objects }, look }) =>
      stuckReleases(probed).flatMap(({ object }) => {
        const release = objects.get(object)
        return release === undefined ? [] : [ensureReleaseMoves(release.ref, look)]
      }),
  },
  {
    id: 'loop',
    title: 'Recursive reconciliation loop',
    recognise: ({ probed }) => reasonOf(probed, problems.loop),
    remedy: (means) => means.endLoop(),
  },
]

function isSuspended({ instance }: Evidence): boolean {
  return instance?.metadata.annotations[reconcileAnnotation] === 'disabled'
}

/** What keeps a pod from ever running. */
const cannotRun = /\b(ErrImagePull|ImagePullBackOff|InvalidImageName|CrashLoopBackOff|CreateContainerConfigError|CreateContainerError)\b/

/** Why the version that Git asks for does not come to run. Putting the FluxInstance back as Git has it would be no remedy for that. */
function brokenUpgrade(evidence: Evidence): string | undefined {
  const { probed, upgrade } = evidence
  if (upgrade === undefined || isSuspended(evidence)) return undefined
  const broken = troubles(probed, 'controllers').find(({ reason }) => cannotRun.test(reason))
  const why = broken === undefined ? reasonOf(probed, problems.instanceFailing) : `${broken.object}: ${cannotRun.exec(broken.reason)?.[0]}`
  return why === undefined ? undefined : `Git asks for Flux ${upgrade.to}, and ${upgrade.from} is the last that ran; ${why}`
}

/** What git servers, and Flux of them, say to a login that they do not take. */
const refused =
  /authentication required|authorization failed|invalid (auth|credentials)|unable to authenticate|unauthorized|permission denied|\b40[13]\b|handshake failed|knownhosts/i

function sourceOf(namespace: string): string {
  return `GitRepository ${namespace}/${namespace}`
}

function troubles(probed: Evidence['probed'], id: string): readonly Trouble[] {
  return probed.find((probe) => probe.id === id)?.objects ?? []
}

function reasonOf(probed: Evidence['probed'], problem: Problem): string | undefined {
  const trouble = probed.flatMap(({ objects = [] }) => objects).find((one) => one.problem === problem)
  return trouble === undefined ? undefined : `${trouble.object}: ${trouble.reason}`
}

function stuckReleases(probed: Evidence['probed']): readonly Trouble[] {
  const isStuck = ({ object, reason }: Trouble): boolean =>
    object.startsWith('HelmRelease ') && /is pending-|^still at it|^stalled|^tries again|Failed: /.test(reason)
  return troubles(probed, 'helmreleases').filter(isStuck)
}

/** helm-controller puts a deleted operator back by itself, if it is there and the operator's HelmRelease is not suspended. */
function healsOperator({ controllers, objects, namespace }: Evidence): boolean {
  const release = objects.get(`HelmRelease ${namespace}/flux-operator`)
  return controllers.there.includes('helm-controller') && release !== undefined && !release.isSuspended
}
