import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { carryOut, type FleetWork } from '../../../../lib/commands/fleet/carry-out.ts'
import { recordsToResume, resultsOf } from '../../../../lib/commands/fleet/cluster-results.ts'
import { documentOf } from '../../../../lib/commands/fleet/conclude-fleet.ts'
import type { FleetCommand } from '../../../../lib/commands/fleet/fleet-commands.ts'
import type { Wave } from '../../../../lib/commands/fleet/fleet-file.ts'
import { findRun, type KeptRun, makeRunFolder, ownProcess, fleetStateOf } from '../../../../lib/commands/fleet/fleet-run.ts'
import { contextFolder, remember } from '../../../../lib/runner/run-store.ts'

let runs: string
beforeEach(() => {
  runs = mkdtempSync(join(tmpdir(), 'fleet-'))
})
afterEach(() => rmSync(runs, { recursive: true }))

const upgrade: FleetCommand = { summary: '', flags: {}, example: '', effectOf: () => 'changes', isResumable: true }
const runId = '20261130T000000000Z-fleet-upgrade'

function wave(name: string, clusters: readonly string[], more: Partial<Wave> = {}): Wave {
  const members = clusters.map((one) => ({ name: one, context: `c-${one}`, cluster: undefined, line: 1 }))
  return { name, parallel: 1, soakMs: 0, maxFailures: 0, clusters: members, ...more }
}

function newRun(waves: readonly Wave[]): KeptRun {
  return {
    runId,
    folder: makeRunFolder(runs, runId),
    run: {
      schemaVersion: 1,
      command: 'upgrade',
      engine: 'local',
      file: '/fleet.yaml',
      digest: 'sha256:0',
      waves: waves.map(({ name }) => name),
      own: { to: '2.9.5' },
      shared: {},
      operator: 'me@here',
      ...ownProcess(),
      startedAt: '2026-11-30T00:00:00.000Z',
      clusters: {},
      passed: {},
    },
  }
}

/** Scripts that end as the test says, by the cluster's context; what was called, in order. */
function scripts(codes: Readonly<Record<string, number>> = {}, during: (context: string) => void = () => undefined) {
  const calls: string[] = []
  const kills: string[] = []
  const start: NonNullable<FleetWork['start']> = (script, words, hear) => {
    const context = words[words.indexOf('--context') + 1] ?? ''
    calls.push([script, context, ...words.filter((word) => word.startsWith('--resume'))].join(' '))
    const end = codes[`${script} ${context}`] ?? 0
    const outcome = end === 0 ? 'done' : end === 130 ? 'cancelled' : 'failed'
    const document = {
      outcome,
      exitCode: end,
      runId: `R-${context}`,
      to: '2.9.5',
      ...(end === 0 ? {} : { error: { message: `no ${context}` } }),
    }
    hear(`◎ Work on ${context}: a detail`)
    hear('  a line that is not a progress')
    during(context)
    return {
      pid: 999_999,
      started: 'then',
      kill: (signal) => void kills.push(`${signal} ${context}`),
      ended: Promise.resolve({ end, stdout: JSON.stringify(document) }),
    }
  }
  return { calls, kills, start }
}

function work(kept: KeptRun, waves: readonly Wave[], start: NonNullable<FleetWork['start']>, more: Partial<FleetWork> = {}) {
  const events: string[] = []
  const done = carryOut({
    kept,
    waves,
    command: upgrade,
    consent: { changes: true, destroys: false },
    stops: { stop: new AbortController().signal, cancel: new AbortController().signal },
    runs,
    clean: (text) => text,
    start,
    progress: () => ({
      event: (kind, text) => void events.push(`${kind} ${text}`),
      step: (name, text) => void events.push(`step ${name}: ${text}`),
      close: () => void events.push('closed'),
    }),
    ...more,
  })
  return done.then((result) => ({ result, events }))
}

test('what each cluster comes to is remembered, with its log, and read back', async () => {
  const waves = [wave('canary', ['a'], { soakMs: 1 }), wave('rest', ['b'])]
  const kept = newRun(waves)
  const { calls, start } = scripts({ 'upgrade c-b': 5 })
  const { result, events } = await work(kept, waves, start)
  expect(result).toMatchObject({ is: 'too-many-failures', failures: 1 })
  expect(calls).toEqual(['upgrade c-a', 'health-check c-a', 'upgrade c-b'])
  expect(events).toEqual([
    'action canary/a: upgrade',
    'step a: Work on c-a: a detail',
    'success canary/a: done',
    'action the wave canary soaks for 0.0 s',
    'step a: Work on c-a: a detail',
    'success canary/a: health after the soak: done',
    'action rest/b: upgrade',
    'step b: Work on c-b: a detail',
    'failure rest/b: failed: no c-b',
    'closed',
  ])
  const read = findRun(runs, '')
  expect(read?.run).toEqual(kept.run)
  expect(read?.run.passed).toHaveProperty('canary')
  expect(read === undefined ? '' : fleetStateOf(read.run)).toBe('running')
  expect(readFileSync(join(kept.folder, 'clusters', 'b.log'), 'utf8')).toMatch(
    /^\S+Z ◎ Work on c-b: a detail\n\S+Z {3}a line that is not a progress\n$/,
  )
  const document = documentOf(
    { is: 'ended', kept, waves, result },
    { command: 'upgrade', startedAt: '', operator: '' },
    { yes: true },
    '2026-11-30T00:10:00.000Z',
  )
  expect(document).toMatchObject({
    script: 'fleet',
    command: 'upgrade',
    engine: 'local',
    outcome: 'failed',
    exitCode: 1,
    error: {
      message: '1 of 1 clusters of the wave rest failed, more than its maxFailures, 0: no further cluster was started; 1 done, 1 failed',
      remedy: `once the cause is fixed, to resume it: npx zx scripts/fleet.ts --resume ${runId} --yes`,
    },
    waves: [
      { name: 'canary', clusters: [{ name: 'a', outcome: 'done', exitCode: 0, runId: 'R-c-a', version: '2.9.5' }] },
      { name: 'rest', clusters: [{ name: 'b', outcome: 'failed', exitCode: 5, runId: 'R-c-b' }] },
    ],
  })
})

test('a cluster that was not started is not-started, with null for all else', () => {
  const [result] = resultsOf({ clusters: {} }, [wave('canary', ['a'])])
  expect(result?.clusters).toEqual([
    { name: 'a', context: 'c-a', outcome: 'not-started', exitCode: null, runId: null, startedAt: null, durationMs: null },
  ])
})

test('a cluster that is not healthy after the soak has failed, and says so', async () => {
  const waves = [wave('canary', ['a'], { soakMs: 1 }), wave('rest', ['b'])]
  const kept = newRun(waves)
  const { calls, start } = scripts({ 'health-check c-a': 1 })
  await work(kept, waves, start)
  expect(calls).toEqual(['upgrade c-a', 'health-check c-a'])
  expect(resultsOf(kept.run, waves)[0]?.clusters[0]).toMatchObject({
    outcome: 'failed',
    exitCode: 1,
    error: { message: 'not healthy after the soak: no c-a' },
    health: { outcome: 'failed', exitCode: 1 },
  })
})

test('a resumed run leaves what is done, and resumes what was interrupted with its own run', async () => {
  const waves = [wave('all', ['a', 'b', 'c'])]
  const kept = newRun(waves)
  const stop = new AbortController()
  const first = scripts({ 'upgrade c-b': 130 }, (context) => {
    if (context === 'c-b') stop.abort()
  })
  const stops = { stop: stop.signal, cancel: new AbortController().signal }
  const { result } = await work(kept, [{ ...waves[0]!, maxFailures: 1 }], first.start, { stops })
  expect(result).toEqual({ is: 'stopped' })
  const interrupted = { script: 'upgrade', context: 'c-b', uid: '', server: '', host: 'x', pid: 1, ended: 'cancelled' }
  remember(join(contextFolder(runs, 'c-b'), '20261130T000100000Z-upgrade'), interrupted)
  // One that was there before the fleet is not the fleet's.
  remember(join(contextFolder(runs, 'c-c'), '20261129T000100000Z-upgrade'), { ...interrupted, context: 'c-c' })
  const again = { ...kept, run: { ...kept.run, clusters: recordsToResume(kept.run.clusters) } }
  const second = scripts()
  expect((await work(again, waves, second.start)).result).toEqual({ is: 'done' })
  expect(second.calls).toEqual(['upgrade c-b --resume=20261130T000100000Z-upgrade', 'upgrade c-c'])
})

test('a second Ctrl-C sends one to every script that runs', async () => {
  const waves = [wave('all', ['a', 'b'], { parallel: 2 })]
  const [stop, cancel] = [new AbortController(), new AbortController()]
  let begun = 0
  const { kills, start } = scripts({ 'upgrade c-a': 130, 'upgrade c-b': 130 }, () => {
    begun += 1
    if (begun < 2) return
    stop.abort()
    cancel.abort()
  })
  const { events } = await work(newRun(waves), waves, start, { stops: { stop: stop.signal, cancel: cancel.signal } })
  expect(kills).toEqual(['SIGINT c-a', 'SIGINT c-b'])
  expect(events).toContain('warning cancelling the running clusters')
})

test('a script that cannot be started is a failure of its cluster', async () => {
  const waves = [wave('all', ['a'])]
  const kept = newRun(waves)
  const start: NonNullable<FleetWork['start']> = () => {
    throw new Error('no such program')
  }
  expect((await work(kept, waves, start)).result).toMatchObject({ is: 'too-many-failures' })
  expect(kept.run.clusters.a?.end).toEqual({ outcome: 'failed', exitCode: 1, runId: null, error: { message: 'no such program' } })
})
