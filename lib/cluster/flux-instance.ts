import * as v from 'valibot'
import type { KubeObject } from './objects.ts'

/** `disabled` puts a FluxInstance to rest: its operator neither installs nor mends nor, when it is deleted, removes anything. */
export const reconcileAnnotation = 'fluxcd.controlplane.io/reconcile'

/** What a FluxInstance that names no components installs (flux-operator api/v1, FluxInstanceSpec.GetComponents). */
export const usualComponents: readonly string[] = [
  'source-controller',
  'kustomize-controller',
  'helm-controller',
  'notification-controller',
]

const instanceSchema = v.object({
  spec: v.object({ distribution: v.object({ version: v.string() }) }),
  status: v.optional(
    v.object({
      lastAppliedRevision: v.optional(v.string(), ''),
      components: v.optional(v.array(v.object({ name: v.string(), repository: v.string(), tag: v.string() })), []),
    }),
    {},
  ),
})

/** What a FluxInstance is to be and what it is; versions without `v`, empty where none was applied yet. */
export interface InstanceState {
  readonly wanted: string
  readonly applied: string
  readonly components: readonly { readonly name: string; readonly repository: string; readonly tag: string }[]
}

export function stateOf(instance: KubeObject): InstanceState {
  const { spec, status } = v.parse(instanceSchema, instance)
  const applied = status.lastAppliedRevision.split('@')[0] ?? ''
  return { wanted: spec.distribution.version, applied: applied.replace(/^v/, ''), components: status.components }
}

const releaseSchema = v.object({
  spec: v.object({
    suspend: v.optional(v.boolean(), false),
    values: v.optional(v.object({ instance: v.optional(v.object({ distribution: v.object({ version: v.string() }) })) }), {}),
  }),
  status: v.optional(v.object({ history: v.optional(v.array(v.object({ chartVersion: v.string() })), []) }), {}),
})

/** What a HelmRelease of Flux asks for: the chart that was released last, and the version of Flux where it has one. */
export function releaseStateOf(release: KubeObject): { isSuspended: boolean; flux: string | undefined; chart: string | undefined } {
  const { spec, status } = v.parse(releaseSchema, release)
  return {
    isSuspended: spec.suspend,
    flux: spec.values.instance?.distribution.version,
    chart: status.history[0]?.chartVersion.split('+')[0],
  }
}
