import { shellQuote } from '../../../base/shell-line.ts'
import * as v from 'valibot'
import { describeSuspension, isSuspended, suspensionIn } from '../../../flux/suspension.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { kinds, type KubeObject, nameOf, type Ref, refOf } from '../../../kubernetes/objects.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { deploymentReadiness, isTrue } from '../../../kubernetes/readiness.ts'
import { readinessOf } from '../../../flux/readiness.ts'
import { isRequested } from '../../../flux/reconcile-request.ts'
import type { WatchTarget } from '../../../kubernetes/watch.ts'
import type { StepContext } from '../../../runner/step.ts'
import type { StepStatus, Step } from '../../../runner/step.ts'
import type { Chart } from '../../../desired-state/chart.ts'
import { applyObjects, describeDifferences, differences } from '../../../kubernetes/apply.ts'
import { releaseManager } from '../../../flux/field-managers.ts'
import { nudgeFetch } from '../../../flux/artifact.ts'
import { deploymentsOf, unavailableOf } from '../../../flux/components.ts'
import { instanceStateOf } from '../../../flux/instance.ts'
import { isMadeByOperator } from '../../../flux/labels.ts'
import { instanceIn } from '../../../flux/refs.ts'
import { stepStatusOf } from '../../../runner/step-status.ts'

/**
 * Puts a chart's objects there as Git's HelmRelease will own them: rendered with its values, applied on the server as its manager.
 * No Helm release is made here; helm-controller's own first release adopts what it finds (facts in docs/how-it-works.md).
 */
function ensureChart(
  step: Pick<Step, 'id' | 'title'>,
  chart: Chart,
  objects: readonly KubeObject[],
  ready: Step['check'],
  watches: WatchTarget[],
): Step {
  const brought = objects.flatMap((object) =>
    object.kind === fluxKinds.fluxInstance.kind ? [`Flux ${instanceStateOf(object).wanted}, `] : [],
  )
  const version = `${brought.join('')}${chart.url} ${chart.version}`
  return {
    ...step,
    risk: 'change',
    async check(run) {
      const found = await differences(run.cluster, objects, releaseManager)
      if (found.length === 0) return ready(run)
      const { change, details } = describeDifferences(found)
      const render = `helm template ${chart.releaseName} ${shellQuote(chart.url)} --version ${chart.version} --namespace ${chart.namespace} --no-hooks --values values.yaml`
      const apply = `kubectl apply --server-side --force-conflicts --field-manager=${releaseManager} -f -`
      return {
        is: 'todo',
        change: `${change} (${version})`,
        commands: [],
        byHand: [`${render} | ${apply}   # values.yaml: spec.values of its HelmRelease in Git`],
        details,
      }
    },
    async apply({ cluster }) {
      await applyObjects(cluster, objects, releaseManager)
    },
    watches,
  }
}

/** Installs the operator and waits for its Deployment; one that is scaled to 0 is scaled up, which the chart leaves to others. */
export function ensureOperator(chart: Chart, objects: readonly KubeObject[]): Step {
  const { namespace } = chart
  const deployments = objects.filter(({ kind }) => kind === kinds.deployment.kind).map(refOf)
  const crds = objects.filter(({ kind }) => kind === kinds.crd.kind)
  const installing = ensureChart(
    { id: 'flux-operator', title: `Install flux-operator ${chart.version}` },
    chart,
    objects,
    async ({ cluster }) => {
      const establishing = await notEstablished(cluster, crds)
      if (establishing !== undefined) return { is: 'waiting', on: `${establishing} to be established` }
      const [stopped] = await scaledToNone(cluster, deployments)
      if (stopped !== undefined) {
        return {
          is: 'todo',
          change: `scale ${nameOf(stopped)} up from 0`,
          commands: [`kubectl --namespace ${namespace} scale deployment ${stopped.name} --replicas=1`],
        }
      }
      for (const deployment of deployments) {
        const readiness = await deploymentReadiness(cluster, deployment)
        if (readiness.is === 'waiting') return readiness
      }
      return { is: 'done', detail: `${chart.version} is available` }
    },
    [
      { kind: kinds.deployment, query: { namespace } },
      { kind: kinds.pod, query: { namespace } },
    ],
  )
  return {
    ...installing,
    undoneBy: ['stop-operator', 'stop-controllers'],
    async apply(run, progress) {
      await installing.apply(run, progress)
      for (const ref of await scaledToNone(run.cluster, deployments)) await run.cluster.patch(ref, { spec: { replicas: 1 } })
    },
  }
}

const replicasSchema = v.object({ spec: v.object({ replicas: v.literal(0) }) })

async function scaledToNone(cluster: Cluster, deployments: readonly Ref[]): Promise<Ref[]> {
  const found = await Promise.all(deployments.map(async (ref) => (v.is(replicasSchema, await cluster.get(ref)) ? [ref] : [])))
  return found.flat()
}

async function notEstablished(cluster: Cluster, crds: readonly KubeObject[]): Promise<string | undefined> {
  for (const crd of crds) {
    const live = await cluster.get(refOf(crd))
    if (live === undefined || !isTrue(live, 'Established')) return nameOf(refOf(crd))
  }
  return undefined
}

/** Applies the FluxInstance and waits until the operator has reconciled this very generation of it. */
export function ensureFluxInstance(chart: Chart, objects: readonly KubeObject[]): Step {
  const { namespace } = chart
  const step = { id: 'flux-instance', title: 'Install Flux: apply the FluxInstance' }
  const check: Step['check'] = (run) => instanceStatus(run, namespace)
  return { ...ensureChart(step, chart, objects, check, instanceWatches(namespace)), nudge: nudgeFetch(instanceIn(namespace)) }
}

/** Applies the FluxInstance as in Git, where that it is Ready is waited for later. */
export function ensureFluxInstanceApplied(chart: Chart, objects: readonly KubeObject[]): Step {
  const step = { id: 'flux-instance', title: 'Restore the FluxInstance as in Git' }
  return ensureChart(step, chart, objects, () => Promise.resolve({ is: 'done', detail: 'it is as in Git' }), [])
}

/** Waits until the operator has reconciled the FluxInstance, if it was asked to, and has brought all of it about. */
export function awaitInstanceReady(namespace: string): Step {
  const ref = instanceIn(namespace)
  return {
    id: 'instance-ready',
    title: 'Wait until the FluxInstance is Ready',
    risk: 'safe',
    async check(run) {
      const live = await run.cluster.get(ref)
      if (live !== undefined && isRequested(live)) return { is: 'waiting', on: 'the operator to reconcile the FluxInstance' }
      return instanceStatus(run, namespace)
    },
    apply: () => Promise.resolve(),
    nudge: nudgeFetch(ref),
    watches: instanceWatches(namespace),
  }
}

/** Waits for the FluxInstance that Git applies, where Flux came first and brings its operator along. */
export function awaitFluxInstance(namespace: string): Step {
  return {
    id: 'flux-instance',
    title: 'Let Git install the operator, and the operator adopt Flux',
    risk: 'safe',
    check: (run) => instanceStatus(run, namespace),
    apply: () => Promise.resolve(),
    nudge: nudgeFetch(instanceIn(namespace)),
    watches: instanceWatches(namespace),
  }
}

/** Whether the operator has brought the FluxInstance about, and what it still waits for. */
export async function instanceStatus({ cluster, where }: StepContext, namespace: string): Promise<StepStatus> {
  const live = await cluster.get(instanceIn(namespace))
  if (live === undefined) return { is: 'waiting', on: 'the FluxInstance to exist' }
  const readiness = readinessOf(live)
  if (isSuspended(live)) {
    const suspended = `${nameOf(instanceIn(namespace))} is ${describeSuspension(suspensionIn(live.metadata))}`
    // Its conditions stay as they were: Ready may be true of a Flux of which nothing runs any more.
    if (readiness.is === 'ready' && (await notAvailable(cluster, namespace)) === undefined) return { is: 'done', detail: suspended }
    const remedy = `npx zx scripts/recover.ts ${where} --resume-suspended FluxInstance/${namespace}/flux`
    return { is: 'blocked', reason: `${suspended}, so its operator does not reconcile it`, remedy }
  }
  // The operator's own message is how long its last reconciliation took, which reads as if the step had.
  const isReady = `Flux ${instanceStateOf(live).applied} is Ready`
  const status = stepStatusOf(readiness, `kubectl --namespace ${namespace} describe fluxinstance flux`, isReady)
  if (status.is !== 'waiting') return status
  return { is: 'waiting', on: (await notAvailable(cluster, namespace)) ?? (await notSynced(cluster, namespace)) ?? status.on }
}

/** Why the sync that the operator made is not Ready: it waits for that too before it calls the FluxInstance Ready. */
async function notSynced(cluster: Cluster, namespace: string): Promise<string | undefined> {
  const sync = [
    ...(await cluster.list(fluxKinds.gitRepository, { namespace })),
    ...(await cluster.list(fluxKinds.kustomization, { namespace })),
  ]
  const found = sync.filter(isMadeByOperator).map(readinessOf)
  return found.flatMap((readiness) => (readiness.is === 'waiting' ? [readiness.on] : []))[0]
}

/** What a FluxInstance that is being brought about is seen by. */
export function instanceWatches(namespace: string): WatchTarget[] {
  return [fluxKinds.fluxInstance, kinds.deployment, kinds.pod, fluxKinds.gitRepository].map((kind) => ({ kind, query: { namespace } }))
}

/** The controllers that are not available yet, and why: what a person waits for while the FluxInstance is reconciled. */
async function notAvailable(cluster: Cluster, namespace: string): Promise<string | undefined> {
  const waiting = await unavailableOf(cluster, (await deploymentsOf(cluster, namespace, 'controllers')).map(refOf))
  return waiting.length === 0 ? undefined : waiting.join(', ')
}
