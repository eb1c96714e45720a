import { counted } from '../../../base/counted.ts'
import * as v from 'valibot'
import { describeSuspension, isSuspended, suspensionIn } from '../../../flux/suspension.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { deletionOf, kinds, kubectlCall, type KubeObject, nameOf, type Ref, refOf } from '../../../kubernetes/objects.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { readinessOf } from '../../../flux/readiness.ts'
import { isRequested, requestReconcile } from '../../../flux/reconcile-request.ts'
import { parseDuration } from '../../../base/duration.ts'
import type { StepStatus, Step } from '../../../runner/step.ts'
import { isReconcileDisabled, reconcileAnnotation, reconcileEvery, requestedAtAnnotation } from '../../../flux/annotations.ts'
import { instanceIn, releaseNames } from '../../../flux/refs.ts'
import { operatorName } from '../../../flux/labels.ts'
import { stepStatusOf } from '../../../runner/step-status.ts'
import { unavailableOf } from '../../../flux/components.ts'
import { componentsOf, otherImage } from '../../../flux/instance.ts'
import { operatorWork } from '../busy-operator.ts'
import { heldBy } from '../held.ts'
import { scaledToZero } from './scale-up.ts'

/** What repairs itself within this time is left alone, in milliseconds. */
const soon = 2 * 60_000

/** What of the Deployments is not as it should be; undefined where all are available. One that is scaled to 0 is Ready, and does nothing. */
async function lacking(cluster: Cluster, namespace: string, names: readonly string[]): Promise<string | undefined> {
  const refs = deploymentsOf(namespace, names)
  const [waiting, live] = await Promise.all([unavailableOf(cluster, refs), Promise.all(refs.map((ref) => cluster.get(ref)))])
  const idle = live.flatMap((one) => (v.is(scaledToZero, one) ? [`${one.metadata.name} is scaled to 0`] : []))
  const all = [...waiting, ...idle]
  return all.length === 0 ? undefined : all.join(', ')
}
const deploymentsOf = (namespace: string, names: readonly string[]): Ref[] =>
  names.map((name) => ({ ...kinds.deployment, namespace, name }))

/** Has the controllers back, at the images that the FluxInstance says: by the operator, which reconciles them at its interval. */
export function awaitControllers(namespace: string, names: readonly string[]): Step {
  const instanceRef = instanceIn(namespace)
  return {
    id: 'controllers',
    title: 'Have the operator recreate the controllers',
    risk: 'change',
    async check({ cluster }) {
      const instance = await cluster.get(instanceRef)
      if (instance === undefined) return { is: 'waiting', on: 'the FluxInstance to exist' }
      const deletion = beingDeleted(instance)
      if (deletion !== undefined) return deletion
      const missing = (await lacking(cluster, namespace, names)) ?? (await atOtherImages(cluster, instance))
      if (missing === undefined) return { is: 'done', detail: `${counted(names.length, 'controller')} available` }
      const held = await heldBy(cluster, deploymentsOf(namespace, names))
      if (held !== undefined) return held
      const every = reconcileEvery(instance)
      const work = operatorWork(instance, cluster.endpoint.now())
      // What was asked before it began to wait, it answers only after that.
      if (isRequested(instance) && work !== 'waiting') return { is: 'waiting', on: `${missing}; the operator is working on it` }
      const repairsSoon = (parseDuration(every) ?? Infinity) <= soon
      if (repairsSoon && work !== 'waiting') {
        return { is: 'waiting', on: `${missing}; the operator reconciles every ${every} and recreates what is missing` }
      }
      if (work === 'applying') return { is: 'waiting', on: `${missing}; the operator is working on it` }
      return {
        is: 'todo',
        change: `ask the operator to reconcile now, which it would do within ${every}: ${missing}`,
        commands: [`kubectl --namespace ${namespace} annotate fluxinstance flux --overwrite ${requestedAtAnnotation}="$(date +%s)"`],
      }
    },
    apply: ({ cluster }) => requestReconcile(cluster, instanceRef),
    watches: [kinds.deployment, kinds.pod, fluxKinds.fluxInstance].map((kind) => ({ kind, query: { namespace } })),
  }
}

/** What is being deleted brings nothing back: another remedy is wanted than when the run began. */
function beingDeleted(object: KubeObject): StepStatus | undefined {
  const deletion = deletionOf(object)
  if (deletion === undefined) return undefined
  return { is: 'blocked', reason: `${nameOf(refOf(object))} ${deletion}`, remedy: 'to look again: the same command' }
}

async function atOtherImages(cluster: Cluster, instance: KubeObject): Promise<string | undefined> {
  const { namespace = '' } = instance.metadata
  for (const component of componentsOf(instance)) {
    const { name, repository, tag } = component
    const deployment = await cluster.get({ ...kinds.deployment, namespace, name })
    const image = deployment === undefined ? undefined : otherImage(instance, deployment, component)
    if (image !== undefined) return `${name} runs ${image}, not ${repository}:${tag}`
  }
  return undefined
}

/** Waits until helm-controller has recreated the operator, which it looks for at its HelmRelease's interval. */
export function awaitOperator(namespace: string): Step {
  const ref: Ref = { ...fluxKinds.helmRelease, namespace, name: releaseNames.operator }
  return {
    id: 'operator',
    title: 'Have helm-controller reinstall the operator',
    risk: 'change',
    async check({ cluster }) {
      const missing = await lacking(cluster, namespace, [operatorName])
      if (missing === undefined) return { is: 'done', detail: 'flux-operator is available' }
      const release = await cluster.get(ref)
      if (release === undefined)
        return { is: 'blocked', reason: 'its HelmRelease has been deleted meanwhile', remedy: 'to look again: the same command' }
      const deletion = beingDeleted(release)
      const held = deletion ?? (await heldBy(cluster, deploymentsOf(namespace, [operatorName])))
      if (held !== undefined) return held
      const every = v.parse(intervalSchema, release).spec.interval
      if ((parseDuration(every) ?? Infinity) <= soon) {
        return { is: 'waiting', on: `${missing}; helm-controller reconciles every ${every} and recreates what is missing` }
      }
      if (isRequested(release)) return { is: 'waiting', on: `${missing}; helm-controller is working on it` }
      return {
        is: 'todo',
        change: `ask helm-controller to reconcile now, which it would do within ${every}`,
        commands: [`flux --namespace ${namespace} reconcile helmrelease flux-operator`],
      }
    },
    apply: ({ cluster }) => requestReconcile(cluster, ref),
    watches: [kinds.deployment, kinds.pod, fluxKinds.helmRelease].map((kind) => ({ kind, query: { namespace } })),
  }
}

const intervalSchema = v.object({ spec: v.object({ interval: v.string() }) })

/** Takes the annotation off that keeps the operator from reconciling the FluxInstance, and asks it to reconcile: that it is Ready takes more. */
export function ensureInstanceResumed(namespace: string): Step {
  const ref = instanceIn(namespace)
  return {
    id: 'resume-instance',
    title: 'Resume the FluxInstance',
    risk: 'change',
    async check({ cluster }) {
      const instance = await cluster.get(ref)
      if (instance === undefined)
        return { is: 'blocked', reason: 'the FluxInstance has been deleted meanwhile', remedy: 'to look again: the same command' }
      const deletion = beingDeleted(instance)
      if (deletion !== undefined) return deletion
      if (isReconcileDisabled(instance)) {
        return {
          is: 'todo',
          change: `remove the annotation ${reconcileAnnotation}: disabled from FluxInstance flux`,
          commands: [`kubectl --namespace ${namespace} annotate fluxinstance flux ${reconcileAnnotation}-`],
        }
      }
      return { is: 'done', detail: 'the operator reconciles it again' }
    },
    async apply({ cluster }) {
      await cluster.patch(ref, { metadata: { annotations: { [reconcileAnnotation]: null } } })
      await requestReconcile(cluster, ref)
    },
    watches: [{ kind: fluxKinds.fluxInstance, query: { namespace } }],
  }
}

const dependsOnSchema = v.object({
  spec: v.object({ dependsOn: v.nullish(v.array(v.object({ name: v.string(), namespace: v.optional(v.string()) })), []) }),
})

/**
 * A Kustomization, and what it depends on that is not Ready, as far as nobody has asked them yet: one may be in the health check of something
 * that does not exist any more, for its whole timeout.
 */
async function notRequested(cluster: Cluster, kustomization: KubeObject): Promise<Ref[]> {
  const { namespace = '' } = kustomization.metadata
  const named = v.parse(dependsOnSchema, kustomization).spec.dependsOn ?? []
  const needed = await Promise.all(
    named.map((one) => cluster.get({ ...fluxKinds.kustomization, namespace: one.namespace ?? namespace, name: one.name })),
  )
  const waiting = needed.flatMap((one) => (one === undefined || isSuspended(one) || readinessOf(one).is === 'ready' ? [] : [one]))
  return [kustomization, ...waiting].filter((one) => !isRequested(one)).map(refOf)
}

/** Has the Flux Kustomization that Git has a HelmRelease in apply it again now, rather than within its ten minutes. */
export function ensureReleased(namespace: string, applier: string, name: string): Step {
  const by: Ref = { ...fluxKinds.kustomization, namespace, name: applier }
  const ref: Ref = { ...fluxKinds.helmRelease, namespace, name }
  return {
    id: `release-${name}`,
    title: `Have Git bring the HelmRelease ${name} back`,
    risk: 'change',
    async check({ cluster, where }) {
      const [release, kustomization] = await Promise.all([cluster.get(ref), cluster.get(by)])
      if (release !== undefined && release.metadata.deletionTimestamp === undefined) {
        return stepStatusOf(readinessOf(release), kubectlCall('describe', ref))
      }
      const held = await heldBy(cluster, [ref])
      if (held !== undefined) return held
      // What is applied while the old one is there would go with it.
      if (release !== undefined) return { is: 'waiting', on: `${nameOf(ref)} to be gone; then Git brings it back` }
      if (kustomization === undefined) {
        const remedy = `npx zx scripts/bootstrap.ts ${where}   # waits until Git is applied`
        return { is: 'blocked', reason: `there is no Kustomization ${applier} that would apply it`, remedy }
      }
      if (isSuspended(kustomization)) {
        const remedy = `npx zx scripts/recover.ts ${where} --resume-suspended Kustomization/${namespace}/${applier}`
        const by = describeSuspension(suspensionIn(kustomization.metadata))
        return { is: 'blocked', reason: `Kustomization ${applier}, which would apply it, is ${by}`, remedy }
      }
      const idle = await notRequested(cluster, kustomization)
      if (idle.length === 0) return { is: 'waiting', on: `Kustomization ${applier} to apply it` }
      return {
        is: 'todo',
        change: `ask ${idle.map(nameOf).join(' and ')} to apply it now`,
        commands: idle.map((one) => `flux --namespace ${one.namespace} reconcile kustomization ${one.name}`),
      }
    },
    async apply({ cluster }) {
      const kustomization = await cluster.get(by)
      for (const one of kustomization === undefined ? [] : await notRequested(cluster, kustomization)) await requestReconcile(cluster, one)
    },
    watches: [fluxKinds.helmRelease, fluxKinds.kustomization].map((kind) => ({ kind, query: { namespace } })),
  }
}
