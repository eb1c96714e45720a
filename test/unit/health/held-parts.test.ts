import { describe, expect, test } from 'vitest'
import { inventory } from '../../../lib/health/probes/inventory.ts'
import { networkPolicies } from '../../../lib/health/probes/network-policies.ts'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { kinds, type KubeObject, nameOf, parseObject, type Ref, refOf } from '../../../lib/kubernetes/objects.ts'
import { foundBy } from './found-by.ts'

const namespace = 'flux-system'
const since = '2026-11-30T00:00:00Z'
const networkPolicy = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' }
const instanceWith = (...ids: readonly string[]): KubeObject =>
  parseObject({
    ...fluxKinds.fluxInstance,
    metadata: { namespace, name: 'flux' },
    status: { inventory: { entries: ids.map((id) => ({ id, v: 'v1' })) } },
  })

/** What a probe says of these, one line each. */
async function reasons(probe: typeof inventory, objects: readonly KubeObject[], flux: readonly KubeObject[] = []): Promise<string[]> {
  const there = new Map([...objects, ...flux].map((one) => [nameOf(refOf(one)), one]))
  const read = (ref: Ref): Promise<KubeObject | undefined> => Promise.resolve(there.get(nameOf(ref)))
  const { objects: found = [] } = await foundBy(probe, objects, { flux, metadata: read, get: read })
  return found.map(({ object, reason, damage }) => `${object} ${reason} (${damage ?? 'none'})`)
}

describe('a source that Flux consists of', () => {
  const instance = instanceWith(`${namespace}_${namespace}_source.toolkit.fluxcd.io_GitRepository`)
  const source = (metadata: object): KubeObject =>
    parseObject({ ...fluxKinds.gitRepository, metadata: { namespace, name: namespace, ...metadata }, spec: {} })
  test("that is being deleted, and held by someone else's finalizer, is named at once", async () => {
    const held = source({ deletionTimestamp: since, finalizers: ['example.com/billing'] })
    expect(await reasons(inventory, [instance], [held])).toEqual([
      `GitRepository ${namespace}/${namespace} is being deleted since ${since}, held by its finalizer example.com/billing; FluxInstance flux-system/flux has installed it (part-gone)`,
    ])
  })
  test('is left to its controller while that finalizer is its own', async () => {
    expect(await reasons(inventory, [instance], [source({ deletionTimestamp: since, finalizers: ['finalizers.fluxcd.io'] })])).toEqual([])
    expect(await reasons(inventory, [instance], [source({})])).toEqual([])
  })
})

describe('a NetworkPolicy of the controllers', () => {
  const names = ['allow-egress', 'allow-scraping', 'allow-webhooks']
  const instance = { ...instanceWith(...names.map((name) => `${namespace}_${name}_networking.k8s.io_NetworkPolicy`)), spec: {} }
  const policies = (metadata: object): KubeObject[] =>
    names.map((name, at) => parseObject({ ...networkPolicy, metadata: { namespace, name, ...(at === 0 ? metadata : {}) }, spec: {} }))
  test('that is being deleted is as good as gone, and a part that recover asks for', async () => {
    const held = { deletionTimestamp: since, finalizers: ['example.com/billing'] }
    expect(await reasons(networkPolicies, [instance, ...policies(held)])).toEqual([
      `NetworkPolicy ${namespace}/allow-egress is being deleted since ${since}, held by its finalizer example.com/billing (part-gone)`,
    ])
    expect(await reasons(networkPolicies, [instance, ...policies({}).slice(1)])).toEqual([
      `NetworkPolicy ${namespace}/allow-egress does not exist: the operator recreates it, if it runs (part-gone)`,
    ])
    expect(await reasons(networkPolicies, [instance, ...policies({})])).toEqual([])
  })
})

describe("Helm's record of one of Flux's own releases", () => {
  const release = parseObject({
    ...fluxKinds.helmRelease,
    metadata: { namespace, name: 'flux-operator' },
    spec: {},
    status: { storageNamespace: namespace, history: [{ name: 'flux-operator', version: 3, status: 'deployed' }] },
  })
  const record = (text: string): KubeObject =>
    parseObject({
      ...kinds.secret,
      metadata: { namespace, name: 'sh.helm.release.v1.flux-operator.v3', labels: { name: 'flux-operator', status: 'deployed' } },
      data: { release: Buffer.from(Buffer.from(text).toString('base64')).toString('base64') },
    })
  test('is a part of Flux: one that is gone is named, and who makes it again', async () => {
    expect(await reasons(inventory, [], [release])).toEqual([
      `Secret ${namespace}/sh.helm.release.v1.flux-operator.v3 does not exist; HelmRelease flux-system/flux-operator has installed it (part-gone)`,
    ])
    expect(await reasons(inventory, [record('{"manifest":""}')], [release])).toEqual([])
  })
  test('is named where it cannot be read: helm-controller would do nothing while it is there', async () => {
    expect(await reasons(inventory, [record('not the right one')], [release])).toEqual([
      expect.stringMatching(
        /^Secret flux-system\/sh\.helm\.release\.v1\.flux-operator\.v3 cannot be read: .*; helm-controller neither upgrades nor repairs what it is of \(release-unreadable\)$/,
      ),
    ])
  })
  test('is not expected of a release that was never deployed', async () => {
    const failed = {
      ...release,
      status: { storageNamespace: namespace, history: [{ name: 'flux-operator', version: 1, status: 'failed' }] },
    }
    expect(await reasons(inventory, [], [failed])).toEqual([])
  })
})
