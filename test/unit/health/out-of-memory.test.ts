import { expect, test } from 'vitest'
import { judgeDeployment } from '../../../lib/health/deployments.ts'
import type { Snapshot } from '../../../lib/health/snapshot.ts'
import { clusterOf } from '../fake-cluster.ts'
import { type KubeObject, parseObject } from '../../../lib/kubernetes/objects.ts'

const namespace = 'flux-system'
const ended = { exitCode: 137, reason: 'OOMKilled', finishedAt: '2026-01-02T03:00:00Z' }

function deployment(name: string, memory: string, availableReplicas: number): KubeObject {
  const labels = { app: name }
  const containers = [{ name: 'manager', resources: { limits: { memory } } }]
  return parseObject({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers } } },
    status: { availableReplicas },
  })
}

function judged(name: string, memory: string, available: number, status: object): ReturnType<typeof judgeDeployment> {
  const pod = parseObject({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `${name}-1`, namespace, labels: { app: name } },
    status: { containerStatuses: [{ restartCount: 3, ...status }] },
  })
  const snapshot = {
    kubectl: 'kubectl',
    cluster: clusterOf(() => []),
    get: () => Promise.resolve(undefined),
    now: Date.parse('2026-01-02T03:05:00Z'),
    pods: () => Promise.resolve([pod]),
  } satisfies Partial<Snapshot>
  return judgeDeployment(deployment(name, memory, available), snapshot)
}

test('a controller that was killed for its memory lately is reported with its limit, and what raises it', async () => {
  expect(await judged('kustomize-controller', '256Mi', 1, { lastState: { terminated: ended } })).toEqual({
    warn: {
      object: 'Deployment flux-system/kustomize-controller',
      reason: 'restarted 3 times; the last time it ended with OOMKilled, exit code 137: it needed more memory than its limit of 256Mi',
      since: '2026-01-02T03:00:00Z',
      next: 'raise its memory limit in Git to twice that (kustomize_memory_limit in settings.yaml), and push',
    },
  })
})

test.each([
  ['flux-operator', 'operator_memory_limit'],
  ['source-controller', 'controllers_memory_limit'],
])('%s that is not available because of its memory: %s', async (name, setting) => {
  const waiting = { reason: 'CrashLoopBackOff', message: 'back-off' }
  expect(await judged(name, '32Mi', 0, { state: { waiting }, lastState: { terminated: ended } })).toEqual({
    fail: {
      object: `Deployment flux-system/${name}`,
      reason: '0 of 1 pods available: OOMKilled: it needs more memory than its limit of 32Mi; CrashLoopBackOff after 3 restarts: back-off',
      next: `raise its memory limit in Git to twice that (${setting} in settings.yaml), and push`,
    },
  })
})

test('one that ended in another way is reported as before', async () => {
  const { warn } = await judged('source-controller', '256Mi', 1, { lastState: { terminated: { ...ended, exitCode: 1, reason: 'Error' } } })
  expect(warn).toMatchObject({
    reason: 'restarted 3 times; the last time it ended with Error, exit code 1',
    next: 'kubectl --namespace flux-system logs --selector app=source-controller --tail=50 --previous',
  })
})
