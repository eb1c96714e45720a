import { describe, expect, test } from 'vitest'
import { judgeDeployment } from '../../../lib/health/deployments.ts'
import { kinds, type KubeObject, parseObject } from '../../../lib/kubernetes/objects.ts'
import { ensureLostPodsReplaced } from '../../../lib/commands/recover/steps/lost-pods.ts'
import { given, stage } from '../run-stage.ts'
import { snapshotOf } from './found-by.ts'

const namespace = 'flux-system'
const since = '2026-11-30T00:00:00Z'
const name = 'source-controller'
const deployment = (availableReplicas: number): KubeObject =>
  parseObject({
    ...kinds.deployment,
    metadata: { namespace, name, generation: 1 },
    spec: { replicas: 1, selector: { matchLabels: { app: name } } },
    status: { availableReplicas, updatedReplicas: 1, replicas: 1, observedGeneration: 1 },
  })
const pod = (nodeName: string, uid: string): KubeObject =>
  parseObject({ ...kinds.pod, metadata: { namespace, name: uid, uid, labels: { app: name } }, spec: { nodeName }, status: {} })
const node = (name: string, status: string): KubeObject =>
  parseObject({
    ...kinds.node,
    metadata: { name },
    status: { conditions: [{ type: 'Ready', status, reason: 'NodeStatusUnknown', message: '', lastTransitionTime: since }] },
  })

describe('a controller that is not available', () => {
  const failure = async (...objects: readonly KubeObject[]) => (await judgeDeployment(deployment(0), snapshotOf(objects))).fail
  test('is on a node that does not answer, which is named', async () => {
    expect(await failure(pod('n1', 'old'), node('n1', 'Unknown'))).toMatchObject({
      reason: `0 of 1 pods available: Pod old is on Node n1, which is not Ready since ${since} (NodeStatusUnknown)`,
      next: 'kubectl describe node n1',
      damage: 'node-lost',
    })
    expect(await failure(pod('n1', 'old'))).toMatchObject({ reason: '0 of 1 pods available: Pod old is on Node n1, which does not exist' })
  })
  test('is not, where its node answers', async () => {
    expect(await failure(pod('n1', 'old'), node('n1', 'True'))).not.toHaveProperty('damage')
  })
})

test('pods on lost nodes are deleted, and no others; then their Deployment is waited for', async () => {
  let pods = [pod('n1', 'lost'), pod('n2', 'fine')]
  const all = (): KubeObject[] => [deployment(pods.length === 1 ? 1 : 0), ...pods, node('n1', 'Unknown'), node('n2', 'True')]
  const removed: string[] = []
  const world = {
    cluster: {
      ...snapshotOf(all()).cluster,
      get: () => Promise.resolve(deployment(1)),
      remove(_: object, { uid }: { uid: string }) {
        removed.push(uid)
        pods = pods.filter(({ metadata }) => metadata.uid !== uid)
        return Promise.resolve()
      },
    },
  }
  const step = ensureLostPodsReplaced([{ ...kinds.deployment, namespace, name }], () => snapshotOf(all()))
  const { failure } = await stage([step], given, undefined, {}, { world }).result
  expect(failure).toBeUndefined()
  expect(removed).toEqual(['lost'])
})
