import { kinds } from '../cluster/objects.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { onChange } from '../cluster/watch.ts'
import type { Console } from '../console.ts'
import { diagnose } from './diagnosis.ts'
import type { Evidence } from './evidence.ts'

/** So long an upgrade is given to run or to show why it does not, in milliseconds. An image that cannot be pulled shows in seconds. */
const patience = 2 * 60_000

/**
 * Gathers evidence until it shows what becomes of an upgrade that is under way. Before that its controllers are only outdated, and to put
 * back what Git asks for is no remedy where that cannot run.
 * @param begun the disasters whose remedy an interrupted run has begun
 */
export async function untilDecided(
  cluster: Cluster,
  console: Console,
  begun: readonly string[],
  gather: () => Promise<Evidence>,
): Promise<Evidence> {
  let evidence = await gather()
  const { namespace, upgrade } = evidence
  if (upgrade === undefined || !isUndecided(evidence, begun)) return evidence
  const waiting = console.wait(`Flux is on its way from ${upgrade.from} to ${upgrade.to}: waiting until it runs or fails`)
  const changes = onChange(
    cluster,
    [kinds.fluxInstance, kinds.deployment, kinds.pod].map((kind) => ({ kind, query: { namespace } })),
  )
  try {
    for (const deadline = Date.now() + patience; isUndecided(evidence, begun) && Date.now() < deadline; evidence = await gather())
      await changes.next(2000)
  } finally {
    changes.stop()
    waiting.stop()
  }
  return evidence
}

function isUndecided(evidence: Evidence, begun: readonly string[]): boolean {
  return evidence.upgrade !== undefined && diagnose(evidence, begun).every(({ disaster }) => disaster.id === 'controllers-outdated')
}
