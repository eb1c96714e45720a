import { releaseNames } from '../../flux/refs.ts'
import type { Trouble } from '../../health/probe.ts'
import { awaitInstanceReady } from '../bootstrap/steps/chart.ts'
import { damaged, described, refusedByWebhook } from './damaged.ts'
import type { Evidence } from './evidence.ts'
import type { FailureMode } from './failures.ts'
import type { Remedy } from './layers.ts'
import { findObstacles } from './obstacles.ts'
import type { Remedies } from './remedies.ts'
import { RemedyNeeds } from './remedy-needs.ts'
import { ensureCrds, ensureParts } from './steps/parts.ts'
import { missingByHand } from './steps/reinstall.ts'
import { ensureObstacleGone } from './steps/remove-obstacle.ts'
import { awaitControllers } from './steps/repair.ts'
import { ensureRefusedRetried } from './steps/retry-refused.ts'
import { ensureOperatorScaledUp } from './steps/scale-up.ts'
import { troubles } from './stuck-releases.ts'

/** Losses of single objects that Flux consists of, and what keeps it from recreating them. */
export const partFailures: readonly FailureMode[] = [
  {
    id: 'webhook-orphaned',
    isObstacle: true,
    title: 'An admission webhook that cannot answer refuses what Flux writes',
    recognise: ({ probed }) => described(damaged(probed, 'webhooks', 'webhook-unanswered')),
    remedy: (remedies) => removeWebhooks(remedies, damaged(remedies.evidence.probed, 'webhooks', 'webhook-unanswered')),
  },
  {
    id: 'webhook-expired',
    isObstacle: true,
    title: 'An admission webhook whose certificates have expired refuses what Flux writes',
    recognise: ({ probed }) => described(damaged(probed, 'certificates', 'webhook-expired')),
    remedy: (remedies) => removeWebhooks(remedies, damaged(remedies.evidence.probed, 'certificates', 'webhook-expired')),
  },
  {
    id: 'quota-zero',
    isObstacle: true,
    title: "A quota of 0 in Flux's namespace",
    recognise: ({ probed }) => described(damaged(probed, 'namespace', 'quota')),
    remedy: (remedies) => removeObstacles(remedies, damaged(remedies.evidence.probed, 'namespace', 'quota')),
  },
  {
    id: 'crds-deleted',
    title: "Some of Flux's CRDs deleted, and with them every object of their kinds",
    recognise: ({ probed }) => described(damaged(probed, 'crds', 'crd-gone')),
    // With its kind, a HelmRelease of Flux's own has gone too: what has applied it looks again only at its interval.
    remedy: async ({ evidence, takeSnapshot, reinstall }) =>
      isKept(evidence) ? { parts: [ensureCrds(takeSnapshot), ensureParts(takeSnapshot)] } : { installAgain: await reinstall() },
  },
  {
    id: 'scaled-to-zero',
    title: 'Controllers or the operator scaled to 0',
    recognise: ({ probed }) => described([...idle(probed, 'operator'), ...idle(probed, 'controllers')]),
    remedy: scaleUp,
  },
  {
    id: 'controllers-altered',
    title: 'Controllers altered by someone else, and failing',
    recognise: ({ probed, installation }) => (installation.expectsOperator ? described(alteredAndFailing(probed)) : undefined),
    // After it has applied them, the operator waits minutes for them to be Ready, and reverts nothing meanwhile: a request ends that.
    remedy: ({ evidence: { namespace, controllers } }) => ({ controllers: [awaitControllers(namespace, controllers.wanted)] }),
  },
  {
    id: 'release-unreadable',
    title: "Helm's record of one of Flux's releases damaged",
    recognise: ({ probed }) => described(damaged(probed, 'inventory', 'release-unreadable')),
    // helm-controller makes it again of what Git has, and finds all that it is of where it is.
    async remedy(remedies) {
      const found = damaged(remedies.evidence.probed, 'inventory', 'release-unreadable')
      return { ...(await removeObstacles(remedies, found)), parts: [ensureParts(remedies.takeSnapshot)] }
    },
  },
  {
    id: 'parts-gone',
    title: 'Parts of Flux deleted or emptied',
    // The FluxInstance's HelmRelease has a failure mode of its own.
    recognise: ({ probed, namespace }) =>
      described(
        [
          ...damaged(probed, 'inventory', 'part-gone', 'part-emptied', 'stale-token'),
          ...damaged(probed, 'network-policies', 'part-gone'),
        ].filter(({ object }) => object !== `HelmRelease ${namespace}/${releaseNames.instance}`),
      ),
    async remedy(remedies) {
      const { takeSnapshot, evidence } = remedies
      if (!isKept(evidence) && (await missingByHand(takeSnapshot())).length > 0)
        return { installAgain: await remedies.reinstall(), parts: [ensureParts(takeSnapshot, { isReinstalled: true })] }
      // Without its own account and binding the operator can recreate nothing, nor can helm-controller without those that it keeps.
      const isOperators = damaged(evidence.probed, 'inventory', 'part-gone', 'part-emptied').some(({ reason }) =>
        reason.includes('Helm release'),
      )
      const operator = isOperators ? await orNothing(remedies.operator) : []
      return { operator, parts: [ensureParts(takeSnapshot)] }
    },
  },
]

/** Whether some object in the cluster keeps what Flux consists of: a FluxInstance, or a root Kustomization that applies itself. */
function isKept({ installation: { expectsOperator, follows } }: Evidence): boolean {
  return expectsOperator || follows?.appliesItself === true
}

function alteredAndFailing(probed: Evidence['probed']): readonly Trouble[] {
  if (probed.find(({ id }) => id === 'controllers')?.state !== 'fail') return []
  const altered = new Set(damaged(probed, 'inventory', 'part-altered').map(({ object }) => object))
  return troubles(probed, 'controllers').filter(({ object, damage }) => altered.has(object) && damage === undefined)
}

function idle(probed: Evidence['probed'], id: string): readonly Trouble[] {
  return damaged(probed, id, 'scaled-to-zero')
}

function scaleUp({ evidence: { namespace, controllers, installation, probed } }: Remedies): Remedy {
  if (!installation.expectsOperator) {
    const next = idle(probed, 'controllers').flatMap((one) => one.next ?? [])
    throw new RemedyNeeds('no operator manages the controllers of this Flux', next.join('; '))
  }
  const operator = idle(probed, 'operator').length === 0 ? [] : [ensureOperatorScaledUp(namespace)]
  return { operator, controllers: [awaitControllers(namespace, controllers.wanted)] }
}

/** What blocks Flux is deleted, with consent; first of all, for it refuses every other repair. */
export async function removeObstacles({ takeSnapshot }: Remedies, found: readonly Trouble[]): Promise<Remedy> {
  const obstacles = await findObstacles(takeSnapshot().cluster, found)
  return { obstacles: obstacles.map(({ ref, uid, why }) => ensureObstacleGone(ref, uid, why)) }
}

/** What they have refused is asked to try again at once: by itself it would do so only in minutes. */
async function removeWebhooks(remedies: Remedies, found: readonly Trouble[]): Promise<Remedy> {
  const { probed, namespace } = remedies.evidence
  const hasRefused = (...ids: string[]): boolean =>
    ids.some((id) => troubles(probed, id).some(({ reason }) => refusedByWebhook.test(reason)))
  return {
    ...(await removeObstacles(remedies, found)),
    ...(hasRefused('instance', 'kustomizations', 'helmreleases') ? { releases: [ensureRefusedRetried(remedies.takeSnapshot)] } : {}),
    ...(hasRefused('instance') ? { ready: [awaitInstanceReady(namespace)] } : {}),
  }
}

async function orNothing<T>(steps: () => Promise<readonly T[]>): Promise<readonly T[]> {
  return steps().catch((error: unknown) => {
    if (error instanceof RemedyNeeds) return []
    throw error
  })
}
