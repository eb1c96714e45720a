import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { describeSuspension, suspensionIn } from '../../../lib/flux/suspension.ts'
import { isForeign } from '../../../lib/flux/field-owners.ts'
import { parseObject } from '../../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { parseFluxObject } from '../../../lib/flux/object.ts'
import { isRequestAlone } from '../../../lib/flux/reconcile-request.ts'
import { handOver, removedFields } from '../../../lib/flux/hand-over-fields.ts'
import { probesNamed } from '../../../lib/health/all-probes.ts'
import { problems, sectionOf } from '../../../lib/health/problems.ts'
import { showProbes } from '../../../lib/health/print.ts'
import { recordingConsole } from '../../recording-console.ts'
import { projectRoot } from '../../../lib/base/paths.ts'

describe('what a foreign manager owns goes to the owner', () => {
  const own = { manager: 'kustomize-controller', operation: 'Apply', fieldsV1: { 'f:spec': { 'f:interval': {} } } }
  const hand = {
    manager: 'kubectl-edit',
    operation: 'Update',
    time: '2026-01-02T03:04:05Z',
    fieldsV1: { 'f:spec': { 'f:url': {} }, 'f:metadata': { 'f:labels': { 'f:team': {} } } },
  }
  const status = { manager: 'kubectl-edit', operation: 'Update', subresource: 'status', fieldsV1: { 'f:status': {} } }

  test('added to what it owns already; a status is left alone', () => {
    expect(handOver([hand, own, status], ['kubectl-edit'], 'kustomize-controller')).toEqual([
      status,
      { ...own, fieldsV1: { 'f:spec': { 'f:interval': {}, 'f:url': {} }, 'f:metadata': { 'f:labels': { 'f:team': {} } } } },
    ])
  })
  test('as its own where it owned nothing', () => {
    expect(handOver([hand], ['kubectl-edit'], 'helm-controller')).toEqual([{ ...hand, manager: 'helm-controller', operation: 'Apply' }])
  })
  test('but what suspends stays whose it is', () => {
    const fieldsV1 = { 'f:spec': { 'f:suspend': {}, 'f:url': {} } }
    expect(handOver([{ ...hand, fieldsV1 }, own], ['kubectl-edit'], 'kustomize-controller')).toEqual([
      { ...hand, fieldsV1: { 'f:spec': { 'f:suspend': {} } } },
      { ...own, fieldsV1: { 'f:spec': { 'f:interval': {}, 'f:url': {} } } },
    ])
    const alone = { ...hand, fieldsV1: { 'f:spec': { 'f:suspend': {} } } }
    expect(handOver([alone, own], ['kubectl-edit'], 'kustomize-controller')).toEqual([alone, own])
  })
  test('of which Flux removes what its owner does not state', () => {
    const metadata = { name: 'shop', labels: { 'kustomize.toolkit.fluxcd.io/name': 'apps' } }
    const fieldsV1 = { 'f:spec': { 'f:suspend': {}, 'f:url': {}, 'f:interval': {} } }
    const object = parseObject({ ...fluxKinds.gitRepository, metadata: { ...metadata, managedFields: [{ ...hand, fieldsV1 }, own] } })
    expect(removedFields(object, ['kubectl-edit'])).toEqual(['spec.url'])
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
])('anyone who requests a reconciliation owns nothing: %s for %s', (is, _, metadata) => {
  expect(isRequestAlone({ 'f:metadata': metadata })).toBe(is)
  expect(isRequestAlone({ 'f:metadata': metadata, 'f:spec': { 'f:suspend': {} } })).toBe(false)
})

describe("who owns fields of what is Flux's", () => {
  const asked = {
    'f:metadata': { 'f:annotations': { '.': {}, 'f:reconcile.fluxcd.io/requestedAt': {}, 'f:reconcile.fluxcd.io/forceAt': {} } },
  }
  const disabled = { 'f:metadata': { 'f:annotations': { 'f:fluxcd.controlplane.io/reconcile': {} } } }
  const byWeb = { 'f:metadata': { 'f:annotations': { 'f:fluxcd.controlplane.io/suspendedBy': {} } }, 'f:spec': { 'f:suspend': {} } }
  test.each<[string, string, object, boolean]>([
    ['flux suspend', 'flux', { 'f:spec': { 'f:suspend': {} } }, false],
    ['flux reconcile', 'flux', asked, false],
    ['kubectl annotate requestedAt', 'kubectl-annotate', asked, false],
    ['kubectl annotate reconcile=disabled', 'kubectl-annotate', disabled, false],
    ['the web UI that suspends', 'flux-operator-web', byWeb, false],
    ["the operator's CLI that suspends", 'flux-operator-ctl', disabled, false],
    ['kubectl patch of suspend', 'kubectl-patch', { 'f:spec': { '.': {}, 'f:suspend': {} } }, false],
    ['kubectl edit of suspend and more', 'kubectl-edit', { 'f:spec': { 'f:suspend': {}, 'f:interval': {} } }, true],
    ['an annotation of its own', 'flux-operator-web', { 'f:metadata': { 'f:annotations': { 'f:by': {} } } }, true],
    ['a field of the same name elsewhere', 'kubectl-edit', { 'f:spec': { 'f:values': { 'f:suspend': {} } } }, true],
    ['Flux itself', 'kustomize-controller', { 'f:spec': { 'f:interval': {} } }, false],
  ])('%s', (_, manager, fieldsV1, is) => {
    expect(isForeign({ manager, fieldsV1, subresource: undefined })).toBe(is)
    expect(isForeign({ manager, fieldsV1, subresource: 'status' })).toBe(false)
  })
})

describe('who suspended something', () => {
  const entry = (manager: string, time: string, fieldsV1: object = { 'f:spec': { 'f:suspend': {} } }) => ({ manager, time, fieldsV1 })
  test.each([
    ['flux', 'suspended by flux (flux CLI)'],
    ['flux-operator-ctl', 'suspended by flux-operator-ctl (flux-operator CLI)'],
    ['kubectl-edit', 'suspended by kubectl-edit (kubectl)'],
    ['flux-runbook', "suspended by flux-runbook (this project's scripts)"],
    ['kustomize-controller', 'suspended by kustomize-controller (Git)'],
    ['k9s', 'suspended by k9s (another program)'],
  ])('is reported by %s', (manager, reported) => {
    const other = entry('kubectl-edit', '2026-01-03T00:00:00Z', { 'f:spec': { 'f:interval': {} } })
    const suspension = suspensionIn({ annotations: {}, managedFields: [other, entry(manager, '2026-01-02T00:00:00Z')] })
    expect(describeSuspension(suspension)).toBe(reported)
    expect(suspension).toMatchObject({ by: manager, since: '2026-01-02T00:00:00Z' })
  })
  test('by the web UI, which notes the name of its user', () => {
    const annotations = { 'fluxcd.controlplane.io/suspendedBy': 'jane' }
    const suspension = suspensionIn({ annotations, managedFields: [entry('flux-operator-web', '2026-01-02T00:00:00Z')] })
    expect(describeSuspension(suspension)).toBe('suspended by jane (flux-operator-web, web UI)')
  })
  test('is not known where nobody is noted', () => {
    expect(suspensionIn({ annotations: {}, managedFields: [] })).toMatchObject({ by: 'unknown', since: undefined })
  })
  test('on an object of the operator, by its annotation', () => {
    const metadata = { name: 'shop', annotations: { 'fluxcd.controlplane.io/reconcile': 'disabled' } }
    const kind = { apiVersion: 'fluxcd.controlplane.io/v1', kind: 'ResourceSet' }
    const managedFields = [
      entry('kubectl-annotate', '2026-01-02T00:00:00Z', {
        'f:metadata': { 'f:annotations': { 'f:fluxcd.controlplane.io/reconcile': {} } },
      }),
    ]
    expect(parseFluxObject({ metadata: { ...metadata, managedFields } }, kind, true)).toMatchObject({
      isSuspended: true,
      suspension: { by: 'kubectl-annotate', via: 'kubectl', since: '2026-01-02T00:00:00Z' },
    })
  })
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

test('a probe that had nothing to check has no tick', () => {
  const { console, lines } = recordingConsole()
  const probed = { id: 'alerts', title: 'Alerts', state: 'ok', detail: 'not checked: no PROMETHEUS_URL (.env.example)' } as const
  showProbes(
    console,
    [
      { ...probed, applies: false },
      { ...probed, title: 'Secrets', detail: '3 referenced, none missing' },
    ],
    0,
  )
  expect(lines).toEqual(['– Alerts: not checked: no PROMETHEUS_URL (.env.example)', '✔ Secrets: 3 referenced, none missing'])
})
