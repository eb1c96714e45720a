import type { Cluster } from '../cluster/cluster.ts'
import { kinds, type KubeObject, nameOf, type Ref, refOf } from '../cluster/objects.ts'
import { deploymentReadiness, isTrue, readinessOf } from '../cluster/readiness.ts'
import type { Watched } from '../cluster/watch.ts'
import type { Look, Step } from '../step.ts'
import type { Chart } from '../tree.ts'
import { applyObjects, describeDifferences, differences, releaseManager } from './apply-objects.ts'
import { urgeFetch } from './manifests.ts'

/**
 * Puts a chart's objects there as Git's HelmRelease will own them: rendered with its values, applied on the server as its manager.
 * No Helm release is made here; helm-controller's own first release adopts what it finds (facts in docs/how-it-works.md).
 */
function ensureChart(
  step: Pick<Step, 'id' | 'title'>,
  chart: Chart,
  objects: readonly KubeObject[],
  ready: Step['look'],
  watches: Watched[],
): Step {
  const version = `${chart.url} ${chart.version}`
  return {
    ...step,
    risk: 'change',
    async look(run) {
      const found = await differences(run.cluster, objects, releaseManager)
      if (found.length === 0) return ready(run)
      const { change, details } = describeDifferences(found)
      const render = `helm template ${chart.releaseName} ${chart.url} --version ${chart.version} --namespace ${chart.namespace} --no-hooks --values values.yaml`
      const apply = `kubectl apply --server-side --force-conflicts --field-manager=${releaseManager} -f -`
      return { is: 'todo', change: `${change} (${version})`, commands: [`${render} | ${apply}`], details }
    },
    async act({ cluster }) {
      await applyObjects(cluster, objects, releaseManager)
    },
    watches,
  }
}

/** Installs the operator and waits for its Deployment. */
export function ensureOperator(chart: Chart, objects: readonly KubeObject[]): Step {
  const { namespace } = chart
  const deployments = objects.filter(({ kind }) => kind === kinds.deployment.kind).map(refOf)
  const crds = objects.filter(({ kind }) => kind === kinds.crd.kind)
  return ensureChart(
    { id: 'flux-operator', title: `Install flux-operator ${chart.version}` },
    chart,
    objects,
    async ({ cluster }) => {
      const establishing = await notEstablished(cluster, crds)
      if (establishing !== undefined) return { is: 'waiting', on: `${establishing} to be established` }
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
  const look: Step['look'] = ({ cluster }) => lookAtInstance(cluster, namespace)
  return { ...ensureChart(step, chart, objects, look, instanceWatches(namespace)), urge: urgeFetch(instanceIn(namespace)) }
}

/** Waits for the FluxInstance that Git applies, where Flux came first and brings its operator along. */
export function awaitFluxInstance(namespace: string): Step {
  return {
    id: 'flux-instance',
    title: 'Let Git bring the operator, and the operator adopt Flux',
    risk: 'safe',
    look: ({ cluster }) => lookAtInstance(cluster, namespace),
    act: () => Promise.resolve(),
    urge: urgeFetch(instanceIn(namespace)),
    watches: instanceWatches(namespace),
  }
}

function instanceIn(namespace: string): Ref {
  return { ...kinds.fluxInstance, namespace, name: 'flux' }
}

async function lookAtInstance(cluster: Cluster, namespace: string): Promise<Look> {
  const live = await cluster.get(instanceIn(namespace))
  if (live === undefined) return { is: 'waiting', on: 'the FluxInstance to exist' }
  const readiness = readinessOf(live)
  if (readiness.is === 'ready') return { is: 'done', detail: readiness.message }
  const remedy = `kubectl --namespace ${namespace} describe fluxinstance flux`
  if (readiness.is === 'failed') return { is: 'blocked', reason: readiness.reason, remedy }
  return { is: 'waiting', on: (await notAvailable(cluster, namespace)) ?? (await notSynced(cluster, namespace)) ?? readiness.on }
}

/** Why the sync that the operator made is not Ready: it waits for that too before it calls the FluxInstance Ready. */
async function notSynced(cluster: Cluster, namespace: string): Promise<string | undefined> {
  const sync = [...(await cluster.list(kinds.gitRepository, { namespace })), ...(await cluster.list(kinds.kustomization, { namespace }))]
  const found = sync.filter(({ metadata }) => metadata.labels['app.kubernetes.io/managed-by'] === 'flux-operator').map(readinessOf)
  return found.flatMap((readiness) => (readiness.is === 'waiting' ? [readiness.on] : []))[0]
}

function instanceWatches(namespace: string): Watched[] {
  return [kinds.fluxInstance, kinds.deployment, kinds.pod, kinds.gitRepository].map((kind) => ({ kind, query: { namespace } }))
}

/** The controllers that are not available yet, and why: what a person waits for while the FluxInstance is reconciled. */
async function notAvailable(cluster: Cluster, namespace: string): Promise<string | undefined> {
  const deployments = await cluster.list(kinds.deployment, { namespace, labels: 'app.kubernetes.io/part-of=flux' })
  const found = await Promise.all(deployments.map((deployment) => deploymentReadiness(cluster, refOf(deployment))))
  const waiting = found.flatMap((readiness) => (readiness.is === 'waiting' ? [readiness.on] : []))
  return waiting.length === 0 ? undefined : waiting.join(', ')
}
