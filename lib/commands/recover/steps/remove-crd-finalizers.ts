import * as v from 'valibot'
import { counted } from '../../../base/counted.ts'
import { inParallel } from '../../../base/parallel.ts'
import { readFluxCrds } from '../../../flux/crds.ts'
import { type HeldObject, readHeldObjects } from '../../../flux/held-objects.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { kindArgument, kinds, type KubeObject, nameOf } from '../../../kubernetes/objects.ts'
import type { Step } from '../../../runner/step.ts'
import { removeFinalizers } from '../../teardown/steps/finalizers.ts'

/** A CustomResourceDefinition that is being deleted. */
export interface TerminatingCrd {
  readonly name: string
  readonly group: string
  readonly kind: string
}

const crdSchema = v.object({ spec: v.object({ group: v.string(), names: v.object({ kind: v.string() }) }) })

/** Those of them that are being deleted. */
export function terminatingIn(crds: readonly KubeObject[]): TerminatingCrd[] {
  return crds
    .filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
    .map((crd) => {
      const { group, names } = v.parse(crdSchema, crd).spec
      return { name: crd.metadata.name, group, kind: names.kind }
    })
}

/** The objects of these kinds that finalizers hold. */
export async function heldIn(cluster: Cluster, crds: readonly TerminatingCrd[]): Promise<HeldObject[]> {
  const { held } = await readHeldObjects(cluster)
  return held.filter(({ ref }) => crds.some(({ group, kind }) => ref.kind === kind && ref.apiVersion.startsWith(`${group}/`)))
}

/**
 * Removes Flux's finalizers from the objects of kinds that are being deleted, with nothing of Flux running: what they deployed stays, and who
 * makes them again finds it. Waits until the definitions are gone, which can be applied again only then; those too that an operator began to
 * delete before it was stopped.
 */
export function ensureCrdFinalizersRemoved(): Step {
  const left = async (cluster: Cluster): Promise<TerminatingCrd[]> => terminatingIn(await readFluxCrds(cluster))
  return {
    id: 'crds-let-go',
    title: "Remove Flux's finalizers from objects whose CustomResourceDefinition is being deleted",
    risk: 'destroy',
    async check({ cluster }) {
      const terminating = await left(cluster)
      if (terminating.length === 0) return { is: 'done', detail: 'none is being deleted' }
      const own = (await heldIn(cluster, terminating)).filter(({ hasOwn }) => hasOwn)
      const [first] = own
      if (first === undefined) return { is: 'waiting', on: `${terminating.map(({ name }) => name).join(', ')} to be gone` }
      const { ref } = first
      return {
        is: 'todo',
        change: `remove Flux's finalizers from ${counted(own.length, 'object')}, as ${nameOf(ref)}; what they deployed stays`,
        commands: [
          `kubectl --namespace ${ref.namespace ?? ''} patch ${kindArgument(ref)} ${ref.name} --type=merge --patch '{"metadata":{"finalizers":null}}'   # and so on for each of them`,
        ],
        details: own.slice(0, 20).map((one) => nameOf(one.ref)),
      }
    },
    async apply({ cluster, timeout }) {
      const own = (await heldIn(cluster, await left(cluster))).filter(({ hasOwn }) => hasOwn)
      await inParallel(own, 32, (one) => removeFinalizers(cluster, one, timeout))
    },
    watches: [{ kind: kinds.crd, query: {} }],
  }
}
