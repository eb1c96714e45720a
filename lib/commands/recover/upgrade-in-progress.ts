import { kinds } from '../../kubernetes/objects.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import type { Cluster } from '../../kubernetes/client.ts'
import { waitUntil } from '../../kubernetes/wait-until.ts'
import type { Console } from '../../terminal/console.ts'
import { diagnose } from './diagnosis.ts'
import type { Evidence } from './evidence.ts'

/** So long an upgrade is given to run or to show why it does not, in milliseconds. An image that cannot be pulled shows in seconds. */
const patience = 2 * 60_000

/**
 * Gathers evidence until it shows what happens to an upgrade that is under way. Before that its controllers are only outdated, and to put
 * back what Git asks for is not a remedy where that cannot run.
 * @param begun the disasters whose remedy an interrupted run has begun
 */
export async function untilDecided(
  cluster: Cluster,
  console: Console,
  begun: readonly string[],
  gather: () => Promise<Evidence>,
): Promise<Evidence> {
  const evidence = await gather()
  const { namespace, upgrade } = evidence
  if (upgrade === undefined || !isUndecided(evidence, begun)) return evidence
  const waiting = console.wait(`Flux is being upgraded from ${upgrade.from} to ${upgrade.to}: waiting until it runs or fails`)
  try {
    return await waitUntil(cluster, {
      watches: [fluxKinds.fluxInstance, kinds.deployment, kinds.pod].map((kind) => ({ kind, query: { namespace } })),
      timeout: patience,
      check: gather,
      isOver: (seen) => !isUndecided(seen, begun),
    })
  } finally {
    waiting.stop()
  }
}

function isUndecided(evidence: Evidence, begun: readonly string[]): boolean {
  return (
    evidence.upgrade !== undefined &&
    diagnose(evidence, begun).every(({ mode }) => mode.isBeside === true || mode.id === 'controllers-outdated')
  )
}
