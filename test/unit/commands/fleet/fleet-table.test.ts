import { describe, expect, test } from 'vitest'
import { drawTable, type FleetRow } from '../../../../lib/commands/fleet/fleet-table.ts'

const row = (name: string, state: FleetRow['state'], what: string = state, elapsedMs?: number): FleetRow => ({
  wave: 'rest',
  name,
  state,
  what,
  elapsedMs,
})
const screen = { columns: 80, rows: 24 }

test('a row for each cluster: what it works on, or how it ended, and for how long', () => {
  const rows = [
    { ...row('infra', 'done', 'done', 63_000), wave: 'canary' },
    row('apps', 'running', 'Follow the rollout', 5_000),
    row('edge', 'failed', 'rolled-back: source-controller does not\nstart', 90_000),
    row('far', 'waiting'),
  ]
  expect(drawTable({ title: 'upgrade', rows, elapsedMs: 95_000, note: 'canary soaks' }, screen)).toEqual([
    'upgrade: 1 running, 1 failed, 1 waiting, 1 done, 1 m 35 s',
    '  ✔ canary  infra  done                                                 1 m 03 s',
    '  ◎ rest    apps   Follow the rollout                                      5.0 s',
    '  ✗ rest    edge   rolled-back: source-controller does not start        1 m 30 s',
    '  – rest    far    waiting',
    'canary soaks',
  ])
})

describe('with more clusters than rows', () => {
  const rows = [
    ...Array.from({ length: 60 }, (_, at) => row(`done-${at}`, 'done')),
    row('broken', 'failed'),
    ...Array.from({ length: 100 }, (_, at) => row(`waiting-${at}`, 'waiting')),
    row('busy', 'running'),
  ]

  test('those that run and those that failed are shown, in the order of FILE, and the rest is counted', () => {
    const lines = drawTable({ title: 'upgrade', rows, elapsedMs: 0, note: 'a note' }, screen)
    expect(lines).toHaveLength(23)
    expect(lines[1]).toContain('✗ rest  broken')
    expect(lines[20]).toContain('◎ rest  busy')
    expect(lines.slice(-2)).toEqual(['  … and 82 waiting, 60 done', 'a note'])
  })

  test.each([[5], [1]])('a terminal of %d rows has at least one', (height) => {
    expect(drawTable({ title: 'upgrade', rows, elapsedMs: 0, note: '' }, { columns: 80, rows: height })[1]).toContain('busy')
  })
})

test.each([[80], [40], [20]])('no line is wider than %d columns, and nothing from a cluster moves the cursor', (columns) => {
  const rows = [row('a'.repeat(60), 'running', `\u001b[2J${'long '.repeat(60)}`, 3_700_000)]
  const lines = drawTable({ title: 'upgrade', rows, elapsedMs: 0, note: 'n'.repeat(200) }, { columns, rows: 24 })
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns)
  expect(lines.join('')).not.toContain('\u001b')
})

test('only whole parts are coloured', () => {
  const painted: string[] = []
  drawTable({ title: 'x', rows: [row('a', 'failed', 'why', 1000)], elapsedMs: 0, note: 'note' }, screen, (text, colour) => {
    painted.push(`${colour}:${text.trim()}`)
    return text
  })
  expect(painted).toEqual(['red:✗', 'faint:1.0 s', 'faint:note'])
})
