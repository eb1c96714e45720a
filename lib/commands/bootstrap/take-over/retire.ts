import * as v from 'valibot'
import { counted } from '../../../base/counted.ts'
import { controllerNames } from '../../../flux/components.ts'
import { isMadeByOperator } from '../../../flux/labels.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { kindArgument, kinds, type KubeObject, nameOf, type Ref, refOf } from '../../../kubernetes/objects.ts'
import { selectorOf } from '../../../kubernetes/selector.ts'
import type { Step } from '../../../runner/step.ts'
import type { HelmRelease } from './origin.ts'

const service = { apiVersion: 'v1', kind: 'Service' } as const

/**
 * Deletes a Deployment that runs all controllers in one, before the operator makes one for each: two of a kind would both reconcile. Its
 * Services go too, or they would select no pod: the operator adds its own selector to theirs. So does Timoni's record of all of it, by which
 * `timoni delete` would take the CustomResourceDefinitions along.
 */
export function ensureReplaced(together: KubeObject): Step {
  const ref = refOf(together)
  const { namespace = '', name } = together.metadata
  return {
    id: 'replace',
    title: `Delete ${nameOf(ref)}, which runs all controllers in one`,
    risk: 'destroy',
    async check({ cluster }) {
      const left = await partsOf(cluster, together)
      if (left.length > 0) {
        return {
          is: 'todo',
          change: `delete ${left.map((one) => nameOf(refOf(one))).join(', ')}: nothing is reconciled until flux-operator has installed Flux; workloads keep running`,
          commands: left.map((one) => deletionOf(refOf(one))),
        }
      }
      const pods = await cluster.list(kinds.pod, { namespace, labels: selectorOf(together) })
      if (pods.length > 0) return { is: 'waiting', on: `${pods.map(({ metadata }) => metadata.name).join(', ')} to end` }
      return { is: 'done', detail: `${name} and its pods are gone` }
    },
    async apply({ cluster }) {
      for (const one of await partsOf(cluster, together)) await cluster.remove(refOf(one), { uid: one.metadata.uid ?? '' })
    },
    watches: [kinds.deployment, kinds.pod].map((kind) => ({ kind, query: { namespace } })),
  }
}

function deletionOf(ref: Ref): string {
  return `kubectl --namespace ${ref.namespace ?? ''} delete ${kindArgument(ref)} ${ref.name}`
}

const podSchema = v.object({
  spec: v.object({
    template: v.object({ metadata: v.object({ labels: v.optional(v.record(v.string(), v.string()), {}) }) }),
  }),
})
const serviceSchema = v.object({ spec: v.object({ selector: v.optional(v.record(v.string(), v.string()), {}) }) })

/** Those that the operator applies too. Another one that leads to these pods is a person's, and stays. */
const servicesOfFlux: readonly string[] = [...controllerNames, 'webhook-receiver']

/** What is there of it that would be in the operator's way. */
async function partsOf(cluster: Cluster, together: KubeObject): Promise<KubeObject[]> {
  const ref = refOf(together)
  const { namespace = '', name } = together.metadata
  const [deployment, record, services] = await Promise.all([
    cluster.get(ref),
    cluster.get({ ...kinds.secret, namespace, name: `timoni.${name}` }),
    cluster.list(service, { namespace }),
  ])
  const selecting = services.filter((one) => servicesOfFlux.includes(one.metadata.name) && !isMadeByOperator(one) && selects(one, together))
  return [...(deployment === undefined ? [] : [deployment]), ...selecting, ...(record === undefined ? [] : [record])]
}

/** Whether a Service leads to the pods of a Deployment. */
export function selects(one: KubeObject, deployment: KubeObject): boolean {
  const { selector } = v.parse(serviceSchema, one).spec
  const { labels } = v.parse(podSchema, deployment).spec.template.metadata
  const wanted = Object.entries(selector)
  return wanted.length > 0 && wanted.every(([key, value]) => labels[key] === value)
}

/** Deletes what Helm keeps of a release that the operator has taken over: `helm uninstall` would delete Flux with its CustomResourceDefinitions. */
export function ensureReleaseForgotten({ namespace, name }: HelmRelease): Step {
  const labels = `owner=helm,name=${name}`
  const stored = (cluster: Cluster): Promise<KubeObject[]> => cluster.list(kinds.secret, { namespace, labels })
  return {
    id: 'forget-release',
    title: `Delete Helm's record of release ${name}, without uninstalling it`,
    risk: 'destroy',
    async check({ cluster }) {
      const left = await stored(cluster)
      if (left.length === 0) return { is: 'done', detail: 'Helm has no record of it' }
      return {
        is: 'todo',
        change: `delete the ${counted(left.length, 'Secret')} in ${namespace} that Helm keeps release ${name} in; what it installed stays`,
        commands: [`kubectl --namespace ${namespace} delete secrets --selector ${labels}`],
      }
    },
    async apply({ cluster }) {
      for (const one of await stored(cluster)) await cluster.remove(refOf(one), { uid: one.metadata.uid ?? '' })
    },
    watches: [],
  }
}
