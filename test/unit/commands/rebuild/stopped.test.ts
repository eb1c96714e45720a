import { expect, test } from 'vitest'
import { type Entry, entryText } from '../../../../lib/capture/capture.ts'
import { suspendEarly } from '../../../../lib/commands/rebuild/steps/create-suspended.ts'
import { stopOf } from '../../../../lib/commands/rebuild/steps/stopped.ts'
import { fluxKinds } from '../../../../lib/flux/kinds.ts'
import { detachedBy, suspendedBy } from '../../../../lib/flux/suspension.ts'
import type { Cluster } from '../../../../lib/kubernetes/client.ts'
import { type KubeObject, parseObject, refOf } from '../../../../lib/kubernetes/objects.ts'
import type { Consent } from '../../../../lib/runner/consent.ts'
import { clusterOf } from '../../fake-cluster.ts'
import { stage } from '../../run-stage.ts'

const detach = 'kustomize.toolkit.fluxcd.io/reconcile'
const yes: Consent = { changes: 'given', destroys: 'missing' }

/** A HelmRelease whose values a person has changed, and which that person keeps from Git. */
function detached(manager: string): KubeObject {
  return parseObject({
    ...fluxKinds.helmRelease,
    metadata: {
      namespace: 'apps',
      name: 'shop',
      annotations: { [detach]: 'disabled' },
      managedFields: [{ manager, fieldsV1: { 'f:metadata': { 'f:annotations': { [`f:${detach}`]: {} } } } }],
    },
    spec: { values: { replicas: 7 } },
  })
}
const entryOf = (object: KubeObject): Entry => ({
  ref: refOf(object),
  role: 'flux',
  because: [],
  broughtBy: 'Kustomization apps/shop',
  suspendedBy: 'kubectl-annotate',
  text: entryText(object, false),
})

test('what a person has detached from Git is theirs, and what Git itself leaves alone is not', () => {
  expect(detachedBy(detached('kubectl-annotate'))).toBe('kubectl-annotate')
  expect([detachedBy(detached('kustomize-controller')), suspendedBy(detached('kubectl-annotate'))]).toEqual([undefined, undefined])
})

test('it comes back as the person left it, before a controller could apply what Git says of it', async () => {
  const written: unknown[] = []
  let live: KubeObject | undefined
  const apply: Cluster['apply'] = (object, options) => {
    written.push([options?.manager, object.metadata.annotations, object.spec])
    live = object
    return Promise.resolve(object)
  }
  const patch: Cluster['patch'] = (_, body) => {
    written.push(body)
    live = detached('flux-runbook')
    return Promise.resolve(live)
  }
  const world = { cluster: { ...clusterOf(() => (live === undefined ? [] : [live])), apply, patch } }
  const header = { context: '', server: '', uid: '', namespace: 'flux-system', takenAt: '' }
  const step = suspendEarly(() => Promise.resolve({ header, entries: [entryOf(detached('kubectl-annotate'))] }))
  // Nothing is kept of the kinds: the folder does not exist.
  const memory = { read: () => ({}), write: () => undefined, folder: () => '/nowhere' }
  expect((await stage([step], yes, undefined, {}, { world: { ...world, memory } }).result).outcome).toBe('done')
  expect(written).toEqual([
    ['kustomize-controller', {}, { values: { replicas: 7 } }],
    { metadata: { annotations: { [detach]: 'disabled' } } },
  ])
})

test('what was suspended and detached is both again', () => {
  const both = parseObject({ ...detached('flux'), spec: { suspend: true } })
  const { patch, isDone } = stopOf(entryOf(both))
  expect(patch).toEqual({ spec: { suspend: true }, metadata: { annotations: { [detach]: 'disabled' } } })
  expect([isDone(both), isDone(detached('flux'))]).toEqual([true, false])
})
