import * as v from 'valibot'
import { deletionOf, kindArgument, type KubeObject, nameOf, refOf } from '../../kubernetes/objects.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import { parseDuration } from '../../base/duration.ts'
import { type Condition, conditionsOf } from '../../kubernetes/readiness.ts'
import { describeSuspension, isSuspended, suspensionIn } from '../../flux/suspension.ts'
import { failedAttempt } from '../failed-attempt.ts'
import { doesNotApply, foundAmong, type Probe, suspendedTrouble, type Trouble } from '../probe.ts'
import { problems } from '../problems.ts'
import { staleTroubles } from '../reconciled.ts'
import type { Snapshot } from '../snapshot.ts'
import { isReconcileDisabled, reconcileAnnotation, reconcileEvery, timeoutAnnotation } from '../../flux/annotations.ts'
import { appliedBy, isOperator, operatorSelector } from '../../flux/labels.ts'
import { installerTitles } from '../../flux/installer.ts'
import { instanceIn, releaseNames } from '../../flux/refs.ts'
import { appliedRevision, versionOfRevision } from '../../flux/revision.ts'

const minute = 60_000
const hour = 60 * minute

const instanceSchema = v.object({
  spec: v.object({ distribution: v.object({ version: v.string() }) }),
})
const valuesSchema = v.object({
  spec: v.object({ values: v.object({ instance: v.object({ distribution: v.object({ version: v.string() }) }) }) }),
})

/** The FluxInstance is Ready at its generation, at the version that Git's release of it asks for. */
export const instance: Probe = {
  id: 'instance',
  title: 'FluxInstance',
  async check(snapshot) {
    const { kubectl, where, now } = snapshot
    const [flux, namespace, installed] = await Promise.all([snapshot.instance(), snapshot.namespace(), snapshot.installed()])
    const { expectsOperator, installedBy } = installed
    if (flux === undefined && !expectsOperator) return doesNotApply(`Flux was installed by ${installerTitles[installedBy]}`)
    const found = await snapshot.get({ ...fluxKinds.helmRelease, namespace, name: releaseNames.instance })
    if (flux === undefined) {
      const object = nameOf(instanceIn(namespace))
      const describe = `${kubectl} --namespace ${namespace} describe ${kindArgument(fluxKinds.helmRelease)} flux-instance`
      const next = found === undefined ? `npx zx scripts/recover.ts ${where}` : describe
      return foundAmong('does not exist', [{ object, reason: 'does not exist: nothing installs Flux, or repairs it', next }])
    }
    const release = found?.metadata.deletionTimestamp === undefined ? found : undefined
    const { spec } = v.parse(instanceSchema, flux)
    const running = versionOfRevision(appliedRevision(flux)).replace(/^v/, '')
    const next = `${kubectl} --namespace ${namespace} describe fluxinstance ${flux.metadata.name}`
    const object = nameOf(refOf(flux))
    const deletion = deletionOf(flux)
    if (deletion !== undefined) {
      const reason = `${deletion}: ${whatFollows(flux)}`
      const about = { object, reason, next: `npx zx scripts/recover.ts ${where}` }
      const detail = `Flux ${running === '' ? 'is not installed' : running}, and being deleted`
      return foundAmong(detail, [{ ...about, since: flux.metadata.deletionTimestamp ?? '' }])
    }
    if (isSuspended(flux)) {
      const resume = `${kubectl} --namespace ${namespace} annotate fluxinstance ${flux.metadata.name} ${reconcileAnnotation}-`
      return foundAmong(`Flux ${running}, suspended`, [], [suspendedTrouble(object, suspensionIn(flux.metadata), resume)])
    }
    const trouble = await troubleOf(flux, snapshot)
    const operators = (await snapshot.pods()).filter(isOperator)
    if (trouble !== undefined) {
      const { isUnanswered, ...about } = trouble
      // What waits for an operator that has no pod is not failing: that is the problem, and another probe reports it.
      const problem = isUnanswered && operators.length === 0 ? {} : { problem: problems.instanceFailing }
      return foundAmong(`Flux ${running === '' ? 'is not installed' : running}, and not Ready`, [{ object, next, ...about, ...problem }])
    }
    const neglected = neglectOf(flux, operators, now)
    if (neglected !== undefined) {
      const logs = `${kubectl} --namespace ${namespace} logs --selector ${operatorSelector} --tail=50`
      return foundAmong(`Flux ${running}, and not reconciled`, [{ object, ...neglected, next: logs }])
    }
    // Labelled by helm-controller: then Git speaks to it through a HelmRelease, which must be there.
    const releasedBy = flux.metadata.labels[appliedBy.helmRelease.name]
    if (release === undefined && releasedBy !== undefined) {
      const state = found === undefined ? 'does not exist' : deletionOf(found)
      const reason = `its HelmRelease ${releasedBy} ${state}: changes in Git do not reach it`
      const brings = `${kubectl} --namespace ${namespace} get kustomizations`
      return foundAmong(`Flux ${running}`, [{ object, reason, next: brings }])
    }
    const values = v.safeParse(valuesSchema, release)
    const wanted = values.success ? values.output.spec.values.instance.distribution.version : spec.distribution.version
    const asks = spec.distribution.version
    // Who has suspended its HelmRelease keeps what Git says now away from it.
    const isKeptAway = wanted !== asks && release !== undefined && isSuspended(release)
    const isOther = otherVersion({ wanted: isKeptAway ? asks : wanted, asks, running })
    const others: Trouble[] = isOther === undefined ? [] : [{ object, reason: isOther, next, problem: problems.oldVersion }]
    const kept: Trouble[] = isKeptAway ? [{ object, reason: keptAway(asks, wanted, release), next }] : []
    const stale = staleTroubles(object, (await snapshot.stopped())({ ref: refOf(flux), labels: flux.metadata.labels }))
    return foundAmong(`Flux ${running}`, others, [...kept, ...stale, ...(await ignoredBeside(flux, snapshot))])
  },
}

/** How the versions differ that Git wants, the FluxInstance asks for and runs; undefined where they do not. */
function otherVersion({ wanted, asks, running }: { readonly [of in 'wanted' | 'asks' | 'running']: string }): string | undefined {
  if (wanted !== asks) return `asks for Flux ${asks}; Git says ${wanted}`
  return running !== asks && isExact(asks) ? `runs Flux ${running}; it asks for ${asks}` : undefined
}

function keptAway(asks: string, wanted: string, release: KubeObject): string {
  return `asks for Flux ${asks}; Git says ${wanted}, and ${nameOf(refOf(release))} is ${describeSuspension(suspensionIn(release.metadata))}`
}

/** The operator reconciles one FluxInstance, and ignores every other silently: what is written there never comes about. */
async function ignoredBeside(main: KubeObject, { instances, kubectl }: Snapshot): Promise<Trouble[]> {
  const others = (await instances()).filter(({ metadata }) => metadata.uid !== main.metadata.uid)
  return others.map((one) => ({
    object: nameOf(refOf(one)),
    reason: `is ignored: the operator reconciles ${nameOf(refOf(main))} alone`,
    damage: 'instance-ignored',
    next: `${kubectl} --namespace ${one.metadata.namespace} describe fluxinstance ${one.metadata.name}`,
  }))
}

/** What an operator does to one that is deleted (flux-operator internal/controller/fluxinstance_uninstaller.go). */
function whatFollows(instance: KubeObject): string {
  return isReconcileDisabled(instance)
    ? 'it is suspended, so the operator lets the deletion finish and keeps Flux, which nothing then repairs'
    : 'the operator will uninstall Flux as soon as it runs'
}

/** What keeps a FluxInstance from being Ready. */
interface NotReady {
  readonly reason: string
  readonly since?: string
  /** It waits for its operator to say anything. */
  readonly isUnanswered: boolean
}

/** Why a FluxInstance is not Ready, and will not be in a moment. */
async function troubleOf(flux: KubeObject, { cluster, now }: Snapshot): Promise<NotReady | undefined> {
  const conditions = conditionsOf(flux)
  const { generation = 0, annotations } = flux.metadata
  const isCurrent = ({ observedGeneration = generation }: Condition): boolean => observedGeneration >= generation
  const stalled = conditions.find((condition) => condition.type === 'Stalled' && condition.status === 'True' && isCurrent(condition))
  if (stalled !== undefined)
    return { reason: `stalled: ${stalled.reason}: ${stalled.message}`, since: stalled.lastTransitionTime, isUnanswered: false }
  const ready = conditions.find((condition) => condition.type === 'Ready' && isCurrent(condition))
  const patience = (parseDuration(annotations[timeoutAnnotation] ?? '5m') ?? 0) + minute
  if (ready === undefined) {
    const written = flux.metadata.managedFields
      .flatMap(({ time }) => (typeof time === 'string' ? [time] : []))
      .sort()
      .at(-1)
    const since = written ?? flux.metadata.creationTimestamp ?? ''
    const reason = `the operator has not observed generation ${generation}`
    return now - Date.parse(since) < patience ? undefined : { reason, since, isUnanswered: true }
  }
  const since = ready.lastTransitionTime
  if (ready.status === 'False') return { reason: `${ready.reason}: ${ready.message}`, since, isUnanswered: false }
  // It is Progressing for some seconds of every reconciliation.
  if (ready.status === 'Unknown' && now - Date.parse(since) > patience)
    return { reason: `still ${ready.reason}: ${ready.message}`, since, isUnanswered: true }
  const failed = ready.status === 'Unknown' ? await failedAttempt(flux, cluster) : undefined
  return failed === undefined ? undefined : { ...failed, isUnanswered: false }
}

/**
 * Why a FluxInstance that says it is Ready may not be any more: each of the operator's reconciliations moves Ready to Unknown and back
 * (flux-operator internal/controller/fluxinstance_controller.go), so that three intervals without one mean that it takes none. One that has
 * only just started has yet to.
 */
export function neglectOf(flux: KubeObject, operators: readonly KubeObject[], now: number): { reason: string; since: string } | undefined {
  const every = reconcileEvery(flux)
  const readySince = (object: KubeObject): string =>
    conditionsOf(object).find(({ type, status }) => type === 'Ready' && status === 'True')?.lastTransitionTime ?? ''
  const since = readySince(flux)
  const started = operators.map((pod) => Date.parse(readySince(pod))).filter((time) => !Number.isNaN(time))
  const last = Math.max(Date.parse(since), ...started)
  if (!(now - last > 3 * (parseDuration(every) ?? hour) + minute)) return undefined
  return { reason: `the operator reconciles it every ${every}, but has not lately: it may be unable to reach the API`, since }
}

/** `2.9.5`, and not `2.x`. */
function isExact(version: string): boolean {
  return /^\d+\.\d+\.\d+/.test(version)
}
