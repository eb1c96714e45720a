import { expect, test } from 'vitest'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { parseFluxObject } from '../../../lib/flux/object.ts'
import { judgeAll } from '../../../lib/health/assess.ts'

const now = Date.parse('2026-01-02T12:00:00Z')
const minute = 60_000

/** How an object is judged that has been at work for so long. */
function atWork(kind: { apiVersion: string; kind: string }, minutes: number, spec: object, annotations: object = {}): string | undefined {
  const lastTransitionTime = new Date(now - minutes * minute).toISOString()
  const conditions = [{ type: 'Ready', status: 'Unknown', reason: 'Progressing', message: '', lastTransitionTime, observedGeneration: 1 }]
  const metadata = { name: 'shop', namespace: 'shop', generation: 1, creationTimestamp: '2026-01-01T00:00:00Z', annotations }
  const object = parseFluxObject({ metadata, spec, status: { conditions } }, kind, true)
  return judgeAll({ all: [object], byName: new Map([[object.name, object]]), kinds: new Set() }, now).get(object.name)?.is
}

test.each<[string, { apiVersion: string; kind: string }, number, object, object?]>([
  ['a HelmRelease that states nothing', fluxKinds.helmRelease, 5, {}],
  ['a HelmRelease', fluxKinds.helmRelease, 2, { timeout: '2m' }],
  ['a HelmRelease whose install may take longer', fluxKinds.helmRelease, 30, { install: { timeout: '30m' } }],
  ['a HelmRelease whose upgrade may', fluxKinds.helmRelease, 45, { timeout: '2m', upgrade: { timeout: '45m' }, test: { enable: true } }],
  ['a HelmRelease whose rollback may', fluxKinds.helmRelease, 20, { install: {}, rollback: { timeout: '20m' } }],
  ['a Kustomization', fluxKinds.kustomization, 3, { interval: '1h', timeout: '3m' }],
  ['a Kustomization that states no timeout', fluxKinds.kustomization, 59, { interval: '1h' }],
  ['a Kustomization that looks often', fluxKinds.kustomization, 0.5, { interval: '30s' }],
  ['a ResourceSet', fluxKinds.resourceSet, 25, {}, { 'fluxcd.controlplane.io/reconcileTimeout': '25m' }],
])('%s is at work, and in no trouble, until its own timeout is over', (_, kind, minutes, spec, annotations) => {
  expect(atWork(kind, minutes, spec, annotations)).toBe('busy')
  expect(atWork(kind, minutes + 2, spec, annotations)).toBe('fails')
})
