import { OperatorError } from '../errors.ts'
import type { Flags } from '../flags.ts'
import { allProbes } from '../health/all-probes.ts'
import { fieldsOf } from '../health/check.ts'
import { isHealthy, type Probed, takeLooks } from '../health/probe.ts'
import type { Scene } from '../health/scene.ts'
import { sceneOf } from '../health/stage.ts'
import type { Prepared, Surroundings } from '../operate.ts'
import { diagnose } from '../recover/diagnosis.ts'
import { gatherEvidence } from '../recover/evidence.ts'
import { meansOf } from '../recover/means.ts'
import { untilDecided } from '../recover/upgrade-under-way.ts'
import { knownCluster } from '../runs.ts'
import { rememberedLoop } from '../steps/end-loop.ts'
import { verifyHealth } from '../steps/verify-health.ts'
import { readNotes } from './upgrade-notes.ts'
import { flags as restoreFlags } from './restore.ts'

export const flags = {
  ...restoreFlags,
  from: { type: 'string', value: 'FILE', help: 'a capture to restore first, where Secrets that Flux needs are gone' },
  'new-cluster': { type: 'boolean', help: "the context's name means another cluster than it did before" },
} as const satisfies Flags

/**
 * Finds out which disasters these are, and makes their remedies one procedure that ends with a green health check.
 * @throws OperatorError `blocked` where Flux is not healthy and it is no disaster with a name
 */
export async function prepareRecovery(surroundings: Surroundings<typeof flags>): Promise<Prepared> {
  const { session, target, memory, console } = surroundings
  const look = (): Scene => sceneOf(surroundings)
  const known = knownCluster(target.runs, target.context)
  const begun = [...(rememberedLoop(memory) === undefined ? [] : ['loop']), ...(readNotes(memory) === undefined ? [] : ['upgrade-broken'])]
  let probed: readonly Probed[] = []
  const evidence = await untilDecided(session.cluster, console, begun, async () => {
    const scene = look()
    probed = await takeLooks(allProbes, scene)
    return gatherEvidence(scene, probed, known === undefined ? undefined : known.uid !== session.uid)
  })
  const found = diagnose(evidence, begun)
  if (found.length === 0 && !isHealthy(probed)) throw nameless(probed, target.where)

  const means = meansOf(surroundings, evidence, look)
  const steps = []
  for (const { disaster } of found) steps.push(...(await disaster.remedy(means)))
  const verify = verifyHealth(
    look,
    allProbes,
    (seen) => {
      probed = seen
    },
    true,
  )
  const disasters = found.map(({ disaster: { id, title }, because }) => ({ id, title, because }))
  return {
    steps: [...steps, verify],
    notices: [...disasters.map(({ title, because }) => `this is: ${title} (${because})`), ...means.notices()],
    tell: () => ({ fields: { disasters, ...fieldsOf(probed) } }),
  }
}

function nameless(probed: readonly Probed[], where: string): OperatorError {
  const sick = probed.filter((probe) => !isHealthy([probe]))
  const told = sick.flatMap(({ title, detail, objects = [] }) =>
    objects.length === 0
      ? [`${title}: ${detail}`]
      : objects.slice(0, 3).map(({ object, reason, next }) => `${object}: ${reason}${next === undefined ? '' : `\n   → ${next}`}`),
  )
  return new OperatorError(
    `Flux is not healthy, but this is no disaster with a remedy of its own; nothing was changed\n${told.join('\n')}`,
    {
      kind: 'blocked',
      remedy: `npx zx scripts/health-check.ts ${where}   # tells all of it`,
    },
  )
}
