import * as v from 'valibot'
import { printable } from '../base/shell-line.ts'
import { servicesOf } from '../flux/components.ts'
import { componentsIn, shardsIn } from '../flux/installer.ts'
import { cliFlags } from '../flux/reinstall.ts'
import { kinds, type KubeObject, type Ref } from '../kubernetes/objects.ts'
import type { Part } from './part.ts'
import type { Snapshot } from './snapshot.ts'

const podSchema = v.object({
  spec: v.object({ template: v.object({ spec: v.object({ serviceAccountName: v.optional(v.string(), 'default') }) }) }),
})
const service = { apiVersion: 'v1', kind: 'Service' }
const rbac = 'rbac.authorization.k8s.io/v1'

/**
 * What `flux install` has put beside the controllers, which keeps no list of it: what they cannot do without. What people leave out for a
 * reason, as the binding to cluster-admin, is not among it.
 */
export async function partsOfCli(snapshot: Snapshot): Promise<Part[]> {
  const { installedBy, expectsOperator } = await snapshot.installed()
  if (installedBy !== 'cli' || expectsOperator) return []
  const { follows, namespace, ...installation } = await snapshot.installation()
  if (follows?.appliesItself === true) return [] // its inventory is the list
  const own = (await snapshot.deployments()).filter((one) => componentsIn(one).length > 0 && shardsIn(one).length === 0)
  const keeper = { is: 'person', command: commandOf(snapshot, { ...installation, namespace }, own) } as const
  const names = [`crd-controller-${namespace}`].flatMap((name) => [
    { apiVersion: rbac, kind: 'ClusterRole', name },
    { apiVersion: rbac, kind: 'ClusterRoleBinding', name },
  ])
  const refs = own.length === 0 ? [] : [...own.flatMap((one) => refsOf(one, namespace)), ...names]
  return refs.map((ref) => ({ ref, by: 'flux install', keeper }))
}

function refsOf(deployment: KubeObject, namespace: string): Ref[] {
  const account = v.parse(podSchema, deployment).spec.template.spec.serviceAccountName
  const services = componentsIn(deployment).flatMap(servicesOf)
  return [{ ...kinds.serviceAccount, namespace, name: account }, ...services.map((name) => ({ ...service, namespace, name }))]
}

function commandOf({ where }: Snapshot, installation: Parameters<typeof cliFlags>[0], own: readonly KubeObject[]): string {
  // Without the flag it makes the NetworkPolicies, or leaves them.
  return `${printable(['flux', 'install', ...cliFlags(installation, own, true)])} ${where.replace(/^--lab /, '')}`
}
