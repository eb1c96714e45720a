import * as v from 'valibot'
import { type JsonObject, isJsonObject, ownAt } from '../base/json-object.ts'
import { kinds, type KubeObject, nameOf, type Ref, refOf } from '../kubernetes/objects.ts'
import { copyFromAnnotation } from './annotations.ts'
import { fallbackAgeSecretIn } from './sops.ts'

/** What an object refers to, and by which field. */
export interface Reference {
  readonly ref: Ref
  /** `GitRepository flux-system/fleet: spec.secretRef` */
  readonly by: string
  /** Things continue without it (`optional: true`). */
  readonly isOptional: boolean
}

const named = v.object({ name: v.string(), optional: v.optional(v.boolean(), false) })
const values = v.object({ kind: v.picklist(['Secret', 'ConfigMap']), name: v.string(), optional: v.optional(v.boolean(), false) })
const volume = v.object({ secretName: v.string(), optional: v.optional(v.boolean(), false) })
const copied = v.pipe(v.string(), v.regex(/^[^/<]+\/[^/<]+$/))

/**
 * Fields with someone else's content, whose names say nothing: a chart's values, variables of any name, what goes along with a message; and
 * the objects that a ResourceSet makes, which are checked themselves.
 */
const foreign: Readonly<Record<string, readonly string[]>> = {
  HelmRelease: ['values'],
  Kustomization: ['postBuild.substitute'],
  ResourceSet: ['resources', 'inputs'],
  ResourceSetInputProvider: ['defaultValues'],
  ImageUpdateAutomation: ['git.commit.messageTemplateValues'],
  Alert: ['eventMetadata'],
}
/** A controller's own account comes and goes with the controller. */
const isOwnAccount = ({ kind }: Ref, key: string): boolean => kind === kinds.deployment.kind && key === 'serviceAccountName'

/**
 * The Secrets, ConfigMaps and ServiceAccounts that an object of Flux refers to, a controller's Deployment and a ServiceAccount too. One
 * walk knows the names that the APIs of Flux give such fields (every field of Flux 2.9's and flux-operator 0.59's CRDs was looked through).
 */
export function referencesIn(object: KubeObject): Reference[] {
  const { metadata: _metadata, status: _status, ...written } = object
  return referencesUnder(refOf(object), written)
}

/**
 * The same of what is written of an object: all of it but metadata and status.
 * @param owner the object itself
 */
export function referencesUnder(owner: Ref, written: JsonObject): Reference[] {
  const { namespace } = owner
  if (namespace === undefined) return []
  const found: Reference[] = []
  const own = (ownAt(foreign, owner.kind) ?? []).map((path) => `spec.${path}`)
  const add = (kind: Ref, path: string, isOptional = false): void => {
    found.push({ ref: kind, by: `${nameOf(owner)}: ${path}`, isOptional })
  }
  const visit = (value: unknown, path: string): void => {
    if (Array.isArray(value)) return value.forEach((item, at) => visit(item, `${path}[${at}]`))
    if (!isJsonObject(value)) return
    // Ten thousand objects are walked through here, and hardly any of their fields points anywhere.
    for (const key of Object.keys(value)) {
      const field = value[key]
      const points = mayPoint.test(key)
      if (!points && (typeof field !== 'object' || field === null)) continue
      const at = path === '' ? key : `${path}.${key}`
      if (own.includes(at)) {
        if (key === 'resources') visitCopies(field, at)
        continue
      }
      if (isOwnAccount(owner, key)) continue
      if (points) for (const { kind, name, optional } of pointedAt(key, field)) add({ ...kind, namespace, name }, at, optional)
      visit(field, at)
    }
  }
  /** A ResourceSet fills Secrets and ConfigMaps from others that an annotation names. */
  const visitCopies = (resources: unknown, path: string): void => {
    if (!Array.isArray(resources)) return
    for (const [at, resource] of resources.entries()) {
      const read = v.safeParse(copySchema, resource)
      if (!read.success) continue
      const [from = '', name = ''] = read.output.metadata.annotations[copyFromAnnotation].split('/')
      add(
        { ...(read.output.kind === 'Secret' ? kinds.secret : kinds.configMap), namespace: from, name },
        `${path}[${at}] ${copyFromAnnotation}`,
      )
    }
  }
  visit(written, '')
  return found
}

const copySchema = v.object({
  kind: v.picklist(['Secret', 'ConfigMap']),
  metadata: v.object({ annotations: v.object({ [copyFromAnnotation]: copied }) }),
})

interface ReferenceTarget {
  readonly kind: { readonly apiVersion: string; readonly kind: string }
  readonly name: string
  readonly optional: boolean
}

/** The names that `pointedAt` knows, and others: quicker than to try each. */
const mayPoint = /secret|configMap|From$|^serviceAccountName$|^args$/i

/** What a field by this name, with this value, points at. */
function pointedAt(key: string, value: unknown): ReferenceTarget[] {
  // secretRef, certSecretRef, proxySecretRef, trustedRootSecretRef; secretKeyRef in a container's environment.
  if (/secret(Key)?Ref$/i.test(key)) return one(kinds.secret, value)
  if (/configMap(Key)?Ref$/.test(key)) return one(kinds.configMap, value)
  // pullSecret, imagePullSecret, artifactPullSecret of a FluxInstance: bare names; '' is none.
  if (/pullSecret$/i.test(key)) return bare(kinds.secret, value)
  if (key === 'serviceAccountName') return bare(kinds.serviceAccount, value)
  if (key === 'imagePullSecrets') return v.is(v.array(v.unknown()), value) ? value.flatMap((item) => one(kinds.secret, item)) : []
  if (key === 'valuesFrom' || key === 'substituteFrom') {
    return v.is(v.array(v.unknown()), value) ? value.flatMap(fromValues) : []
  }
  // A volume's, in a controller's Deployment; a projected one's is an array of `secret: {name}`.
  if (key === 'secret') {
    const read = v.safeParse(volume, value)
    if (read.success) return [{ kind: kinds.secret, name: read.output.secretName, optional: read.output.optional }]
    return one(kinds.secret, value)
  }
  if (key === 'configMap') return one(kinds.configMap, value)
  if (key === 'args') {
    const fallback = fallbackAgeSecretIn(JSON.stringify(value))
    return fallback === undefined ? [] : [{ kind: kinds.secret, name: fallback, optional: true }]
  }
  return []
}

function one(kind: ReferenceTarget['kind'], value: unknown): ReferenceTarget[] {
  const read = v.safeParse(named, value)
  return read.success ? [{ kind, ...read.output }] : []
}

function bare(kind: ReferenceTarget['kind'], value: unknown): ReferenceTarget[] {
  return typeof value === 'string' && value !== '' ? [{ kind, name: value, optional: false }] : []
}

function fromValues(value: unknown): ReferenceTarget[] {
  const read = v.safeParse(values, value)
  if (!read.success) return []
  const { kind, name, optional } = read.output
  return [{ kind: kind === 'Secret' ? kinds.secret : kinds.configMap, name, optional }]
}
