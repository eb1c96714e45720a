import * as v from 'valibot'
import { stateOf } from '../cluster/flux-instance.ts'
import { kinds, type KubeObject } from '../cluster/objects.ts'
import type { Run } from '../run.ts'
import type { Target } from '../target.ts'

const syncSchema = v.object({ spec: v.object({ sync: v.optional(v.object({ name: v.optional(v.string()) }), {}) }) })

/** What runs now, at which commit, and what to try next. */
export async function summarizeFlux({ cluster }: Run, target: Target): Promise<string[]> {
  const [instance] = await cluster.list(kinds.fluxInstance)
  const namespace = instance?.metadata.namespace
  if (instance === undefined || namespace === undefined) return []
  const name = v.parse(syncSchema, instance).spec.sync.name ?? namespace
  const source = await cluster.get({ ...kinds.gitRepository, namespace, name })
  return source === undefined ? [] : describeFlux(instance, source, target)
}

const sourceSchema = v.object({
  spec: v.object({ url: v.string() }),
  status: v.optional(v.object({ artifact: v.nullish(v.object({ revision: v.string() })) }), {}),
})

/** The lines of it. A source-controller that has only just started has no artifact for a moment, and a run that went well is none the worse. */
export function describeFlux(
  instance: KubeObject,
  source: KubeObject,
  { context, isLab, kubectl }: Pick<Target, 'context' | 'isLab' | 'kubectl'>,
): string[] {
  const { applied, components } = stateOf(instance)
  const { spec, status } = v.parse(sourceSchema, source)
  return [
    `Flux v${applied} manages itself on ${context}.`,
    `  controllers  ${components.map(({ name, tag }) => `${name} ${tag}`).join(', ')}`,
    `  follows      ${spec.url}`,
    `  at           ${status.artifact?.revision ?? 'no commit yet: source-controller has just started, and fetches it'}`,
    '',
    'Next:',
    `  ${kubectl} get fluxinstance,ks,hr -A`,
    ...(isLab ? ['  npx zx scripts/lab.ts push  # after a change to kubernetes/', '  npx zx scripts/lab.ts down'] : []),
  ]
}
