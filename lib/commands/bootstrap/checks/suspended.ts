import { describeSuspension, isSuspended, suspensionIn } from '../../../flux/suspension.ts'
import { findInstance } from '../../../flux/refs.ts'
import { nameOf, refOf } from '../../../kubernetes/objects.ts'
import type { Cluster } from '../../../kubernetes/client.ts'

/** That the FluxInstance is suspended, and how it is resumed: what a bootstrap puts there is then looked after by no operator. */
export async function checkSuspended(cluster: Cluster, where: string): Promise<string[]> {
  const instance = await findInstance(cluster)
  if (instance === undefined || !isSuspended(instance)) return []
  const { kind, namespace, name } = refOf(instance)
  const what = `${nameOf(refOf(instance))} is ${describeSuspension(suspensionIn(instance.metadata))}: its operator neither installs nor repairs anything`
  return [`${what}\n   → npx zx scripts/recover.ts ${where} --resume-suspended ${kind}/${namespace}/${name}`]
}
