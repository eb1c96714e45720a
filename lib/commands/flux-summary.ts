import * as v from 'valibot'
import { describeSuspension, isSuspended, suspensionIn } from '../flux/suspension.ts'
import { instanceStateOf } from '../flux/instance.ts'
import type { KubeObject } from '../kubernetes/objects.ts'
import { fluxKinds } from '../flux/kinds.ts'
import type { StepContext } from '../runner/step.ts'
import type { Target } from '../connection/target.ts'
import { findInstance } from '../flux/refs.ts'
import { fetchedRevision } from '../flux/revision.ts'

const syncSchema = v.object({ spec: v.object({ sync: v.optional(v.object({ name: v.optional(v.string()) }), {}) }) })

/** What runs now, at which commit, and what to try next. */
export async function summarizeFlux({ cluster, script }: StepContext, target: Target): Promise<string[]> {
  const instance = await findInstance(cluster)
  const namespace = instance?.metadata.namespace
  if (instance === undefined || namespace === undefined) return []
  const name = v.parse(syncSchema, instance).spec.sync.name ?? namespace
  const source = await cluster.get({ ...fluxKinds.gitRepository, namespace, name })
  return source === undefined ? [] : describeFlux(instance, source, target, script)
}

const sourceSchema = v.object({ spec: v.object({ url: v.string() }) })

/** The lines of it. A source-controller that has only just started has no artifact for a moment, and a successful run does not fail for it. */
export function describeFlux(
  instance: KubeObject,
  source: KubeObject,
  { context, isLab, kubectl }: Pick<Target, 'context' | 'isLab' | 'kubectl'>,
  script: string,
): string[] {
  const { applied, components } = instanceStateOf(instance)
  const { spec } = v.parse(sourceSchema, source)
  const revision = fetchedRevision(source)
  return [
    isSuspended(instance)
      ? `Flux v${applied} on ${context} is ${describeSuspension(suspensionIn(instance.metadata))}: its operator does not reconcile it.`
      : `Flux v${applied} manages itself on ${context}.`,
    `  controllers  ${components.map(({ name, tag }) => `${name} ${tag}`).join(', ')}`,
    `  follows      ${spec.url}`,
    `  at           ${revision === '' ? 'no commit yet: source-controller has just started, and fetches it' : revision}`,
    '',
    'Next:',
    `  ${kubectl} get fluxinstance,ks,hr -A`,
    // After a change of version, a push of this checkout would revert it.
    ...(isLab && script === 'bootstrap' ? ['  npx zx scripts/lab.ts push  # after a change to kubernetes/'] : []),
    ...(isLab ? ['  npx zx scripts/lab.ts down'] : []),
  ]
}
