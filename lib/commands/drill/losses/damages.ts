import * as v from 'valibot'
import { decodeRelease } from '../../../flux/helm-release.ts'
import { type Cluster, ignoreNotFound } from '../../../kubernetes/client.ts'
import { retryOnConflict } from '../../../kubernetes/retry-conflict.ts'
import { kinds, type KubeObject, nameOf, parseObject, type Ref, refOf } from '../../../kubernetes/objects.ts'
import { manifestOf } from '../../../kubernetes/manifest.ts'
import { additions } from './additions.ts'

/** One way to damage one object. */
export interface Damage {
  /** Stable: reports name it, and a resumed drill uses it. */
  readonly name: string
  readonly inject: (cluster: Cluster) => Promise<void>
  /** Whether the object is as it was before; undefined is an object that does not exist. */
  readonly isBack: (live: KubeObject | undefined) => boolean
  /** Undoes what only its author can undo; a damage without it is for Flux and recover.ts alone. */
  readonly undo?: (cluster: Cluster) => Promise<void>
  /** The object that tells, where it is not the damaged one. */
  readonly seen?: Ref
}

/** Anyone who alters what is Flux's does it as this field manager: a person with kubectl. */
const person = 'kubectl-edit'
/** One that nobody is left to remove. */
const finalizer = 'drill.flux-runbook.example.com/held'

/** What may befall an object, as it is now. */
export function damagesOf(live: KubeObject): Damage[] {
  return [
    deleted(live),
    held(live),
    ...(alterations[live.kind]?.(live) ?? []),
    ...(live.kind === kinds.namespace.kind ? additions(live) : []),
  ]
}

function deleted(live: KubeObject): Damage {
  const { uid = '' } = live.metadata
  return {
    name: 'deleted',
    inject: (cluster) => cluster.remove(refOf(live), { uid }),
    isBack: (now) => now !== undefined && now.metadata.uid !== uid && now.metadata.deletionTimestamp === undefined,
  }
}

function held(live: KubeObject): Damage {
  const ref = refOf(live)
  const { uid = '', finalizers } = live.metadata
  return {
    name: 'deleted, held',
    async inject(cluster) {
      await cluster.patch(ref, { metadata: { finalizers: [...finalizers, finalizer] } })
      await cluster.remove(ref, { uid })
    },
    isBack: (now) => now !== undefined && now.metadata.uid !== uid && now.metadata.deletionTimestamp === undefined,
    // Its controller writes to it too while it is deleted, as the API server does to a CRD.
    undo: (cluster) =>
      retryOnConflict(`remove the drill's finalizer from ${nameOf(ref)}`, 30_000, async () => {
        const now = await cluster.get(ref)
        if (now === undefined || !now.metadata.finalizers.includes(finalizer)) return
        const left = now.metadata.finalizers.filter((one) => one !== finalizer)
        const { resourceVersion = '' } = now.metadata
        const patch = { metadata: { resourceVersion, finalizers: left.length === 0 ? null : left } }
        await cluster.patch(ref, patch).catch(ignoreNotFound)
      }),
  }
}

/** Fields as a person would overwrite them; what the object says elsewhere stays. */
function altered<S extends v.GenericSchema>(
  live: KubeObject,
  name: string,
  part: { readonly schema: S; readonly fields: (now: v.InferOutput<S>) => Record<string, unknown> },
): Damage[] {
  const read = v.safeParse(part.schema, live)
  if (!read.success) return []
  const before = JSON.stringify(read.output)
  return [
    {
      name,
      inject: async (cluster) =>
        void (await cluster.apply(parseObject({ ...manifestOf(refOf(live)), ...part.fields(read.output) }), { manager: person })),
      isBack(now) {
        const seen = v.safeParse(part.schema, now)
        return seen.success && JSON.stringify(seen.output) === before
      },
    },
  ]
}

const containers = <T extends v.ObjectEntries>(entries: T) =>
  v.object({
    spec: v.object({ template: v.object({ spec: v.object({ containers: v.array(v.object({ name: v.string(), ...entries })) }) }) }),
  })
const imageSchema = containers({ image: v.string() })
const argumentsSchema = containers({ args: v.array(v.string()) })
const replicasSchema = v.object({ spec: v.object({ replicas: v.number() }) })
const labelsSchema = v.object({ metadata: v.object({ labels: v.record(v.string(), v.string()) }) })
const selectorSchema = v.object({ spec: v.object({ selector: v.record(v.string(), v.string()) }) })
const rulesSchema = v.object({ rules: v.array(v.unknown()) })
const subjectsSchema = v.object({ subjects: v.array(v.looseObject({ name: v.string() })) })
const dataSchema = v.object({ data: v.record(v.string(), v.string()) })

const inContainers = (containersNow: readonly object[]): Record<string, unknown> => ({
  spec: { template: { spec: { containers: containersNow } } },
})
/** The labels by which Flux's parts are reported from others. */
const labels = (live: KubeObject): Damage[] =>
  altered(live, 'labels altered', {
    schema: labelsSchema,
    fields: ({ metadata }) => ({
      metadata: {
        ...manifestOf(refOf(live)).metadata,
        labels: Object.fromEntries(
          Object.keys(metadata.labels)
            .filter(isFluxs)
            .map((name) => [name, 'altered']),
        ),
      },
    }),
  })
const isFluxs = (name: string): boolean => /^(app\.kubernetes\.io\/|control-plane$)/.test(name)

/** Helm makes another record of the same release, at another time. */
function isReadable(now: KubeObject | undefined): boolean {
  return now !== undefined && now.metadata.deletionTimestamp === undefined && decodeRelease(now).is === 'read'
}

const alterations: Readonly<Record<string, (live: KubeObject) => Damage[]>> = {
  Deployment: (live) => [
    ...altered(live, 'image altered', {
      schema: imageSchema,
      fields: ({ spec }) =>
        inContainers(spec.template.spec.containers.map(({ name, image }) => ({ name, image: image.replace(/:[^:/]*$/, ':v0.0.1') }))),
    }),
    ...altered(live, 'replicas 0', { schema: replicasSchema, fields: () => ({ spec: { replicas: 0 } }) }),
    ...altered(live, 'arguments altered', {
      schema: argumentsSchema,
      fields: ({ spec }) =>
        inContainers(spec.template.spec.containers.map(({ name, args }) => ({ name, args: [...args, '--no-such-flag=drill'] }))),
    }),
    ...labels(live),
  ],
  Service: (live) =>
    altered(live, 'selector altered', { schema: selectorSchema, fields: () => ({ spec: { selector: { app: 'nobody' } } }) }),
  Secret: (live) =>
    altered(live, 'entries altered', {
      schema: dataSchema,
      fields: ({ data }) => ({
        data: Object.fromEntries(Object.keys(data).map((key) => [key, Buffer.from('not the right one').toString('base64')])),
      }),
    }).map((damage) => (decodeRelease(live).is === 'read' ? { ...damage, isBack: isReadable } : damage)),
  Role: (live) => altered(live, 'rules emptied', { schema: rulesSchema, fields: () => ({ rules: [] }) }),
  ClusterRole: (live) => altered(live, 'rules emptied', { schema: rulesSchema, fields: () => ({ rules: [] }) }),
  RoleBinding: subjects,
  ClusterRoleBinding: subjects,
  Namespace: labels,
}

function subjects(live: KubeObject): Damage[] {
  return altered(live, 'subject altered', {
    schema: subjectsSchema,
    fields: (now) => ({
      ...('roleRef' in live ? { roleRef: live.roleRef } : {}),
      subjects: now.subjects.map((subject) => ({ ...subject, name: 'nobody' })),
    }),
  })
}
