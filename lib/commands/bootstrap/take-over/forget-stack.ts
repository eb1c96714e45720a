import { join } from 'node:path'
import { counted } from '../../../base/counted.ts'
import { inParallel } from '../../../base/parallel.ts'
import { shellQuote } from '../../../base/shell-line.ts'
import { putFile } from '../../../base/write-atomic.ts'
import { isFluxKind } from '../../../flux/api-groups.ts'
import { hasPulumi } from '../../../flux/installer.ts'
import { isMadeByOperator } from '../../../flux/labels.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { getMetadata } from '../../../kubernetes/metadata.ts'
import { kinds, kubectlCall, nameOf, type Ref } from '../../../kubernetes/objects.ts'
import { blocks, type Finding, notice } from '../../../preflight/preflight.ts'
import type { Step } from '../../../runner/step.ts'
import type { StackState } from '../pulumi-output.ts'
import type { Stack } from '../pulumi-stack.ts'
import { keptIdentities } from './identities.ts'

/**
 * What keeps Pulumi from letting go of a Flux that it has in a stack.
 * @param hasBegun that this run may have taken it out of the state already
 */
export function judgeStackFlux(
  { name, typed }: Pick<Stack, 'name' | 'typed'>,
  { flux }: Pick<StackState, 'flux'>,
  hasBegun: boolean,
): Finding[] {
  if (flux.components.length === 0 && !hasBegun) {
    return [
      notice(
        `the Pulumi stack ${name} has no component FluxBootstrap: which of its resources are Flux's is not known, and they stay in its state`,
        `afterwards, for each of them: ${typed('state delete URN')}`,
      ),
    ]
  }
  if (flux.dependents.length === 0) return []
  return [
    blocks(
      `resources of the Pulumi stack ${name} depend on its Flux, and would leave the state with it: ${flux.dependents.join(', ')}`,
      `remove that dependency from the program, then: ${typed('up')}`,
    ),
  ]
}

/** Whether an object may go with Pulumi: logins are a person's, and all else of Flux's hangs on its namespace and CustomResourceDefinitions. */
function mayGo(ref: Ref): boolean {
  return !isFluxKind(ref) && ![kinds.crd, kinds.namespace, kinds.secret].some(({ kind }) => kind === ref.kind)
}

/** Deletes what the stack has made under other names than the operator gives: roles, and what binds them. */
export function ensureStackLeftoversGone(stack: Stack): Step {
  const left = async (cluster: Cluster): Promise<{ ref: Ref; uid: string }[]> => {
    const { flux } = await stack.readState()
    const found = await inParallel(flux.objects.filter(mayGo), 8, async (ref) => {
      const live = await getMetadata(cluster, ref)
      return live?.metadata.uid !== undefined && hasPulumi(live) && !isMadeByOperator(live) ? [{ ref, uid: live.metadata.uid }] : []
    })
    return found.flat()
  }
  return {
    id: 'stack-leftovers',
    title: `Delete what the Pulumi stack ${stack.name} had made that flux-operator does not have`,
    risk: 'destroy',
    async check({ cluster, memory }) {
      if (keptIdentities(memory) === undefined) return { is: 'waiting', on: 'flux-operator to have applied Flux' }
      const found = await left(cluster)
      if (found.length === 0) return { is: 'done', detail: 'there is none' }
      return {
        is: 'todo',
        change: `delete ${counted(found.length, 'object')}: ${found.map(({ ref }) => nameOf(ref)).join(', ')}`,
        commands: found.map(({ ref }) => kubectlCall('delete', ref)),
      }
    },
    async apply({ cluster }) {
      await inParallel(await left(cluster), 8, ({ ref, uid }) => cluster.remove(ref, { uid }))
    },
  }
}

/** Takes Flux out of a stack's state, without deleting anything: the next `pulumi up` would revert what the operator does, and a destroy delete it. */
export function ensureStackForgotten(stack: Stack): Step {
  return {
    id: 'forget-stack',
    title: `Remove Flux from the state of the Pulumi stack ${stack.name}, without deleting it`,
    risk: 'destroy',
    async check() {
      const { flux } = await stack.readState()
      if (flux.components.length === 0) return { is: 'done', detail: 'it is not in there' }
      return {
        is: 'todo',
        change: `remove ${counted(flux.objects.length, 'object')} of Flux from the state; in the cluster they stay. The state as it is now is kept in the run's folder`,
        commands: flux.components.map((urn) => stack.typed(`state delete ${shellQuote(urn)} --target-dependents`)),
      }
    },
    async apply({ memory }) {
      putFile(join(memory.folder(), 'pulumi-state.json'), await stack.exportState())
      await stack.forget((await stack.readState()).flux.components)
    },
  }
}
