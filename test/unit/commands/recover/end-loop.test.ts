import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { sourcesOf } from '../../../../lib/commands/recover/bringers.ts'
import { endLoop, recordedLoop } from '../../../../lib/commands/recover/steps/end-loop.ts'
import { hasMoved } from '../../../../lib/commands/recover/steps/loop-trial.ts'
import { parseFluxObject } from '../../../../lib/flux/object.ts'
import { fluxKinds } from '../../../../lib/flux/kinds.ts'
import type { Cluster } from '../../../../lib/kubernetes/client.ts'
import type { Suspect } from '../../../../lib/health/changes.ts'
import { nameOf, parseObject, type Ref } from '../../../../lib/kubernetes/objects.ts'
import type { Consent } from '../../../../lib/runner/consent.ts'
import { clusterOf } from '../../fake-cluster.ts'
import { missing, stage } from '../../run-stage.ts'

const namespace = 'flux-system'
const release: Ref = { ...fluxKinds.helmRelease, namespace, name: 'flux-instance' }
const source: Ref = { ...fluxKinds.gitRepository, namespace, name: namespace }
const minute = 60_000
const suspensionSchema = v.object({ spec: v.object({ suspend: v.boolean() }) })
const yes: Consent = { changes: 'given', destroys: 'missing' }

/** What Flux does while it is watched. */
interface Activity {
  /** How often the release is reconciled by itself, in milliseconds. */
  readonly interval: number
  /** Whether it is released again and again. */
  readonly isReleased: boolean
  /** Whether each time there was a commit. */
  readonly isCommitted: boolean
}

/** A HelmRelease that was released three times with the same values, as seen when recover begins; `patches` is what was done about it. */
function world({ interval, isReleased, isCommitted }: Activity, consent: Consent) {
  let releases = 0
  let commits = 0
  let asked: string | undefined
  let isSuspended = false
  const patches: [string, unknown][] = []
  const cluster = clusterOf(() => [
    parseObject({
      ...release,
      metadata: { namespace, name: release.name, annotations: asked === undefined ? {} : { 'reconcile.fluxcd.io/requestedAt': asked } },
      spec: { suspend: isSuspended },
      status: {
        lastAttemptedRevision: `2.9.5+${isCommitted ? commits : 0}`,
        history: [{ lastDeployed: `release ${isReleased ? (releases += 1) : 0}` }],
        conditions: [{ type: 'Ready', status: 'True', message: 'Helm upgrade succeeded' }],
        ...(asked === undefined ? {} : { lastHandledReconcileAt: asked }),
      },
    }),
    parseObject({ ...source, metadata: { namespace, name: namespace }, status: { artifact: { revision: 'main@sha1:1' } } }),
  ])
  const patch: Cluster['patch'] = (ref, body) => {
    patches.push([nameOf(ref), body])
    if (v.is(suspensionSchema, body)) isSuspended = body.spec.suspend
    else {
      asked = `request ${patches.length}`
      if (isCommitted) commits += 1
    }
    return Promise.resolve(parseObject({ ...ref, metadata: ref }))
  }
  const suspect: Suspect = {
    object: nameOf(release),
    by: nameOf(release),
    doer: release,
    what: 'released chart flux-instance 2.9.5 with the same values 3 times',
    first: 0,
    interval,
    cause: 0,
    newestCause: () => Promise.resolve(isCommitted ? (commits += 1) : 0),
    isUnprovoked: true,
  }
  let kept: Readonly<Record<string, unknown>> = {}
  const memory = { read: () => kept, write: (more: object) => void (kept = { ...kept, ...more }), folder: () => '' }
  const [suspend] = endLoop([suspect], [source])
  const steps = suspend === undefined ? [] : [suspend]
  const { result } = stage(steps, consent, undefined, {}, { timeout: 1200, world: { cluster: { ...cluster, patch }, memory } })
  const suspensions = (): unknown[] => patches.filter(([, body]) => v.is(suspensionSchema, body))
  return { result, suspensions, loop: () => recordedLoop(memory) }
}

describe('recover with --yes alone suspends what a health check suspects of going round in a circle', () => {
  test.each<[string, Activity]>([
    ['that has stopped, as after a few upgrades and rollbacks', { interval: minute, isReleased: false, isCommitted: false }],
    ['that continues because there are commits', { interval: minute, isReleased: true, isCommitted: true }],
    ['that reconciles seldom, and continues because there are commits', { interval: 10 * minute, isReleased: true, isCommitted: true }],
    ['that reconciles seldom, and changes nothing when it is asked to', { interval: 10 * minute, isReleased: false, isCommitted: false }],
  ])('never: %s', async (_, activity) => {
    const { result, suspensions, loop } = world(activity, yes)
    expect((await result).steps).toMatchObject([{ id: 'suspend', detail: 'it does not continue, so nothing was suspended' }])
    expect(suspensions()).toEqual([])
    expect(loop()).toBeUndefined()
  })

  test.each([minute, 10 * minute])('once it was seen to continue without a commit, and remembers that: every %d ms', async (interval) => {
    const { result, suspensions, loop } = world({ interval, isReleased: true, isCommitted: false }, yes)
    expect((await result).steps).toMatchObject([
      { id: 'suspend', state: 'done', detail: 'HelmRelease flux-system/flux-instance suspended' },
    ])
    expect(suspensions()).toEqual([['HelmRelease flux-system/flux-instance', { spec: { suspend: true } }]])
    expect(loop()).toMatchObject({ by: [release], revision: 'main@sha1:1', isSuspended: true })
  })
})

test('without --yes a job suspends nothing, loop or not', async () => {
  const { result, suspensions } = world({ interval: minute, isReleased: true, isCommitted: false }, missing)
  expect(await result).toMatchObject({ outcome: 'usage', failure: { remedy: expect.stringMatching(/ --yes$/) } })
  expect(suspensions()).toEqual([])
})

describe('what may bring the fix', () => {
  const at = (kind: string, apiVersion: string) => ({ kind, apiVersion })
  const parsed = (kind: { kind: string; apiVersion: string }, namespace: string, name: string, more: object = {}, labels = {}) =>
    parseFluxObject({ metadata: { namespace, name, labels }, spec: more }, kind, true)
  const older = at('OCIRepository', 'source.toolkit.fluxcd.io/v1beta2')
  const by = (namespace: string, name: string) => ({
    'kustomize.toolkit.fluxcd.io/namespace': namespace,
    'kustomize.toolkit.fluxcd.io/name': name,
  })
  const sourceRef = (kind: string, name: string) => ({ sourceRef: { kind, name } })
  const all = [
    parsed(older, 'flux-system', 'fleet'),
    parsed(fluxKinds.gitRepository, 'team', 'repository'),
    parsed(fluxKinds.kustomization, 'flux-system', 'fleet', sourceRef('OCIRepository', 'fleet')),
    parsed(fluxKinds.kustomization, 'team', 'apps', sourceRef('GitRepository', 'repository'), by('flux-system', 'fleet')),
    parsed(fluxKinds.helmRelease, 'team', 'shop', {}, by('team', 'apps')),
  ]
  const fleet = { ...older, namespace: 'flux-system', name: 'fleet' }
  const evidence = {
    objects: new Map(all.map((one) => [one.name, one])),
    installation: { follows: { source: fleet, root: fleet, url: '', ref: '', appliesItself: false } },
  }
  test("is what Flux follows, of whatever kind and name, and a tenant's own repository", () => {
    const tenants = { ...fluxKinds.gitRepository, namespace: 'team', name: 'repository' }
    expect(sourcesOf(evidence, ['HelmRelease team/shop'])).toEqual([fleet, tenants])
    expect(sourcesOf(evidence, ['Kustomization flux-system/fleet'])).toEqual([fleet])
  })
  test('is there once one of these has something new', () => {
    expect(hasMoved('latest@sha256:1, main@sha1:1', 'latest@sha256:1, main@sha1:2')).toBe(true)
    expect(hasMoved('latest@sha256:1, main@sha1:1', 'latest@sha256:1')).toBe(false)
    expect(hasMoved('', '')).toBe(false)
  })
})
