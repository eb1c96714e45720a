import * as v from 'valibot'
import { kinds } from '../cluster/objects.ts'
import type { Run } from '../run.ts'
import type { Target } from '../target.ts'

const instanceSchema = v.object({
  status: v.object({
    components: v.array(v.object({ name: v.string(), tag: v.string() })),
    lastAppliedRevision: v.string(),
  }),
})
const sourceSchema = v.object({
  spec: v.object({ url: v.string() }),
  status: v.object({ artifact: v.object({ revision: v.string() }) }),
})

/** What runs now, at which commit, and what to try next. */
export async function summarizeFlux({ cluster, context }: Run, target: Target): Promise<string[]> {
  const [instance] = await cluster.list(kinds.fluxInstance)
  const namespace = instance?.metadata.namespace
  const [source] = namespace === undefined ? [] : await cluster.list(kinds.gitRepository, { namespace })
  if (instance === undefined || source === undefined) return []
  const { components, lastAppliedRevision } = v.parse(instanceSchema, instance).status
  const { spec, status } = v.parse(sourceSchema, source)
  const lab = target.isLab ? 'npx zx scripts/lab.ts ' : ''
  const kubectl = target.isLab ? `${lab}kubectl --context ${context} --` : `kubectl --context ${context}`
  return [
    `Flux ${lastAppliedRevision.split('@')[0]} manages itself on ${context}.`,
    `  controllers  ${components.map(({ name, tag }) => `${name} ${tag}`).join(', ')}`,
    `  follows      ${spec.url}`,
    `  at           ${status.artifact.revision}`,
    '',
    'Next:',
    `  ${kubectl} get fluxinstance,ks,hr -A`,
    ...(target.isLab ? [`  ${lab}push  # after a change to kubernetes/`, `  ${lab}down`] : []),
  ]
}
