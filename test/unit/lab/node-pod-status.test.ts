import { describe, expect, test } from 'vitest'
import { deploymentOf } from '../../../lab/node/pod-spec.ts'
import { conditionsNow, type ContainerFacts, type ContainerState, podStatusOf, type Terminated } from '../../../lab/node/pod-status.ts'
import { podOf } from '../node-pod.ts'

const early = '2026-01-01T00:00:00Z'
const late = '2026-01-01T00:01:00Z'
const exit = (exitCode: number): Terminated => ({ is: 'terminated', exitCode, startedAt: early, finishedAt: late })
const running = (ready: boolean): ContainerState => ({ is: 'running', startedAt: early, ready })
const waiting = (reason: string): ContainerState => ({ is: 'waiting', reason, message: 'because' })

const container = (state: ContainerState, last?: Terminated): ContainerFacts => ({
  name: 'manager',
  image: 'x:1',
  imageId: 'lab://process/x:1',
  id: 'lab://1',
  restarts: 2,
  state,
  last,
})
const status = (containers: ContainerFacts[], restartPolicy = 'Always', before: Parameters<typeof podStatusOf>[2] = []) =>
  podStatusOf(
    podOf({ spec: { restartPolicy }, metadata: { generation: 3 } }),
    { ip: '10.244.0.2', startTime: early, containers },
    before,
    late,
  )

describe("a pod's phase", () => {
  test.each([
    ['Pending', 'Always', [container(waiting('ErrImagePull'))]],
    ['Running', 'Always', [container(running(false))]],
    ['Running', 'Always', [container(waiting('CrashLoopBackOff'), exit(1))]],
    ['Running', 'Always', [container(exit(0))]],
    ['Pending', 'Always', [container(running(true)), container(waiting('ContainerCreating'))]],
    ['Succeeded', 'Never', [container(exit(0))]],
    ['Failed', 'OnFailure', [container(exit(0)), container(exit(3))]],
    ['Running', 'Never', [container(exit(0)), container(running(true))]],
  ])('%s where the pod restarts %s', (phase, restartPolicy, containers) => {
    expect(status(containers, restartPolicy).phase).toBe(phase)
  })
})

describe("a pod's conditions", () => {
  const ready = (of: ReturnType<typeof status>) => of.conditions.find(({ type }) => type === 'Ready')

  test('are Ready only when every container is', () => {
    expect(ready(status([container(running(true))]))).toMatchObject({ status: 'True' })
    expect(ready(status([container(running(true)), container(running(false))]))).toMatchObject({
      status: 'False',
      reason: 'ContainersNotReady',
      message: 'containers with unready status: [manager]',
    })
    expect(ready(status([container(exit(0))], 'Never'))).toMatchObject({ status: 'False', reason: 'PodCompleted' })
  })

  test('keep the time of their last change, and what others have written', () => {
    const before = [
      { type: 'Ready', status: 'True', lastTransitionTime: early },
      { type: 'ContainersReady', status: 'False', lastTransitionTime: early },
      { type: 'DisruptionTarget', status: 'True', lastTransitionTime: early },
    ]
    const { conditions } = status([container(running(true))], 'Always', before)
    expect(conditions).toContainEqual({ type: 'Ready', status: 'True', lastTransitionTime: early })
    expect(conditions).toContainEqual({ type: 'ContainersReady', status: 'True', lastTransitionTime: late })
    expect(conditions).toContainEqual(before[2])
    expect(new Set(conditions.map(({ type }) => type)).size).toBe(conditions.length)
  })
})

test('a crashing container shows why it waits and how it ended', () => {
  const { containerStatuses, observedGeneration, podIP } = status([container(waiting('CrashLoopBackOff'), exit(137))])
  expect(containerStatuses[0]).toMatchObject({
    ready: false,
    started: false,
    restartCount: 2,
    state: { waiting: { reason: 'CrashLoopBackOff', message: 'because' } },
    lastState: { terminated: { exitCode: 137, reason: 'Error' } },
  })
  expect({ observedGeneration, podIP }).toEqual({ observedGeneration: 3, podIP: '10.244.0.2' })
})

describe('the Deployment of a pod', () => {
  test('is named by its ReplicaSet', () => {
    expect(deploymentOf(podOf())).toBe('source-controller')
  })
  test('is none for other pods', () => {
    expect(deploymentOf(podOf({ metadata: { ownerReferences: [] } }))).toBe('')
    expect(deploymentOf(podOf({ metadata: { ownerReferences: [{ kind: 'StatefulSet', name: 's' }] } }))).toBe('')
  })
})

test('a condition that others have set since the last report stays, and one that they have removed is gone', () => {
  const ready = { type: 'Ready', status: 'True', lastTransitionTime: early }
  const disrupted = { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI' }
  const before = conditionsNow([ready], [{ ...ready, status: 'False' }, disrupted])
  expect(before).toEqual([disrupted, ready])
  const reported = status([container(exit(137))], 'Never', before).conditions
  expect(reported.filter(({ type }) => type === 'DisruptionTarget')).toEqual([disrupted])
  expect(conditionsNow(reported, []).map(({ type }) => type)).not.toContain('DisruptionTarget')
})
