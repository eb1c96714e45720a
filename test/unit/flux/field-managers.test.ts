import { expect, test } from 'vitest'
import { isApplier, isOwnManager } from '../../../lib/flux/field-managers.ts'

/** Own: it writes to Flux's objects by itself. Applier: it says what Git or a chart says. */
test.each([
  ['kustomize-controller', { isOwn: true, applies: true }],
  ['helm-controller', { isOwn: true, applies: true }],
  ['flux-operator', { isOwn: true, applies: true }],
  ['source-controller', { isOwn: true, applies: false }],
  ['gotk-kustomize-controller', { isOwn: true, applies: false }],
  ['gotk-source-watcher', { isOwn: true, applies: false }],
  ['image-automation-controller', { isOwn: true, applies: false }],
  ['flux-runbook', { isOwn: true, applies: false }],
  ['kube-controller-manager', { isOwn: true, applies: false }],
  ['helm', { isOwn: false, applies: true }],
  ['flux', { isOwn: false, applies: false }],
  ['flux-operator-ctl', { isOwn: false, applies: false }],
  ['kubectl-client-side-apply', { isOwn: false, applies: false }],
  ['kubectl-edit', { isOwn: false, applies: false }],
  ['argocd-controller', { isOwn: false, applies: false }],
  ['argocd-application-controller', { isOwn: false, applies: false }],
  ['external-secrets-controller', { isOwn: false, applies: false }],
  ['Terraform', { isOwn: false, applies: false }],
  ['my-flux-operator', { isOwn: false, applies: false }],
  ['', { isOwn: false, applies: false }],
])('what is known of the field manager %j', (manager, known) => {
  expect({ isOwn: isOwnManager(manager), applies: isApplier(manager) }).toEqual(known)
})
