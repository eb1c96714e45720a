import type { KubeObject } from '../kubernetes/objects.ts'

/** The label by which each marks what it applied, with the name of the object that said so, and its namespace. */
export const appliedBy = {
  kustomization: { name: 'kustomize.toolkit.fluxcd.io/name', namespace: 'kustomize.toolkit.fluxcd.io/namespace' },
  helmRelease: { name: 'helm.toolkit.fluxcd.io/name', namespace: 'helm.toolkit.fluxcd.io/namespace' },
  fluxInstance: { name: 'fluxcd.controlplane.io/name', namespace: 'fluxcd.controlplane.io/namespace' },
} as const

/** Kubernetes' recommended labels, which Flux, its operator and Helm give to what they install. */
export const appLabels = {
  name: 'app.kubernetes.io/name',
  instance: 'app.kubernetes.io/instance',
  version: 'app.kubernetes.io/version',
  partOf: 'app.kubernetes.io/part-of',
  managedBy: 'app.kubernetes.io/managed-by',
  component: 'app.kubernetes.io/component',
} as const

/** The chart that Helm made an object from, with its version: `flux2-2.17.1`. */
export const chartLabel = 'helm.sh/chart'
/** Which shard of the controllers an object is for, unless a FluxInstance names another label (flux-operator api/v1, Sharding.Key). */
export const shardLabel = 'sharding.fluxcd.io/key'

/** The operator's name: of its Deployment, its account, its field manager, its label. */
export const operatorName = 'flux-operator'

/** How every way to install Flux labels what it makes: the operator, `flux install`, `flux bootstrap`, the community's chart. */
export const fluxSelector = `${appLabels.partOf}=flux`
/** How the operator's chart labels its Deployment and pods. */
export const operatorSelector = `${appLabels.name}=${operatorName}`

type LabelledObject = Pick<KubeObject, 'metadata'>

/** Whether an object is labelled as part of Flux. */
export function isPartOfFlux({ metadata: { labels } }: LabelledObject): boolean {
  return labels[appLabels.partOf] === 'flux'
}

/** Whether a Deployment or pod is labelled as the operator. */
export function isOperator({ metadata: { labels } }: LabelledObject): boolean {
  return labels[appLabels.name] === operatorName
}

/** Whether an object is labelled as made by the operator. */
export function isMadeByOperator({ metadata: { labels } }: LabelledObject): boolean {
  return labels[appLabels.managedBy] === operatorName
}
