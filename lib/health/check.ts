import { OperatorError } from '../errors.ts'
import type { Flags } from '../flags.ts'
import type { Stage } from '../on-clusters.ts'
import type { Ending } from '../record.ts'
import { probesNamed } from './all-probes.ts'
import type { Target } from '../target.ts'
import { isHealthy, type Probed, takeLooks } from './probe.ts'
import { probesField, showProbes } from './show.ts'
import { sceneOf } from './stage.ts'

export const flags = {
  only: { type: 'string', value: 'PROBE,…', help: 'take only these looks' },
  fix: { type: 'boolean', help: "give back to Flux what others' field managers own of its objects, then look" },
} as const satisfies Flags

/** Takes every look, tells of each, and ends as failed where one of them is not content. */
export async function checkHealth(stage: Stage<typeof flags>): Promise<Ending> {
  const { target, session, console, own } = stage
  const probes = probesNamed(own.only)
  const scene = sceneOf(stage)
  console.line(`Health of ${target.context} (${target.isLab ? 'the lab' : 'a real cluster'}, ${session.access.server})`)
  const probed = await takeLooks(probes, scene)
  showProbes(console, probed, scene.now)
  const healthy = isHealthy(probed)
  const telling = { fields: fieldsOf(probed) }
  if (healthy) return { outcome: 'done', telling }
  return { outcome: 'failed', failure: sickness(probed, target), telling }
}

/** What the document says beyond the contract's common fields. */
export function fieldsOf(probed: readonly Probed[]): Readonly<Record<string, unknown>> {
  return { healthy: isHealthy(probed), probes: probesField(probed) }
}

function sickness(probed: readonly Probed[], { context, where }: Target): OperatorError {
  const named = (state: Probed['state']): string[] => probed.filter((probe) => probe.state === state).map(({ id }) => id)
  const [fails, unknown] = [named('fail'), named('unknown')]
  const what = [
    ...(fails.length === 0 ? [] : [`in trouble: ${fails.join(', ')}`]),
    ...(unknown.length === 0 ? [] : [`not known: ${unknown.join(', ')}`]),
  ]
  return new OperatorError(`${context} is not healthy; ${what.join('; ')}`, {
    remedy: `the commands above, the first probe first; or npx zx scripts/recover.ts ${where}, which knows most disasters`,
  })
}
