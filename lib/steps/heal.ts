import * as v from 'valibot'
import type { Cluster } from '../cluster/cluster.ts'
import { kinds, type Ref } from '../cluster/objects.ts'
import { deploymentReadiness, readinessOf } from '../cluster/readiness.ts'
import { isRequested, requestReconcile } from '../cluster/reconcile-request.ts'
import { parseDuration } from '../duration.ts'
import type { Look, Step } from '../step.ts'
import { reconcileAnnotation } from '../cluster/flux-instance.ts'

/** Who heals within this much is left to it, in milliseconds. */
const soon = 2 * 60_000

/** What of the Deployments is not as it should be; undefined where all are available. */
async function lacking(cluster: Cluster, namespace: string, names: readonly string[]): Promise<string | undefined> {
  const found = await Promise.all(names.map((name) => deploymentReadiness(cluster, { ...kinds.deployment, namespace, name })))
  const waiting = found.flatMap((readiness) => (readiness.is === 'waiting' ? [readiness.on] : []))
  return waiting.length === 0 ? undefined : waiting.join(', ')
}

const outdatedSchema = v.object({
  status: v.optional(
    v.object({ components: v.optional(v.array(v.object({ name: v.string(), repository: v.string(), tag: v.string() })), []) }),
    {},
  ),
})
const imageSchema = v.object({
  spec: v.object({ template: v.object({ spec: v.object({ containers: v.array(v.object({ image: v.string() })) }) }) }),
})

/** Has the controllers back, at the images that the FluxInstance says: by the operator, which looks at them every so often. */
export function awaitControllers(namespace: string, names: readonly string[]): Step {
  const instanceRef: Ref = { ...kinds.fluxInstance, namespace, name: 'flux' }
  return {
    id: 'controllers',
    title: 'Have the operator put the controllers back',
    risk: 'change',
    async look({ cluster }) {
      const instance = await cluster.get(instanceRef)
      if (instance === undefined) return { is: 'waiting', on: 'the FluxInstance to exist' }
      const { components } = v.parse(outdatedSchema, instance).status
      const missing = (await lacking(cluster, namespace, names)) ?? (await atOtherImages(cluster, namespace, components))
      if (missing === undefined) return { is: 'done', detail: `${names.length} controllers are available` }
      const every = instance.metadata.annotations['fluxcd.controlplane.io/reconcileEvery'] ?? '60m'
      const heals = (parseDuration(every) ?? Infinity) <= soon
      if (heals) return { is: 'waiting', on: `${missing}; the operator looks every ${every} and puts back what is missing` }
      if (isRequested(instance) || readinessOf(instance).is === 'waiting') return { is: 'waiting', on: `${missing}; the operator is at it` }
      return {
        is: 'todo',
        change: `ask the operator to look now, which it would within ${every}: ${missing}`,
        commands: [`kubectl --namespace ${namespace} annotate fluxinstance flux --overwrite reconcile.fluxcd.io/requestedAt="$(date +%s)"`],
      }
    },
    act: ({ cluster }) => requestReconcile(cluster, instanceRef),
    watches: [kinds.deployment, kinds.pod, kinds.fluxInstance].map((kind) => ({ kind, query: { namespace } })),
  }
}

async function atOtherImages(
  cluster: Cluster,
  namespace: string,
  components: readonly { readonly name: string; readonly repository: string; readonly tag: string }[],
): Promise<string | undefined> {
  for (const { name, repository, tag } of components) {
    const deployment = await cluster.get({ ...kinds.deployment, namespace, name })
    if (deployment === undefined) continue
    const image = v.parse(imageSchema, deployment).spec.template.spec.containers[0]?.image.split('@')[0]
    if (image !== `${repository}:${tag}`) return `${name} runs ${image}, not ${repository}:${tag}`
  }
  return undefined
}

/** Waits until helm-controller has put the operator back, which it looks for at its HelmRelease's interval. */
export function awaitOperator(namespace: string): Step {
  const ref: Ref = { ...kinds.helmRelease, namespace, name: 'flux-operator' }
  return {
    id: 'operator',
    title: 'Have helm-controller put the operator back',
    risk: 'change',
    async look({ cluster }) {
      const missing = await lacking(cluster, namespace, ['flux-operator'])
      if (missing === undefined) return { is: 'done', detail: 'flux-operator is available' }
      const release = await cluster.get(ref)
      if (release === undefined) return { is: 'blocked', reason: 'its HelmRelease is gone meanwhile', remedy: 'run recover again' }
      const every = v.parse(intervalSchema, release).spec.interval
      if ((parseDuration(every) ?? Infinity) <= soon) {
        return { is: 'waiting', on: `${missing}; helm-controller looks every ${every} and puts back what is missing` }
      }
      if (isRequested(release)) return { is: 'waiting', on: `${missing}; helm-controller is at it` }
      return {
        is: 'todo',
        change: `ask helm-controller to look now, which it would within ${every}`,
        commands: [`flux --namespace ${namespace} reconcile helmrelease flux-operator`],
      }
    },
    act: ({ cluster }) => requestReconcile(cluster, ref),
    watches: [kinds.deployment, kinds.pod, kinds.helmRelease].map((kind) => ({ kind, query: { namespace } })),
  }
}

const intervalSchema = v.object({ spec: v.object({ interval: v.string() }) })

/** Takes the annotation off that keeps the operator from looking at the FluxInstance, and waits until it has. */
export function ensureResumed(namespace: string): Step {
  const ref: Ref = { ...kinds.fluxInstance, namespace, name: 'flux' }
  return {
    id: 'resume-instance',
    title: 'Resume the FluxInstance',
    risk: 'change',
    async look({ cluster }) {
      const instance = await cluster.get(ref)
      if (instance === undefined) return { is: 'blocked', reason: 'the FluxInstance is gone meanwhile', remedy: 'run recover again' }
      if (instance.metadata.annotations[reconcileAnnotation] === 'disabled') {
        return {
          is: 'todo',
          change: `take the annotation ${reconcileAnnotation}: disabled off FluxInstance flux`,
          commands: [`kubectl --namespace ${namespace} annotate fluxinstance flux ${reconcileAnnotation}-`],
        }
      }
      return settled(readinessOf(instance), `kubectl --namespace ${namespace} describe fluxinstance flux`)
    },
    act: async ({ cluster }) => void (await cluster.patch(ref, { metadata: { annotations: { [reconcileAnnotation]: null } } })),
    watches: [{ kind: kinds.fluxInstance, query: { namespace } }],
  }
}

/** Has the Flux Kustomization that Git has a HelmRelease in apply it again now, rather than within its ten minutes. */
export function ensureReleased(namespace: string, applier: string, name: string): Step {
  const by: Ref = { ...kinds.kustomization, namespace, name: applier }
  const ref: Ref = { ...kinds.helmRelease, namespace, name }
  return {
    id: `release-${name}`,
    title: `Have Git bring the HelmRelease ${name} back`,
    risk: 'change',
    async look({ cluster, where }) {
      const [release, kustomization] = await Promise.all([cluster.get(ref), cluster.get(by)])
      if (release !== undefined && release.metadata.deletionTimestamp === undefined) {
        return settled(readinessOf(release), `kubectl --namespace ${namespace} describe helmrelease ${name}`)
      }
      if (kustomization === undefined) {
        const remedy = `npx zx scripts/bootstrap.ts ${where}   # waits for what Git brings`
        return { is: 'blocked', reason: `there is no Kustomization ${applier} that would apply it`, remedy }
      }
      if (isRequested(kustomization)) return { is: 'waiting', on: `Kustomization ${applier} to apply it` }
      return {
        is: 'todo',
        change: `ask Kustomization ${applier} to apply it now`,
        commands: [`flux --namespace ${namespace} reconcile kustomization ${applier}`],
      }
    },
    act: ({ cluster }) => requestReconcile(cluster, by),
    watches: [kinds.helmRelease, kinds.kustomization].map((kind) => ({ kind, query: { namespace } })),
  }
}

/** Ready is done; what is stalled or suspended will not get there by itself. */
export function settled(readiness: ReturnType<typeof readinessOf>, remedy: string): Look {
  if (readiness.is === 'ready') return { is: 'done', detail: readiness.message }
  if (readiness.is === 'failed') return { is: 'blocked', reason: readiness.reason, remedy }
  return readiness
}
