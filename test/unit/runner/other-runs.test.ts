import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Cluster, clusterAt } from '../../../lib/kubernetes/client.ts'
import { kinds, parseObject } from '../../../lib/kubernetes/objects.ts'
import { socketEndpoint } from '../../../lib/kubernetes/transport.ts'
import { unhealthyError } from '../../../lib/commands/health-check/health-check.ts'
import { teardownStopped } from '../../../lib/commands/teardown/teardown.ts'
import { findOtherRuns, reportOtherRuns } from '../../../lib/runner/other-runs.ts'
import { contextFolder, lastInterrupted, remember } from '../../../lib/runner/run-store.ts'
import { recordingConsole } from '../../recording-console.ts'

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'frb-others-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

/** Leaves a run of the script behind whose process has died; the days sort them. */
function leave(day: number, script: string, more: Partial<Parameters<typeof remember>[1]> = {}): string {
  const runId = `202611${String(day).padStart(2, '0')}T000000000Z-${script}`
  const folder = join(contextFolder(home, 'infra'), runId)
  mkdirSync(folder, { recursive: true })
  const process = { host: hostname(), pid: 99_999_999, started: 'long ago' }
  remember(folder, { script, context: 'infra', uid: 'one', server: 'https://infra', ...process, ...more })
  return runId
}
const last = (): string | undefined => lastInterrupted(home, 'infra', 'one')?.runId

/** A teardown that has begun to destroy. */
const past = {
  notes: { capture: { file: '/runs/capture.age', checksum: '', holds: '' } },
  attempts: [
    {
      startedAt: '2026-11-01T00:00:00Z',
      finishedAt: '2026-11-01T00:00:00Z',
      steps: [
        { id: 'crds', title: 'Delete', risk: 'destroy' as const, state: 'failed' as const, startedAt: '', durationMs: 1, detail: '' },
      ],
    },
  ],
}

describe('the run that was interrupted on a cluster', () => {
  test('is the last one, of whatever script, until a later one finishes', () => {
    expect(last()).toBeUndefined()
    const interrupted = leave(1, 'teardown')
    expect(last()).toBe(interrupted)
    leave(2, 'capture', { ended: 'done' })
    leave(3, 'restore', { ended: 'done' })
    leave(4, 'bootstrap', { ended: 'blocked' })
    expect(last()).toBe(interrupted)
    const cancelled = leave(5, 'upgrade', { ended: 'cancelled' })
    expect(last()).toBe(cancelled)
    leave(6, 'bootstrap', { ended: 'done' })
    expect(last()).toBeUndefined()
  })
  test('is none that was restored, that is of another cluster, or that cannot be resumed', () => {
    leave(1, 'teardown', { ended: 'put-back' })
    leave(2, 'teardown', { uid: 'two' })
    leave(3, 'capture')
    leave(4, 'drill', { ended: 'cancelled' })
    leave(5, 'health-check', { ended: 'cancelled' })
    expect(last()).toBeUndefined()
  })
  test('is one that failed only where it had passed its point of no return', () => {
    leave(1, 'bootstrap', { ended: 'failed' })
    expect(last()).toBeUndefined()
    const [attempt] = past.attempts
    const changed = { ...attempt, steps: attempt?.steps.map((step) => ({ ...step, risk: 'change' as const })) ?? [] }
    leave(2, 'teardown', { ended: 'failed', ...past, attempts: [{ startedAt: '', finishedAt: '', ...changed }] })
    expect(last()).toBeUndefined()
    const failed = leave(3, 'teardown', { ended: 'failed', ...past })
    expect(last()).toBe(failed)
  })
  test('is found although the memory of another is damaged', () => {
    const interrupted = leave(1, 'teardown')
    const damaged = leave(2, 'bootstrap')
    writeFileSync(join(contextFolder(home, 'infra'), damaged, 'run.json'), '{')
    expect(last()).toBe(interrupted)
  })
})

describe('what is said first', () => {
  const lease = (holder: string, renewed = new Date()) =>
    parseObject({
      ...kinds.lease,
      metadata: { name: 'flux-runbook', namespace: 'kube-system', annotations: { 'flux-runbook/phase': 'Roll Flux back to 2.9.4' } },
      spec: { holderIdentity: holder, leaseDurationSeconds: 30, renewTime: renewed.toISOString() },
    })
  const clusterWith = (get: Cluster['get']): Cluster => {
    const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
    return { ...clusterAt(socketEndpoint('/nowhere'), patience, new AbortController().signal), get }
  }
  async function said(get: Cluster['get'], script = 'health-check'): Promise<string[]> {
    const { console, lines } = recordingConsole()
    const place = { lockNamespace: 'kube-system', home, context: 'infra', uid: 'one' }
    reportOtherRuns(await findOtherRuns({ cluster: clusterWith(get), ...place }), { where: '--context infra', script, console })
    return lines
  }

  test('is who is at work, and in which phase; nothing of a lock that has expired, or cannot be read', async () => {
    const holder = 'jane@laptop 20261101T000000000Z-rollback'
    expect(await said(() => Promise.resolve(lease(holder)))).toEqual([
      `◎ ${holder} is changing this cluster, in phase: Roll Flux back to 2.9.4`,
    ])
    expect(await said(() => Promise.resolve(lease(holder, new Date(Date.now() - 31_000))))).toEqual([])
    expect(await said(() => Promise.reject(new Error('leases is forbidden')))).toEqual([])
  })
  test('is the run that was interrupted, its capture, and the command that resumes it', async () => {
    const runId = leave(1, 'teardown', { ended: 'cancelled', flags: ['--keep-namespace', '--copy-to=/mnt/a disk/'], ...past })
    const reported = `⚠ the run ${runId} was interrupted past its point of no return, so it can only be resumed; its capture is /runs/capture.age\n   → npx zx scripts/teardown.ts --context infra --keep-namespace '--copy-to=/mnt/a disk/' --resume ${runId}`
    expect(await said(() => Promise.resolve(undefined))).toEqual([reported])
    // The lock that it left expires only after a while: nobody is at work.
    expect(await said(() => Promise.resolve(lease(`me@here ${runId}`)), 'recover')).toEqual([reported])
    // Where it is resumed, that is asked for.
    expect(await said(() => Promise.resolve(undefined), 'teardown')).toEqual([])
  })
  test('is not an interruption of a run that continues elsewhere', async () => {
    const runId = leave(1, 'upgrade', { host: 'elsewhere' })
    expect(await said(() => Promise.resolve(lease(`me@elsewhere ${runId}`)))).toEqual([
      `◎ me@elsewhere ${runId} is changing this cluster, in phase: Roll Flux back to 2.9.4`,
    ])
  })
})

test('a cluster that is unhealthy while a run is changing it is not sent to recover', () => {
  const holder = { holder: 'jane@laptop RUN', runId: 'RUN', phase: 'Roll Flux back to 2.9.4' }
  const target = { context: 'infra', where: '--context infra' }
  expect(unhealthyError([{ id: 'controllers', state: 'fail' }], target, holder)).toMatchObject({
    message: 'infra is not healthy while jane@laptop RUN is changing it, in phase: Roll Flux back to 2.9.4; unhealthy: controllers',
    remedy: 'wait until that run has ended, then check again: npx zx scripts/health-check.ts --context infra',
  })
})

test('a teardown that stops past the point of no return says what is so, and where the capture is', () => {
  const memory = (teardown: object) => ({ read: () => ({ ...past.notes, teardown }), write: () => undefined, folder: () => '' })
  expect(teardownStopped(memory({}))).toBeUndefined()
  expect(teardownStopped(memory({ passedReturn: '2026-11-01T00:00:00Z' }))).toEqual({
    state:
      'Flux is partly gone; the workloads that it deployed keep running. From here the run can only be resumed; the capture is /runs/capture.age',
  })
})
