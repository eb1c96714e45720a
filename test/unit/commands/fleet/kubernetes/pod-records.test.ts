import { describe, expect, test } from 'vitest'
import { endIn, endMessage } from '../../../../../lib/commands/fleet/kubernetes/end-message.ts'
import { eventsBetween } from '../../../../../lib/commands/fleet/kubernetes/fleet-events.ts'
import { fleetPodFacts, indexOf, jobFactsOf, type PodFacts } from '../../../../../lib/commands/fleet/kubernetes/pod-facts.ts'
import { recordEnd, recordPod } from '../../../../../lib/commands/fleet/kubernetes/pod-records.ts'
import { resultOf } from '../../../../../lib/commands/fleet/kubernetes/result.ts'
import type { ClusterRecord } from '../../../../../lib/commands/fleet/fleet-run.ts'
import { parseObject } from '../../../../../lib/kubernetes/objects.ts'

const done = { outcome: 'done', exitCode: 0, runId: 'R', version: '2.9.5' }
const command = { isCheck: false }
const running = (startedAt: string): PodFacts => ({ is: 'running', startedAt })
const ended = (startedAt: string, exitCode: number, message?: string): PodFacts => ({
  is: 'ended',
  exitCode,
  reason: exitCode === 0 ? 'Completed' : 'Error',
  message,
  startedAt,
  finishedAt: `${startedAt}+`,
})

describe('what pods do becomes the record of their cluster', () => {
  test('from its beginning to its end, each time once', () => {
    const record: ClusterRecord = { spans: [] }
    const seen = [running('1'), running('1'), ended('1', 0, JSON.stringify(done)), ended('1', 0, JSON.stringify(done))]
    expect(seen.map((facts) => recordPod(record, command, 'pod-a', facts))).toEqual(['begun', undefined, 'ended', undefined])
    expect(record).toEqual({ spans: [{ startedAt: '1', finishedAt: '1+' }], end: done })
  })

  test('a pod that was killed is not an end: the next one resumes', () => {
    const record: ClusterRecord = { spans: [] }
    const changes = [
      recordPod(record, command, 'pod-a', running('1')),
      recordPod(record, command, 'pod-a', ended('1', 137)),
      recordPod(record, command, 'pod-a', ended('1', 137)),
      recordPod(record, command, 'pod-b', running('2')),
      recordPod(record, command, 'pod-a', ended('1', 137)),
      recordPod(record, command, 'pod-b', ended('2', 5, JSON.stringify({ ...done, outcome: 'rolled-back', exitCode: 5 }))),
    ]
    expect(changes).toEqual(['begun', 'killed', undefined, 'resumed', undefined, 'ended'])
    expect(record).toMatchObject({
      spans: [
        { startedAt: '1', finishedAt: '1+' },
        { startedAt: '2', finishedAt: '2+' },
      ],
      trouble: 'its pod was killed: exit code 137',
      end: { outcome: 'rolled-back', exitCode: 5 },
    })
  })

  test('a Job that is over gives an end to what was killed too often, and none to what was not started', () => {
    const killed: ClusterRecord = { spans: [{ startedAt: '1' }], trouble: 'its pod was killed: exit code 137 (OOMKilled)', pod: 'pod-a' }
    const facts = jobFactsOf(
      parseObject({
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { name: 'wave' },
        status: { failedIndexes: '1,3-4', conditions: [{ type: 'Failed', status: 'True', reason: 'MaxFailedIndexesExceeded' }] },
      }),
    )
    expect(facts).toEqual({
      end: { isComplete: false, reason: 'MaxFailedIndexesExceeded', message: '' },
      failedIndexes: new Set([1, 3, 4]),
    })
    expect(recordEnd(killed, command, 3, facts)?.error?.message).toBe(
      'its pod was killed: exit code 137 (OOMKilled), and so were the pods that resumed it',
    )
    expect(killed).toMatchObject({ end: { outcome: 'failed', exitCode: 1 } })
    const cut: ClusterRecord = { spans: [{ startedAt: '1' }], pod: 'pod-b' }
    expect(recordEnd(cut, command, 2, facts)).toBeUndefined()
    expect(cut).toEqual({ spans: [{ startedAt: '1' }] })
  })

  test('a health check is not a span of the command', () => {
    const record: ClusterRecord = { spans: [{ startedAt: '1', finishedAt: '2' }], end: done }
    recordPod(record, { isCheck: true }, 'pod-c', running('3'))
    expect(recordPod(record, { isCheck: true }, 'pod-c', ended('3', 1, 'no JSON'))).toBe('ended')
    expect(record).toMatchObject({ spans: [{ startedAt: '1' }], end: done, health: { outcome: 'failed', exitCode: 1 } })
  })
})

describe('the last words of a pod', () => {
  test('say how it ended, in less than a kubelet takes of them', () => {
    const message = endMessage({ ...done, exitCode: 1, error: { message: 'x'.repeat(10_000), remedy: 'y'.repeat(10_000) } })
    expect(Buffer.byteLength(message)).toBeLessThan(4096)
    // What a kubelet cuts is no JSON any more: a run that had rolled back would have failed.
    for (const text of ['日本語', '\n', '\\', '\ud83d\ude00', '\u0001']) {
      const error = { message: text.repeat(3000), remedy: text.repeat(3000) }
      const whole = endMessage({ ...done, outcome: 'rolled-back', exitCode: 5, error })
      expect(Buffer.byteLength(whole)).toBeLessThan(4096)
      expect(Buffer.byteLength(whole)).toBeGreaterThan(2000)
      expect(endIn(whole, 5)).toMatchObject({ outcome: 'rolled-back', exitCode: 5 })
    }
    expect(endIn(message, 1)).toMatchObject({ outcome: 'done', exitCode: 1, error: { message: expect.stringMatching(/^x+…$/) } })
  })
  test('count less than its exit code', () => {
    expect(endIn(JSON.stringify(done), 3)).toEqual({
      outcome: 'failed',
      exitCode: 3,
      runId: null,
      error: { message: 'its pod ended with exit code 3 without a message' },
    })
    expect(endIn(undefined, 0)).toEqual({ outcome: 'done', exitCode: 0, runId: null })
  })
})

test('of a pod its one container counts; that it is just being made is not a problem', () => {
  const pod = (state: object) =>
    parseObject({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', annotations: { 'batch.kubernetes.io/job-completion-index': '7' } },
      status: { phase: 'Pending', containerStatuses: [{ state }] },
    })
  expect(indexOf(pod({}))).toBe(7)
  expect(fleetPodFacts(pod({ waiting: { reason: 'ContainerCreating' } }))).toEqual({ is: 'waiting', why: '' })
  expect(fleetPodFacts(pod({ waiting: { reason: 'ErrImagePull', message: 'not found' } }))).toEqual({
    is: 'waiting',
    why: 'ErrImagePull: not found',
  })
})

test('a terminal says what has happened since it last looked', () => {
  const waves = [
    { name: 'rest', parallel: 1, soakMs: 0, maxFailures: 0, clusters: [{ name: 'a', context: 'a', cluster: undefined, line: 1 }] },
  ]
  const spans = [{ startedAt: '1', finishedAt: '2' }]
  const failed = { outcome: 'failed', exitCode: 1, runId: null, error: { message: 'not healthy\nmore' } }
  expect(eventsBetween({}, { a: { spans, end: done } }, 'upgrade', waves)).toEqual([
    ['action', 'rest/a: upgrade'],
    ['success', 'rest/a: done'],
  ])
  expect(eventsBetween({ a: { spans, end: done } }, { a: { spans, end: done, health: failed } }, 'upgrade', waves)).toEqual([
    ['failure', 'rest/a: health after the soak: failed: not healthy'],
  ])
  expect(
    eventsBetween(
      { a: { spans } },
      { a: { spans: [...spans, { startedAt: '3' }], trouble: 'its pod was killed: exit code 137' } },
      'upgrade',
      waves,
    ),
  ).toEqual([
    ['warning', 'rest/a: its pod was killed: exit code 137'],
    ['action', 'rest/a: upgrade again'],
  ])
})

test('how the waves ended is known by what the run remembers', () => {
  const wave = {
    name: 'rest',
    parallel: 1,
    soakMs: 0,
    maxFailures: 0,
    clusters: [{ name: 'a', context: 'a', cluster: undefined, line: 1 }],
  }
  const clusters = { a: { spans: [], end: { ...done, exitCode: 5, outcome: 'rolled-back' } } }
  expect(resultOf({ outcome: 'failed', clusters }, [wave])).toEqual({ is: 'too-many-failures', wave, failures: 1 })
  expect(resultOf({ outcome: 'done', clusters: {} }, [wave])).toEqual({ is: 'done' })
})
