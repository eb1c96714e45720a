import { describe, expect, test } from 'vitest'
import type { FleetDocument } from '../../../../lib/commands/fleet/fleet-document.ts'
import { drawFleetPage } from '../../../../lib/commands/fleet/fleet-page.ts'
import { describeFleet } from '../../../../lib/commands/fleet/fleet-report.ts'

const ended = (name: string, outcome: string, exitCode: number, at: string, durationMs: number, version?: string) => ({
  name,
  context: name,
  outcome,
  exitCode,
  runId: `R-${name}`,
  startedAt: `2026-11-30T00:0${at}Z`,
  durationMs,
  ...(version === undefined ? {} : { version }),
})
const document: FleetDocument = {
  schemaVersion: 1,
  script: 'fleet',
  command: 'upgrade',
  engine: 'local',
  runId: 'RUN',
  file: '/fleet.yaml',
  digest: 'sha256:0',
  operator: 'me@here',
  startedAt: '2026-11-30T00:00:00.000Z',
  finishedAt: '2026-11-30T00:05:00.000Z',
  outcome: 'failed',
  exitCode: 1,
  waves: [
    { name: 'canary', clusters: [ended('infra', 'done', 0, '0:10.000', 60_000, '2.9.5')] },
    {
      name: 'rest',
      clusters: [
        { ...ended('apps', 'rolled-back', 5, '2:00.000', 90_000, '2.9.4'), error: { message: '<b>no</b> | *image*', remedy: 'look' } },
        { name: 'edge', context: 'edge', outcome: 'not-started', exitCode: null, runId: null, startedAt: null, durationMs: null },
      ],
    },
  ],
  error: { message: '1 of 2 failed', remedy: 'npx zx scripts/fleet.ts --resume RUN' },
}

test('the report has the clusters by outcome and version, what failed and why, the slowest, and a timeline', () => {
  expect(describeFleet(document)).toBe(`# fleet upgrade: failed

1 done, 1 rolled-back, 1 not-started

| | |
| --- | --- |
| who | me@here |
| fleet | /fleet.yaml (sha256:0) |
| run | RUN |
| began | 2026-11-30T00:00:00.000Z |
| ended | 2026-11-30T00:05:00.000Z, after 5 m 00 s |
| outcome | failed, exit code 1 |

## Clusters by outcome and version

| Flux | outcome | clusters | |
| --- | --- | --- | --- |
| 2.9.5 | done | 1 | infra |
| 2.9.4 | rolled-back | 1 | apps |
| | not-started | 1 | edge |

## What failed, and why

| wave | cluster | outcome | why | next |
| --- | --- | --- | --- | --- |
| rest | apps | rolled-back | \\<b>no\\</b> \\| \\*image\\* | look |
| rest | edge | not-started | | |

## The slowest

| cluster | wave | took |
| --- | --- | --- |
| apps | rest | 1 m 30 s |
| infra | canary | 1 m 00 s |

## Timeline

| wave | cluster | began | took | outcome | run |
| --- | --- | --- | --- | --- | --- |
| canary | infra | 2026-11-30T00:00:10.000Z | 1 m 00 s | done | R-infra |
| rest | apps | 2026-11-30T00:02:00.000Z | 1 m 30 s | rolled-back | R-apps |
| rest | edge | | | not-started | |

## What went wrong

1 of 2 failed

Next: npx zx scripts/fleet.ts --resume RUN
`)
})

describe('the page', () => {
  const page = drawFleetPage(document)

  test('has the same, with nothing in it that a cluster could have written as markup', () => {
    for (const text of ['1 done, 1 rolled-back, 1 not-started', '<td>2.9.5</td><td>done</td>', '&lt;b&gt;no&lt;/b&gt;', '1 of 2 failed']) {
      expect(page).toContain(text)
    }
    expect(page).not.toContain('<b>')
  })

  test('breaks only what is long in a table: on a phone the table is scrolled, and its words stay whole', () => {
    const name = 'a'.repeat(33)
    const long = drawFleetPage({
      ...document,
      waves: [{ name: 'canary', clusters: [ended(name, 'done', 0, '0:10.000', 60_000, '2.9.5')] }],
    })
    expect(long).toContain(`<td class="long">${name}</td>`)
    expect(page).not.toContain('<td class="long">')
  })

  test('needs nothing else: no script, no request', () => {
    expect(page).not.toMatch(/<script|src=|href=|url\(/)
  })

  test('draws a bar for each cluster that was started, on one axis of time', () => {
    expect(page.match(/<rect /g)).toHaveLength(2)
    expect(page).toContain('<title>rest/apps: rolled-back after 1 m 30 s</title>')
  })

  test('of a run in which nothing was started has no bar', () => {
    expect(drawFleetPage({ ...document, waves: [] })).not.toContain('<rect')
  })
})
