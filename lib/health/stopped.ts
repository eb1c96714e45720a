import { apiGroups, isOfGroup } from '../flux/api-groups.ts'
import { controllerOf, isSharded } from '../flux/components.ts'
import type { Installation } from '../flux/installation.ts'
import { componentsIn, selectsByLabel, shardsIn } from '../flux/installer.ts'
import { isOperator, operatorName } from '../flux/labels.ts'
import type { FluxObject } from '../flux/object.ts'
import type { Kind, KubeObject } from '../kubernetes/objects.ts'

/** An object that a controller reconciles, by what decides which one does. */
export interface Reconciled {
  readonly ref: Kind
  readonly labels: FluxObject['labels']
}

/** What there is to reconcile an object with. */
interface Running {
  readonly installation: Pick<Installation, 'components' | 'expectsOperator' | 'shardLabel' | 'version'>
  readonly deployments: readonly KubeObject[]
  readonly isRunning: (deployment: KubeObject) => boolean
}

/** The controller that is to reconcile an object, of its shard, if none of its Deployments runs; undefined where one does. */
export function stoppedController({ ref, labels }: Reconciled, flux: Running): string | undefined {
  const { installation, deployments, isRunning } = flux
  if (isOfGroup(ref, apiGroups.operator)) {
    return installation.expectsOperator && !deployments.filter(isOperator).some(isRunning) ? operatorName : undefined
  }
  const controller = controllerOf(ref)
  // One that is not part of this Flux leaves its objects to nobody, which is reported as such.
  if (controller === undefined || !installation.components.includes(controller)) return undefined
  const shard = isSharded(controller, installation.version) ? labels[installation.shardLabel] : undefined
  const own = deployments.filter((deployment) => {
    if (!componentsIn(deployment).includes(controller)) return false
    const shards = shardsIn(deployment)
    return shard === undefined ? shards.length === 0 : shards.includes(shard) || !selectsByLabel(deployment)
  })
  if (own.some(isRunning)) return undefined
  return shard === undefined ? controller : `${controller} of shard ${shard}`
}
