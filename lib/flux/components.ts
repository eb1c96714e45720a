import type { Cluster } from '../kubernetes/client.ts'
import { ownAt } from '../base/json-object.ts'
import { order } from '../base/version.ts'
import { apiGroups } from './api-groups.ts'
import { type Kind, kinds, type KubeObject, type Ref } from '../kubernetes/objects.ts'
import * as v from 'valibot'
import { fluxSelector, operatorSelector } from './labels.ts'
import { deploymentReadiness } from '../kubernetes/readiness.ts'
import { selectorOf } from '../kubernetes/selector.ts'

/** What a FluxInstance that names no components installs (flux-operator api/v1, FluxInstanceSpec.GetComponents). */
export const usualComponents: readonly string[] = [
  'source-controller',
  'kustomize-controller',
  'helm-controller',
  'notification-controller',
]
/** All controllers of Flux that there are, by the names of their Deployments and accounts. */
export const controllerNames: readonly string[] = [
  ...usualComponents,
  'image-reflector-controller',
  'image-automation-controller',
  'source-watcher',
]

/** The controller that reconciles each kind of a group; the image group has two. */
const controllersOfGroups: readonly (readonly [string, string])[] = [
  [apiGroups.source, 'source-controller'],
  [apiGroups.kustomize, 'kustomize-controller'],
  [apiGroups.helm, 'helm-controller'],
  [apiGroups.notification, 'notification-controller'],
  [apiGroups.image, 'image-reflector-controller'],
  [apiGroups.sourceExtensions, 'source-watcher'],
]

/** The controller that reconciles objects of this kind; undefined for the operator's, and for artifacts that any program may make. */
export function controllerOf({ apiVersion, kind }: Kind): string | undefined {
  if (kind === 'ImageUpdateAutomation') return 'image-automation-controller'
  if (kind === 'ExternalArtifact') return undefined
  return controllersOfGroups.find(([group]) => apiVersion.startsWith(`${group}/`))?.[1]
}

const services: Readonly<Record<string, readonly string[]>> = {
  'source-controller': ['source-controller'],
  'source-watcher': ['source-watcher'],
  'notification-controller': ['notification-controller', 'webhook-receiver'],
}

/** The Services that a controller is reached by, which come with it. */
export function servicesOf(controller: string): readonly string[] {
  return ownAt(services, controller) ?? []
}

/** Whether a controller runs once more for each shard, as `NAME-SHARD` (flux-operator internal/builder/templates.go). */
export function isSharded(controller: string, version: string | undefined): boolean {
  if (controller === 'source-watcher') return version === undefined || order(version, '2.9.0') >= 0
  return controller !== 'notification-controller'
}

/** Who keeps a cluster as Git says: the operator keeps the controllers, they keep the rest. */
export type Keeper = 'operator' | 'controllers'

const labels: Readonly<Record<Keeper, string>> = {
  operator: operatorSelector,
  controllers: fluxSelector,
}

/** Their Deployments in the namespace, or, without one, in all. */
export function deploymentsOf(cluster: Pick<Cluster, 'list'>, namespace: string | undefined, keeper: Keeper): Promise<KubeObject[]> {
  return cluster.list(kinds.deployment, { ...(namespace === undefined ? {} : { namespace }), labels: labels[keeper] })
}

/** How their pods are labelled by every way to install Flux: its own label is on no pod before 2.7, nor on the community chart's. */
const podLabels: Readonly<Record<Keeper, string>> = {
  operator: operatorSelector,
  controllers: `app in (${controllerNames.join(',')})`,
}

/** Their pods: those that their Deployments select, and, where a Deployment has gone already, those that are labelled as theirs. */
export async function podsOf(cluster: Pick<Cluster, 'list'>, namespace: string, keeper: Keeper): Promise<KubeObject[]> {
  const deployments = await deploymentsOf(cluster, namespace, keeper)
  const selectors = new Set([...deployments.map(selectorOf), podLabels[keeper], labels[keeper]])
  const found = await Promise.all([...selectors].map((selector) => cluster.list(kinds.pod, { namespace, labels: selector })))
  return [...new Map(found.flat().map((pod) => [pod.metadata.name, pod])).values()]
}

/** Whether a pod runs the controller: by its label, else, where one pod runs several, by its containers. */
export function runsController(pod: KubeObject, controller: string): boolean {
  if (pod.metadata.labels.app === controller) return true
  const { containers } = v.parse(podSchema, pod).spec
  return containers.some(({ name, image }) => name === controller || repositoryOf(image).endsWith(`/${controller}`))
}
const podSchema = v.object({ spec: v.object({ containers: v.array(v.object({ name: v.string(), image: v.optional(v.string(), '') })) }) })

/** `ghcr.io/fluxcd/helm-controller` of an image with a tag, a digest or both. */
function repositoryOf(image: string): string {
  return image.replace(/(:[^:/@]+)?(@.*)?$/, '')
}

/** Why Deployments are not available, each that is not; one that does not exist is neither. */
export async function unavailableOf(cluster: Cluster, refs: readonly Ref[]): Promise<string[]> {
  const found = await Promise.all(refs.map((ref) => deploymentReadiness(cluster, ref)))
  return found.flatMap((readiness) => (readiness.is === 'waiting' ? [readiness.on] : []))
}

/** The same of one that is looked up: `missing` where it does not exist. */
export async function imageOf(cluster: Cluster, ref: Ref): Promise<string> {
  const deployment = await cluster.get(ref)
  return deployment === undefined ? 'missing' : imageIn(deployment)
}

/** The image that a Deployment runs, without a digest: of its container `manager`, or, where it has none of that name, of the first. */
export function imageIn(deployment: KubeObject): string {
  const { containers } = v.parse(imagesSchema, deployment).spec.template.spec
  const image = (containers.find(({ name }) => name === 'manager') ?? containers[0])?.image ?? ''
  return image.split('@')[0] ?? ''
}
/** `source-controller:v1.9.5` of an image, whatever registry it comes from. */
export function programOf(image: string): string {
  return image.split('/').at(-1) ?? ''
}
const imagesSchema = v.object({
  spec: v.object({
    template: v.object({ spec: v.object({ containers: v.array(v.object({ name: v.optional(v.string()), image: v.string() })) }) }),
  }),
})
