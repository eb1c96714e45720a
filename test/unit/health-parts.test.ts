import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isRequestAlone } from '../../lib/cluster/reconcile-request.ts'
import { handOver } from '../../lib/health/mend-managers.ts'
import { probesNamed } from '../../lib/health/all-probes.ts'
import { problems, sectionOf } from '../../lib/health/problems.ts'
import { projectRoot } from '../../lib/settings.ts'

describe('what a foreign manager owns goes to the owner', () => {
  const own = { manager: 'kustomize-controller', operation: 'Apply', fieldsV1: { 'f:spec': { 'f:interval': {} } } }
  const hand = {
    manager: 'kubectl-edit',
    operation: 'Update',
    time: '2026-01-02T03:04:05Z',
    fieldsV1: { 'f:spec': { 'f:url': {} }, 'f:metadata': { 'f:labels': {} } },
  }
  const status = { manager: 'kubectl-edit', operation: 'Update', subresource: 'status', fieldsV1: { 'f:status': {} } }

  test('added to what it owns already; a status is left alone', () => {
    expect(handOver([hand, own, status], ['kubectl-edit'], 'kustomize-controller')).toEqual([
      status,
      { ...own, fieldsV1: { 'f:spec': { 'f:interval': {}, 'f:url': {} }, 'f:metadata': { 'f:labels': {} } } },
    ])
  })
  test('as its own where it owned nothing', () => {
    expect(handOver([hand], ['kubectl-edit'], 'helm-controller')).toEqual([{ ...hand, manager: 'helm-controller', operation: 'Apply' }])
  })
  test('nothing where there is none', () => {
    expect(handOver([own], ['kubectl-edit'], 'kustomize-controller')).toEqual([own])
  })
})

test.each([
  [true, 'what flux reconcile leaves', { 'f:annotations': { 'f:reconcile.fluxcd.io/requestedAt': {} } }],
  [true, 'with --force', { 'f:annotations': { '.': {}, 'f:reconcile.fluxcd.io/requestedAt': {}, 'f:reconcile.fluxcd.io/forceAt': {} } }],
  [false, 'another annotation too', { 'f:annotations': { 'f:reconcile.fluxcd.io/requestedAt': {}, 'f:by': {} } }],
  [false, 'a label too', { 'f:annotations': { 'f:reconcile.fluxcd.io/requestedAt': {} }, 'f:labels': { 'f:by': {} } }],
])('whoever asks for a look owns nothing: %s for %s', (is, _, metadata) => {
  expect(isRequestAlone({ 'f:metadata': metadata })).toBe(is)
  expect(isRequestAlone({ 'f:metadata': metadata, 'f:spec': { 'f:suspend': {} } })).toBe(false)
})

test('probes are named strictly', () => {
  expect(probesNamed('kustomizations,api').map(({ id }) => id)).toEqual(['api', 'kustomizations'])
  expect(() => probesNamed('helmrelease')).toThrow('there is no probe "helmrelease"; did you mean helmreleases?')
  expect(() => probesNamed('')).toThrow('there is no probe ""; there are api, operator, instance')
})

test('each named problem has its section in the runbook', () => {
  const runbook = readFileSync(join(projectRoot, 'docs/runbooks/flux-self-management.md'), 'utf8')
  for (const problem of Object.values(problems)) {
    expect(runbook).toContain(`\n### ${problem}\n`)
    expect(sectionOf(problem)).toMatch(/^docs\/runbooks\/flux-self-management\.md#[a-z-]+$/)
  }
})
