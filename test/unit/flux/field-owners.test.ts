import { expect, test } from 'vitest'
import { isForeign } from '../../../lib/flux/field-owners.ts'

const written = (manager: string, fieldsV1: object) => ({ manager, subresource: '', fieldsV1 })

test.each<[string, object]>([
  ['suspends', { 'f:spec': { 'f:suspend': {} } }],
  ['requests a reconciliation', { 'f:metadata': { 'f:annotations': { '.': {}, 'f:reconcile.fluxcd.io/requestedAt': {} } } }],
  ['disables reconciliation', { 'f:metadata': { 'f:annotations': { 'f:fluxcd.controlplane.io/reconcile': {} } } }],
  ['detaches it from Git by a label', { 'f:metadata': { 'f:labels': { 'f:kustomize.toolkit.fluxcd.io/reconcile': {} } } }],
  ['detaches it from Git', { 'f:metadata': { 'f:annotations': { 'f:kustomize.toolkit.fluxcd.io/reconcile': {} } } }],
])('a person who %s owns nothing of the object', (_, fieldsV1) => {
  expect(isForeign(written('kubectl-patch', fieldsV1))).toBe(false)
})

test('a person who changes something beside that owns it', () => {
  expect(isForeign(written('kubectl-patch', { 'f:spec': { 'f:suspend': {}, 'f:interval': {} } }))).toBe(true)
  expect(isForeign(written('kubectl-label', { 'f:metadata': { 'f:labels': { 'f:team': {} } } }))).toBe(true)
  expect(isForeign(written('kustomize-controller', { 'f:spec': { 'f:interval': {} } }))).toBe(false)
})
