import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { rules } from '../lab/flux-rules.ts'

const runbook = readFileSync('docs/runbooks/flux-self-management.md', 'utf8')
const monitoring = readFileSync('docs/monitoring.md', 'utf8')
const alerts = rules.map(({ alert, labels }) => `${alert} ${labels['severity']}`)

/** The alerts of Story 41 (T7.2), by name and severity. */
const story = [
  'FluxOperatorDown critical',
  'FluxOperatorReconciliationFailures high',
  'FluxInstanceSuspended medium',
  'FluxControllerDown critical',
  'FluxKustomizationSyncFailures high',
  'FluxHelmReleaseFailures high',
  'FluxImageUpdateAutomationSuspended medium',
]

describe('the alerts', () => {
  test('of the story are there, by name and severity', () => {
    expect(alerts).toEqual(expect.arrayContaining(story))
    expect(new Set(rules.map(({ labels }) => labels['severity']))).toEqual(new Set(['critical', 'high', 'medium']))
  })

  test('stand in the runbook with the same severities, each with what to do', () => {
    const rows = [...runbook.matchAll(/^\| (Flux\w+) \| (\w+) \| (.+) \|$/gm)]
    expect(rows.map(([, alert, severity]) => `${alert} ${severity}`)).toEqual(alerts)
    for (const [, , , advice] of rows) expect(advice).not.toBe('')
  })

  test('stand in monitoring.md with the same severities', () => {
    const rows = [...monitoring.matchAll(/^\| (Flux\w+) \|.*\| (\w+) \|$/gm)]
    expect(rows.map(([, alert, severity]) => `${alert} ${severity}`)).toEqual(alerts)
  })

  test.each(rules)('$alert leads to a heading of the runbook', ({ annotations }) => {
    const [, anchor] = /^https:\/\/\S+\/docs\/runbooks\/flux-self-management\.md#(\S+)$/.exec(annotations['runbook_url'] ?? '') ?? []
    const anchors = [...runbook.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\w\s-]/g, '')
        .replaceAll(' ', '-'),
    )
    expect(anchors).toContain(anchor)
  })
})
