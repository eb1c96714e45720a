import { deletionOf, kinds } from '../../kubernetes/objects.ts'
import { instanceCrd } from '../../flux/crds.ts'
import { appliedBy } from '../../flux/labels.ts'
import { type Problem, problems } from '../../health/problems.ts'
import { awaitInstanceReady } from '../bootstrap/steps/chart.ts'
import { awaitControllers, awaitOperator, ensureReleased, ensureInstanceResumed } from './steps/repair.ts'
import { loginFailures } from './login-failures.ts'
import { ensureReleaseMoves } from './steps/stuck-release.ts'
import type { Evidence } from './evidence.ts'
import { repairsOperator } from './repairs-operator.ts'
import type { Remedy } from './layers.ts'
import { partFailures } from './part-failures.ts'
import { damaged, described, isObstructed } from './damaged.ts'
import { deniedByAdmission } from './denied.ts'
import { outside } from './outside.ts'
import { aroundFailures } from './around-failures.ts'
import { stuckInOrder, troubledReleases, troubles } from './stuck-releases.ts'
import type { Remedies } from './remedies.ts'
import { RemedyNeeds } from './remedy-needs.ts'
import { stoppedBeforeInstance } from './suspended.ts'
import { reconcileAnnotation } from '../../flux/annotations.ts'

/** A disaster that has a name, by what it is known, and what is done about it. */
export interface FailureMode {
  /** Stable: reports and drills name it. */
  readonly id: string
  readonly title: string
  /** Nothing else must be searched for: its remedy is to recreate everything, as far as it does not exist. */
  readonly isWhole?: true
  /** It is about what only an operator keeps: where none does, there is nothing to repair. */
  readonly isOperators?: true
  /** What a person decided: it is reported even beside one whose remedy recreates everything. */
  readonly isDecision?: true
  /** Flux is healthy all the same: it is reported even beside one whose remedy recreates everything. */
  readonly isBeside?: true
  /** It refuses every repair, and goes first, whatever else there is. */
  readonly isObstacle?: true
  /** What shows that it is this one; undefined where it is not. */
  readonly recognise: (evidence: Evidence) => string | undefined
  readonly remedy: (remedies: Remedies) => Promise<Remedy> | Remedy
}

const everything = async (remedies: Remedies): Promise<Remedy> => ({ installAgain: await remedies.everything() })

/** Every disaster with a name, the greatest first. */
export const failureModes: readonly FailureMode[] = [
  {
    id: 'namespace-deleted',
    title: "Flux's namespace deleted, and held by finalizers",
    isWhole: true,
    recognise: ({ terminating, hasCrds }) =>
      terminating !== undefined && (terminating.isHeld || hasCrds) ? terminating.because : undefined,
    remedy: async (remedies) => ({ installAgain: await remedies.recreateNamespace() }),
  },
  {
    id: 'all-crds-deleted',
    isOperators: true,
    title: "Flux's CRDs being deleted, the FluxInstance's among them",
    isWhole: true,
    // helm-controller uninstalls the operator, which uninstalls the controllers: none is left to remove the finalizers of the others.
    recognise({ probed }) {
      const gone = damaged(probed, 'crds', 'crd-gone')
      const isInstances = gone.some(({ object }) => object === `${kinds.crd.kind} ${instanceCrd}`)
      return isInstances && gone.some(({ since }) => since !== undefined) ? described(gone) : undefined
    },
    remedy: async (remedies) => ({ installAgain: await remedies.recreateCrds() }),
  },
  {
    id: 'instance-terminating',
    title: 'The FluxInstance being deleted',
    isWhole: true,
    recognise: ({ instance }) =>
      instance?.metadata.deletionTimestamp === undefined
        ? undefined
        : `it ${deletionOf(instance)}: the operator will uninstall Flux as soon as it runs`,
    remedy: async (remedies) => ({ installAgain: await remedies.recreateInstance() }),
  },
  {
    id: 'cluster-emptied',
    title: 'The whole cluster lost',
    isWhole: true,
    recognise: ({ hasCrds, isEmpty }) => (!hasCrds && isEmpty ? 'there is no Flux, and the cluster is new or empty' : undefined),
    remedy: everything,
  },
  {
    id: 'flux-deleted',
    title: 'All of Flux deleted, with its CRDs',
    isWhole: true,
    recognise: ({ hasCrds }) => (hasCrds ? undefined : "none of Flux's CRDs exists"),
    remedy: everything,
  },
  {
    id: 'operator-and-controllers-deleted',
    isOperators: true,
    title: 'The operator and every controller deleted',
    isWhole: true,
    recognise: ({ hasOperator, controllers: { there } }) =>
      !hasOperator && there.length === 0 ? 'neither the operator nor any controller exists' : undefined,
    remedy: everything,
  },
  {
    id: 'instance-deleted',
    isOperators: true,
    title: 'The FluxInstance deleted',
    isWhole: true,
    recognise: ({ instance }) => (instance === undefined ? 'there is no FluxInstance' : undefined),
    remedy: everything,
  },
  {
    id: 'operator-deleted',
    isOperators: true,
    title: 'The operator deleted',
    recognise: ({ hasOperator }) => (hasOperator ? undefined : 'there is no Deployment of flux-operator'),
    remedy: async (remedies) => ({
      operator: repairsOperator(remedies.evidence) ? [awaitOperator(remedies.evidence.namespace)] : await remedies.operator(),
    }),
  },
  {
    id: 'instance-suspended',
    title: 'The FluxInstance suspended',
    isDecision: true,
    recognise: (evidence) =>
      isSuspended(evidence) && evidence.resumesInstance === true ? `it is annotated ${reconcileAnnotation}: disabled` : undefined,
    remedy: ({ evidence: { namespace } }) => ({ instance: [ensureInstanceResumed(namespace)], ready: [awaitInstanceReady(namespace)] }),
  },
  {
    id: 'upgrade-broken',
    isOperators: true,
    title: 'An upgrade broken halfway',
    recognise: brokenUpgrade,
    remedy: async (remedies) => ({ instance: await remedies.rollBack() }),
  },
  {
    id: 'controllers-deleted',
    title: 'Controllers deleted',
    recognise({ controllers: { wanted, there } }) {
      const missing = wanted.filter((name) => !there.includes(name))
      return missing.length === 0 ? undefined : `missing: ${missing.join(', ')}`
    },
    async remedy({ evidence, verifyNothingPending, reinstall }) {
      await verifyNothingPending()
      if (!evidence.installation.expectsOperator) return { controllers: await reinstall() }
      return { controllers: [awaitControllers(evidence.namespace, evidence.controllers.wanted)] }
    },
  },
  ...loginFailures,
  {
    id: 'instance-release-deleted',
    isOperators: true,
    title: "The FluxInstance's HelmRelease deleted",
    // One that no HelmRelease has made, as by helm or kubectl, lacks none.
    recognise({ objects, namespace, instance }) {
      if (instance?.metadata.labels[appliedBy.helmRelease.name] === undefined) return undefined
      const release = objects.get(`HelmRelease ${namespace}/flux-instance`)
      if (release === undefined) return 'there is no HelmRelease flux-instance'
      return release.deletedAt === undefined ? undefined : `HelmRelease flux-instance is being deleted since ${release.deletedAt}`
    },
    remedy: ({ evidence, clusterFolder }) => ({
      releases: [ensureReleased(evidence.namespace, `${clusterFolder()}-gitops-flux-instance`, 'flux-instance')],
    }),
  },
  {
    id: 'instance-stalled',
    isOperators: true,
    title: 'The FluxInstance stalled or failing',
    recognise(evidence) {
      if (isSuspended(evidence) || brokenUpgrade(evidence) !== undefined) return undefined
      const reason = failingInstance(evidence)
      return reason !== undefined && deniedByAdmission.test(reason) ? undefined : reason
    },
    remedy: asGitHasIt,
  },
  {
    id: 'controllers-outdated',
    isOperators: true,
    title: 'Controllers at the old version',
    recognise: (evidence) => (brokenUpgrade(evidence) === undefined ? reasonOf(evidence.probed, problems.oldVersion) : undefined),
    remedy: async (remedies) => ({
      ...(await asGitHasIt(remedies)),
      controllers: [awaitControllers(remedies.evidence.namespace, remedies.evidence.controllers.wanted)],
    }),
  },
  ...partFailures,
  ...aroundFailures,
  ...outside,
  {
    id: 'release-pending',
    title: 'A Helm release stuck',
    recognise: ({ probed }) => troubledReleases(probed)[0]?.reason,
    remedy: ({ evidence: { probed, objects }, takeSnapshot }) => ({
      releases: stuckInOrder(probed, objects).map(({ ref }) => ensureReleaseMoves(ref, takeSnapshot)),
    }),
  },
  {
    id: 'loop',
    title: 'Recursive reconciliation loop',
    recognise: ({ probed }) => reasonOf(probed, problems.loop),
    remedy: async (remedies) => ({ loop: await remedies.endLoop() }),
  },
]

/** @throws RemedyNeeds where someone keeps what Git has away from the cluster */
async function asGitHasIt(remedies: Remedies): Promise<Remedy> {
  const stopped = stoppedBeforeInstance(remedies.evidence, () => remedies.takeSnapshot().where)
  if (stopped !== undefined) throw new RemedyNeeds(`the FluxInstance ${stopped.what}`, stopped.remedy)
  return { instance: await remedies.instance(), ready: [awaitInstanceReady(remedies.evidence.namespace)] }
}

/** One that is being deleted was suspended to keep its operator from uninstalling Flux. */
function isSuspended({ instance }: Evidence): boolean {
  return instance?.metadata.deletionTimestamp === undefined && instance?.metadata.annotations[reconcileAnnotation] === 'disabled'
}

/** What keeps a pod from ever running. */
const cannotRun = /\b(ErrImagePull|ImagePullBackOff|InvalidImageName|CrashLoopBackOff|CreateContainerConfigError|CreateContainerError)\b/

/** Why the version that Git asks for does not start. Restoring the FluxInstance as in Git would be no remedy for that. */
function brokenUpgrade(evidence: Evidence): string | undefined {
  const { probed, upgrade } = evidence
  if (upgrade === undefined || isSuspended(evidence)) return undefined
  const broken = troubles(probed, 'controllers').find(({ reason }) => cannotRun.test(reason))
  const why = broken === undefined ? failingInstance(evidence) : `${broken.object}: ${cannotRun.exec(broken.reason)?.[0]}`
  return why === undefined ? undefined : `Git asks for Flux ${upgrade.to}, and ${upgrade.from} is the last that ran; ${why}`
}

/** Unless a webhook is the reason, which has a failure mode of its own: without it the FluxInstance is Ready again. */
function failingInstance({ probed }: Evidence): string | undefined {
  const reason = reasonOf(probed, problems.instanceFailing)
  return reason !== undefined && isObstructed(probed, reason) ? undefined : reason
}

function reasonOf(probed: Evidence['probed'], problem: Problem): string | undefined {
  const trouble = probed.flatMap(({ objects = [] }) => objects).find((one) => one.problem === problem)
  return trouble === undefined ? undefined : `${trouble.object}: ${trouble.reason}`
}
