import * as v from 'valibot'
import { identityOf, inventoryOf } from '../flux/inventory.ts'
import { type KubeObject, nameOf, type Ref, refOf } from '../kubernetes/objects.ts'
import { apiGroups, isFluxKind } from '../flux/api-groups.ts'
import { fieldManager } from '../kubernetes/client.ts'
import { appLabels, isMadeByOperator, operatorName } from '../flux/labels.ts'

/** `NAMESPACE/NAME` of the HelmChart that a HelmRelease makes for itself. */
const statusSchema = v.object({ status: v.optional(v.object({ helmChart: v.optional(v.string()) }), {}) })

/** Which object of Flux was applied by which: Kustomizations, HelmReleases, ResourceSets and the FluxInstance keep inventories. */
export class Inventories {
  readonly #holders = new Map<string, string>()

  /** Takes in what an object says that it applied or made. */
  add(object: KubeObject): void {
    const holder = nameOf(refOf(object))
    for (const ref of inventoryOf(object)) {
      if (isFluxKind(ref)) this.#holders.set(identityOf(ref), holder)
    }
    const { helmChart } = v.parse(statusSchema, object).status
    if (helmChart === undefined) return
    const [namespace = '', name = ''] = helmChart.split('/')
    this.#holders.set(identityOf({ apiVersion: `${apiGroups.source}/v1`, kind: 'HelmChart', namespace, name }), holder)
  }

  /** `Kustomization flux-system/apps`; undefined where no inventory holds the object. */
  holderOf(ref: Ref): string | undefined {
    return this.#holders.get(identityOf(ref))
  }
}

const texts = v.optional(v.record(v.string(), v.string()), {})
const madeSchema = v.object({
  metadata: v.object({
    annotations: texts,
    ownerReferences: v.optional(v.array(v.object({ kind: v.string(), name: v.string() })), []),
  }),
})

/** What made an object that no inventory holds, as the object itself tells: its owner, a Helm release, the operator. */
export function makerOf(object: KubeObject): string | undefined {
  const { annotations, ownerReferences } = v.parse(madeSchema, object).metadata
  const [owner] = ownerReferences
  if (owner !== undefined) return `${owner.kind} ${owner.name}`
  const release = annotations['meta.helm.sh/release-name']
  if (release !== undefined) return `Helm release ${release}`
  // The operator makes a report of its own accord; it bears no label.
  const isOperators = object.kind === 'FluxReport' || isMadeByOperator(object)
  return isOperators ? operatorName : undefined
}

/** Secrets that External Secrets writes are recognised by their owner; where it is not to own them, by its label. */
export function externalSecretOf({ metadata }: KubeObject): string | undefined {
  const { ownerReferences } = v.parse(ownersSchema, metadata)
  const owner = ownerReferences.find(({ apiVersion }) => apiVersion.startsWith('external-secrets.io/'))
  if (owner !== undefined) return `${owner.kind} ${metadata.namespace}/${owner.name}`
  return metadata.labels['reconcile.external-secrets.io/managed'] === 'true' ? 'External Secrets' : undefined
}

/** The marks by which other programs know the Secrets that they write, where these have no owner. */
const marks: readonly (readonly [string, (value: string, namespace: string) => string])[] = [
  ['cert-manager.io/certificate-name', (name, namespace) => `Certificate ${namespace}/${name}`],
  ['argocd.argoproj.io/tracking-id', () => 'Argo CD'],
  ['reflector.v1.k8s.emberstack.com/reflects', (from) => `Reflector, from ${from}`],
  ['replicator.v1.mittwald.de/replicate-from', (from) => `the Secret replicator, from ${from}`],
]
/** Values of the label managed-by that say nothing of who writes it. */
const byHand = [fieldManager, 'kubectl', 'kustomize']

/** What writes a Secret, and would write it again: the object that owns it, its Helm release, or the program that has marked it. */
export function writerOf(secret: KubeObject): string | undefined {
  const { labels, annotations, namespace = '' } = secret.metadata
  const marked = marks.flatMap(([mark, describe]) => {
    const value = annotations[mark]
    return value === undefined ? [] : [describe(value, namespace)]
  })
  const manager = labels[appLabels.managedBy]
  return externalSecretOf(secret) ?? makerOf(secret) ?? marked[0] ?? (byHand.includes(manager ?? fieldManager) ? undefined : manager)
}

const ownersSchema = v.object({
  ownerReferences: v.optional(v.array(v.object({ apiVersion: v.string(), kind: v.string(), name: v.string() })), []),
})
