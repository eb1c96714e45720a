import * as v from 'valibot'
import { kinds, type KubeObject, nameOf, refOf } from '../../cluster/objects.ts'
import { parseDuration } from '../../duration.ts'
import { type Condition, conditionSchema } from '../flux-object.ts'
import { foundAmong, type Probe, type Trouble } from '../probe.ts'
import { problems } from '../problems.ts'
import { reconcileAnnotation } from '../../cluster/flux-instance.ts'

const instanceSchema = v.object({
  spec: v.object({ distribution: v.object({ version: v.string() }) }),
  status: v.optional(
    v.object({ lastAppliedRevision: v.optional(v.string(), ''), conditions: v.optional(v.array(conditionSchema), []) }),
    {},
  ),
})
const valuesSchema = v.object({
  spec: v.object({ values: v.object({ instance: v.object({ distribution: v.object({ version: v.string() }) }) }) }),
})

/** The FluxInstance is Ready at its generation, at the version that Git's release of it asks for. */
export const instance: Probe = {
  id: 'instance',
  title: 'FluxInstance',
  async look(scene) {
    const { cluster, kubectl, now } = scene
    const [flux, namespace] = await Promise.all([scene.instance(), scene.namespace()])
    if (flux === undefined) {
      const object = nameOf({ ...kinds.fluxInstance, namespace, name: 'flux' })
      const next = `${kubectl} --namespace ${namespace} describe helmrelease flux-instance`
      return foundAmong('does not exist', [{ object, reason: 'does not exist: nothing installs Flux, or mends it', next }])
    }
    const release = await cluster.get({ ...kinds.helmRelease, namespace, name: 'flux-instance' })
    const { spec, status } = v.parse(instanceSchema, flux)
    const running = versionOf(status.lastAppliedRevision)
    const next = `${kubectl} --namespace ${namespace} describe fluxinstance ${flux.metadata.name}`
    const trouble = troubleOf(flux, status.conditions, now)
    const object = nameOf(refOf(flux))
    if (trouble !== undefined) {
      const { reason, since } = trouble
      const about = { object, reason, next, problem: problems.instanceFailing, ...(since === undefined ? {} : { since }) }
      return foundAmong(`Flux ${running === '' ? 'is not installed' : running}, and not Ready`, [about])
    }
    // Labelled by helm-controller: then Git speaks to it through a HelmRelease, which must be there.
    const releasedBy = flux.metadata.labels['helm.toolkit.fluxcd.io/name']
    if (release === undefined && releasedBy !== undefined) {
      const reason = `its HelmRelease ${releasedBy} does not exist: what Git says of it does not reach it`
      const brings = `${kubectl} --namespace ${namespace} get kustomizations`
      return foundAmong(`Flux ${running}`, [{ object, reason, next: brings }])
    }
    const values = v.safeParse(valuesSchema, release)
    const wanted = values.success ? values.output.spec.values.instance.distribution.version : spec.distribution.version
    const asks = spec.distribution.version
    const isOther =
      wanted !== asks
        ? `asks for Flux ${asks}; Git says ${wanted}`
        : running !== asks && isExact(asks)
          ? `runs Flux ${running}; it asks for ${asks}`
          : undefined
    const others: Trouble[] = isOther === undefined ? [] : [{ object, reason: isOther, next, problem: problems.oldVersion }]
    return foundAmong(`Flux ${running}`, others)
  },
}

/** Why a FluxInstance is not Ready, and will not be in a moment. */
function troubleOf(flux: KubeObject, conditions: readonly Condition[], now: number): { reason: string; since?: string } | undefined {
  const { generation = 0, annotations } = flux.metadata
  if (annotations[reconcileAnnotation] === 'disabled') {
    return { reason: 'is suspended (fluxcd.controlplane.io/reconcile: disabled): the operator neither installs nor mends anything' }
  }
  const isCurrent = ({ observedGeneration = generation }: Condition): boolean => observedGeneration >= generation
  const stalled = conditions.find((condition) => condition.type === 'Stalled' && condition.status === 'True' && isCurrent(condition))
  if (stalled !== undefined) return { reason: `stalled: ${stalled.reason}: ${stalled.message}`, since: stalled.lastTransitionTime }
  const ready = conditions.find((condition) => condition.type === 'Ready' && isCurrent(condition))
  const patience = (parseDuration(annotations['fluxcd.controlplane.io/reconcileTimeout'] ?? '5m') ?? 0) + 60_000
  if (ready === undefined) {
    const written = flux.metadata.managedFields
      .flatMap(({ time }) => (typeof time === 'string' ? [time] : []))
      .sort()
      .at(-1)
    const since = written ?? flux.metadata.creationTimestamp ?? ''
    return now - Date.parse(since) < patience ? undefined : { reason: `the operator has not looked at generation ${generation}`, since }
  }
  const since = ready.lastTransitionTime
  if (ready.status === 'False') return { reason: `${ready.reason}: ${ready.message}`, since }
  // It is Progressing for some seconds of every look that the operator takes.
  if (ready.status === 'Unknown' && now - Date.parse(since) > patience) return { reason: `still ${ready.reason}: ${ready.message}`, since }
  return undefined
}

function versionOf(revision: string): string {
  return (revision.split('@')[0] ?? '').replace(/^v/, '')
}

/** `2.9.5`, and not `2.x`. */
function isExact(version: string): boolean {
  return /^\d+\.\d+\.\d+/.test(version)
}
