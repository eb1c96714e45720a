import * as v from 'valibot'
import { expect } from 'vitest'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { isRequested, requestReconcile } from '../../lib/flux/reconcile-request.ts'
import { readinessOf } from '../../lib/flux/readiness.ts'
import { type Kind, kinds, type KubeObject, nameOf, type Ref, refOf } from '../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { onChange } from '../../lib/kubernetes/watch.ts'
import type { Ended, TestLab } from './harness.ts'

export const namespace = 'flux-system'
export const operator: Ref = { ...kinds.deployment, namespace, name: 'flux-operator' }
export const instance: Ref = { ...fluxKinds.fluxInstance, namespace, name: 'flux' }
export const source: Ref = { ...fluxKinds.gitRepository, namespace, name: namespace }
export const root: Ref = { ...fluxKinds.kustomization, namespace, name: namespace }
export const crdOfKustomizations: Ref = { ...kinds.crd, name: 'kustomizations.kustomize.toolkit.fluxcd.io' }

const documentSchema = v.object({
  outcome: v.string(),
  exitCode: v.number(),
  healthy: v.optional(v.boolean()),
  disasters: v.optional(v.array(v.object({ id: v.string(), because: v.string() })), []),
  steps: v.array(v.object({ id: v.string(), state: v.string(), detail: v.string() })),
})
export const documentOf = ({ stdout }: Ended): v.InferOutput<typeof documentSchema> =>
  v.parse(v.pipe(v.string(), v.parseJson(), documentSchema), stdout)

/** A cluster that is broken and recovered. */
export interface Recovery {
  readonly cluster: Cluster
  /** Recovers, and expects it to end in health; returns what was recognised and what was done. */
  readonly recover: (...flags: readonly string[]) => Promise<{ ids: string[]; steps: string[]; reported: string }>
  /** Waits on watches of these kinds until it is so. */
  readonly until: (isSo: () => Promise<boolean>, ...watched: readonly Kind[]) => Promise<void>
  /** Deletes these very objects, and waits until they are gone. */
  readonly remove: (...objects: readonly KubeObject[]) => Promise<void>
  /** Deletes an object that its finalizers then hold, and waits until that is asked for. */
  readonly removeHeld: (ref: Ref) => Promise<void>
  /** The object, which must exist. */
  readonly there: (ref: Ref) => Promise<KubeObject>
  /** The UIDs of objects by their names: unless they are the same, what bears the name was deleted and recreated. */
  readonly uidsOf: (...refs: readonly Ref[]) => Promise<Record<string, string | undefined>>
  readonly controllers: () => Promise<KubeObject[]>
  /** Asks its controller to reconcile it, and does not wait for that. */
  readonly ask: (ref: Ref) => Promise<void>
  /** Has its controller reconcile now, so that the next reconciliation, which would repair what is broken, is a whole interval away. */
  readonly justChecked: (ref: Ref) => Promise<void>
}

export async function openRecovery(lab: TestLab): Promise<Recovery> {
  const cluster = await lab.cluster('lab-infra')
  const until = (isSo: () => Promise<boolean>, ...watched: readonly Kind[]): Promise<void> => untilSo(cluster, isSo, watched)
  const there = async (ref: Ref): Promise<KubeObject> => {
    const object = await cluster.get(ref)
    if (object === undefined) throw new Error(`${ref.kind} ${ref.name} does not exist`)
    return object
  }
  return {
    cluster,
    until,
    there,
    async recover(...flags) {
      const ended = await lab.run('recover', ['--lab', '--yes', '--json', ...flags])
      expect(ended.code, ended.stderr).toBe(0)
      const { healthy, disasters, steps } = documentOf(ended)
      expect(healthy).toBe(true)
      return { ids: disasters.map(({ id }) => id), steps: steps.map(({ id, state }) => `${id} ${state}`), reported: ended.stderr }
    },
    async remove(...objects) {
      for (const object of objects) {
        const ref = refOf(object)
        const { uid = '' } = object.metadata
        await cluster.remove(ref, { uid })
        await until(async () => (await cluster.get(ref))?.metadata.uid !== uid, ref)
      }
    },
    async removeHeld(ref) {
      const { uid = '' } = (await there(ref)).metadata
      await cluster.remove(ref, { uid })
      await until(async () => (await there(ref)).metadata.deletionTimestamp !== undefined, ref)
    },
    uidsOf: async (...refs) =>
      Object.fromEntries(await Promise.all(refs.map(async (ref) => [nameOf(ref), (await cluster.get(ref))?.metadata.uid]))),
    controllers: () => cluster.list(kinds.deployment, { namespace, labels: 'app.kubernetes.io/part-of=flux' }),
    ask: async (ref) =>
      void (await cluster.patch(ref, { metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': new Date().toISOString() } } })),
    async justChecked(ref) {
      await requestReconcile(cluster, ref)
      const isDone = (object: KubeObject): boolean => !isRequested(object) && readinessOf(object).is === 'ready'
      await until(async () => isDone(await there(ref)), ref)
    },
  }
}

async function untilSo(cluster: Cluster, isSo: () => Promise<boolean>, watched: readonly Kind[]): Promise<void> {
  const changes = onChange(
    cluster,
    watched.map((kind) => ({ kind, query: {} })),
  )
  const deadline = Date.now() + 180_000
  try {
    while (!(await isSo())) {
      if (Date.now() > deadline) throw new Error(`${watched.map(({ kind }) => kind).join(', ')}: not so after three minutes`)
      await changes.next(2000)
    }
  } finally {
    changes.stop()
  }
}
