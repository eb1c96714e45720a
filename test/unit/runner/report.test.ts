import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import * as v from 'valibot'
import { OperatorError } from '../../../lib/base/errors.ts'
import { openJournal, type RunJournal } from '../../../lib/runner/run-journal.ts'
import type { RunResult } from '../../../lib/runner/run-result.ts'
import { contextFolder, findInterrupted, lastDuration } from '../../../lib/runner/run-store.ts'
import type { StepRecord, StepState } from '../../../lib/runner/step.ts'
import { reportUpgrade } from '../../../lib/commands/upgrade/report-fields.ts'
import { fileLines } from '../../../lib/capture/write-verified.ts'

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'frb-report-'))
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime('2026-11-01T10:00:00Z')
})
afterEach(() => {
  vi.useRealTimers()
  rmSync(home, { recursive: true, force: true })
})

const record = (id: string, state: StepState, seconds: number, detail = 'as it is to be'): StepRecord => ({
  id,
  title: `Do ${id}`,
  risk: 'change',
  state,
  startedAt: new Date().toISOString(),
  durationMs: seconds * 1000,
  detail,
})

/** A run of upgrade, or the same one resumed after its process has died. */
function journal(killed?: RunJournal): RunJournal {
  if (killed !== undefined) {
    const file = join(contextFolder(home, 'infra'), killed.runId(), 'run.json')
    writeFileSync(file, readFileSync(file, 'utf8').replace(/"started": ".*"/, '"started": "long ago"'))
  }
  const earlier = killed === undefined ? undefined : findInterrupted(home, 'infra', 'upgrade')
  const opened = openJournal('upgrade', (text) => text)
  opened.know({ context: 'infra', server: 'https://infra', uid: 'one' })
  if (earlier !== undefined) opened.continueAs(earlier)
  opened.keepIn(home)
  return opened
}

function reportOf(opened: RunJournal, result: RunResult, error?: { message: string }): string {
  const { path = '' } = opened.conclude(result, error)
  return readFileSync(join(path, 'report.md'), 'utf8')
}

const documentSchema = v.looseObject({
  startedAt: v.string(),
  steps: v.array(v.looseObject({ id: v.string(), state: v.string() })),
  attempts: v.array(v.looseObject({ outcome: v.exactOptional(v.string()), steps: v.array(v.looseObject({ id: v.string() })) })),
})

describe('the report of a run that was resumed', () => {
  test('reports every attempt, what each step came to over all of them, and the time without what lay between', () => {
    const killed = journal()
    killed.know({ commit: 'c0ffee' })
    killed.keepSteps([record('git', 'done', 3, 'main says 2.9.5')])
    vi.setSystemTime('2026-11-01T10:00:20Z')
    killed.keepSteps([record('git', 'done', 3, 'main says 2.9.5'), record('rollout', 'failed', 10, 'interrupted')])

    vi.setSystemTime('2026-11-01T12:00:00Z')
    const resumed = journal(killed)
    vi.setSystemTime('2026-11-01T12:00:40Z')
    const report = reportOf(resumed, {
      outcome: 'done',
      steps: [record('git', 'already', 0, 'main says 2.9.5'), record('rollout', 'done', 30), record('verify', 'done', 5)],
    })
    expect(report).toContain('# upgrade on infra: done')
    expect(report).toContain('| commit | c0ffee |')
    expect(report).toContain('| began | 2026-11-01T10:00:00.000Z |')
    expect(report).toContain('| ended | 2026-11-01T12:00:40.000Z, after 1 m 00 s in 2 attempts |')
    expect(report).toContain('| 1 | 2026-11-01T10:00:00.000Z | 20 s | interrupted |')
    expect(report).toContain('| 2 | 2026-11-01T12:00:00.000Z | 40 s | done |')
    expect(report).toContain('| 1 | Do git | done | 3.0 s | main says 2.9.5 |')
    expect(report).toContain('| 2 | Do rollout | done | 40 s | as it is to be |')
    expect(report).toContain('| 3 | Do verify | done | 5.0 s | as it is to be |')

    const folder = join(contextFolder(home, 'infra'), resumed.runId())
    const document = v.parse(v.pipe(v.string(), v.parseJson(), documentSchema), readFileSync(join(folder, 'report.json'), 'utf8'))
    expect(document.startedAt).toBe('2026-11-01T10:00:00.000Z')
    expect(document.steps.map(({ id, state }) => `${id} ${state}`)).toEqual(['git already', 'rollout done', 'verify done'])
    expect(document.attempts.map(({ outcome, steps }) => [outcome, steps.length])).toEqual([
      [undefined, 2],
      ['done', 3],
    ])
    // What a person thought, between the attempts or the steps, is not a time that it took.
    expect(lastDuration(home, 'infra', 'upgrade')).toBe(48_000)
  })

  test('of one that was not has no attempts, and no commit where none is known', () => {
    const report = reportOf(journal(), { outcome: 'done', steps: [record('git', 'done', 3)] })
    expect(report).not.toContain('ttempts')
    expect(report).not.toContain('commit')
  })
})

describe('a run that was restored', () => {
  const cancelled = (more: Partial<RunResult>): RunResult => ({
    outcome: 'cancelled',
    steps: [],
    failure: new OperatorError('stopped', { kind: 'cancelled' }),
    ...more,
  })

  test('is closed: nobody resumes it, and the next one needs no --fresh', () => {
    const { document } = journal().conclude(cancelled({ isClosed: true }), undefined)
    expect(document).toMatchObject({ outcome: 'cancelled', exitCode: 130 })
    expect(findInterrupted(home, 'infra', 'upgrade')).toBeUndefined()
    expect(findInterrupted(home, 'infra', 'upgrade', '')).toBeUndefined()
  })

  test('and one that was only cancelled is not', () => {
    const opened = journal()
    opened.know({ flags: ['--to=2.9.5'] })
    opened.conclude(cancelled({}), undefined)
    // What resumes it is reported with the flags that it was given.
    expect(findInterrupted(home, 'infra', 'upgrade')).toMatchObject({ ended: 'cancelled', flags: ['--to=2.9.5'] })
  })
})

test('the report of an upgrade says from which version to which, and at which commit', () => {
  const place = { namespace: 'flux-system', syncName: 'flux-system', kustomizations: [], operatorRelease: 'o', instanceRelease: 'i' }
  const notes = {
    from: { flux: '2.9.4', operator: '0.59.0' },
    to: { flux: '2.9.5', operator: '0.59.0' },
    place,
    before: {},
    after: {},
    instance: { apiVersion: 'v1', kind: 'FluxInstance', metadata: { name: 'flux' } },
    ready: {},
    isBehind: false,
    served: {},
    goesAway: [],
    images: { 'source-controller': 'v1.9.4', 'helm-controller': 'v1.6.3' },
    newImages: { 'source-controller': 'v1.9.5', 'helm-controller': 'v1.6.4' },
    pauses: { 'source-controller': 1500 },
    commit: 'c0ffee',
    imagesChecked: '',
    evidence: '',
    isGoingBack: false,
    isReturning: false,
  }
  const { sections } = reportUpgrade({ read: () => notes, write: () => undefined, folder: () => '' }, notes)
  expect(sections).toEqual([
    { title: 'Versions', lines: ['- Flux 2.9.4 → 2.9.5', '- in Git: commit c0ffee'] },
    {
      title: 'Controllers',
      lines: [
        '- source-controller v1.9.4 → v1.9.5: unavailable for 1.5 s',
        '- helm-controller v1.6.3 → v1.6.4: its downtime was not measured',
      ],
    },
  ])
})

test('the report of a capture names file, copy and recipients', () => {
  expect(fileLines({ file: '/a/capture.age', copy: '/b/capture.age', readers: 'for age1one and age1two' })).toEqual([
    '- file: /a/capture.age',
    '- copy: /b/capture.age',
    '- encrypted for age1one and age1two',
  ])
})
