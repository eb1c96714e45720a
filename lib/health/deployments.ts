import * as v from 'valibot'
import { type KubeObject, nameOf, refOf } from '../cluster/objects.ts'
import { troubleOf as waitingReasons } from '../cluster/readiness.ts'
import type { Trouble } from './probe.ts'
import type { Scene } from './scene.ts'

const conditionsSchema = v.optional(
  v.array(v.object({ type: v.string(), status: v.string(), lastTransitionTime: v.optional(v.string()) })),
  [],
)
const deploymentSchema = v.object({
  spec: v.object({
    replicas: v.optional(v.number(), 1),
    selector: v.object({ matchLabels: v.optional(v.record(v.string(), v.string()), {}) }),
    template: v.object({ spec: v.object({ containers: v.array(v.object({ image: v.string() })) }) }),
  }),
  status: v.optional(v.object({ availableReplicas: v.optional(v.number(), 0), conditions: conditionsSchema }), {}),
})
const podSchema = v.object({
  status: v.object({
    containerStatuses: v.optional(
      v.array(
        v.object({
          restartCount: v.optional(v.number(), 0),
          lastState: v.optional(
            v.object({
              terminated: v.optional(
                v.object({
                  exitCode: v.optional(v.number(), 0),
                  reason: v.optional(v.string(), ''),
                  finishedAt: v.optional(v.string(), ''),
                }),
              ),
            }),
            {},
          ),
        }),
      ),
      [],
    ),
  }),
})

/** A controller that restarted longer ago than this has got over it, in milliseconds. */
const recently = 10 * 60_000

/** The image that a Deployment's first container has, without its digest. */
export function imageOf(deployment: KubeObject): string {
  const { containers } = v.parse(deploymentSchema, deployment).spec.template.spec
  return (containers[0]?.image ?? '').split('@')[0] ?? ''
}

/** What is wrong with a Deployment: `fail` where it is not available, `warn` where it restarted a while ago. */
export async function judgeDeployment(deployment: KubeObject, scene: Scene): Promise<{ fail?: Trouble; warn?: Trouble }> {
  const { spec, status } = v.parse(deploymentSchema, deployment)
  const labels = Object.entries(spec.selector.matchLabels)
  const isIts = ({ metadata }: KubeObject): boolean => labels.every(([name, value]) => metadata.labels[name] === value)
  const pods = (await scene.pods()).filter(isIts)
  const object = nameOf(refOf(deployment))
  const selector = labels.map(([name, value]) => `${name}=${value}`).join(',')
  const logs = `${scene.kubectl} --namespace ${deployment.metadata.namespace} logs --selector ${selector} --tail=50`
  if (spec.replicas === 0) {
    return { fail: { object, reason: 'is scaled to 0: nobody does its work', next: scaleUp(deployment, scene.kubectl) } }
  }
  if (status.availableReplicas < spec.replicas) {
    const reasons = [...new Set(pods.flatMap(waitingReasons))]
    const since = status.conditions.find(({ type }) => type === 'Available')?.lastTransitionTime
    const why = reasons.length === 0 ? '' : `: ${reasons.join('; ')}`
    const reason = `${status.availableReplicas} of ${spec.replicas} pods available${why}`
    return { fail: { object, reason, ...(since === undefined ? {} : { since }), next: logs } }
  }
  const restarted = pods
    .flatMap((pod) => v.parse(podSchema, pod).status.containerStatuses)
    .filter(({ lastState }) => {
      const ended = lastState.terminated?.finishedAt ?? ''
      return ended !== '' && scene.now - Date.parse(ended) < recently
    })
  const [first] = restarted
  const last = first?.lastState.terminated
  if (first === undefined || last === undefined) return {}
  const reason = `restarted ${first.restartCount} times; the last time it ended with ${last.reason === '' ? '' : `${last.reason}, `}exit code ${last.exitCode}`
  return { warn: { object, reason, since: last.finishedAt, next: `${logs} --previous` } }
}

function scaleUp({ metadata }: KubeObject, kubectl: string): string {
  return `${kubectl} --namespace ${metadata.namespace} scale deployment ${metadata.name} --replicas=1`
}
