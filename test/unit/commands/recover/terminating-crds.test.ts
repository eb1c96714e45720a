import { expect, test } from 'vitest'
import { terminatingIn } from '../../../../lib/commands/recover/steps/remove-crd-finalizers.ts'
import { withoutCrds } from '../../../../lib/commands/recover/terminating-crds.ts'
import { fluxKinds } from '../../../../lib/flux/kinds.ts'
import type { Cluster } from '../../../../lib/kubernetes/client.ts'
import { kinds, type KubeObject, parseObject } from '../../../../lib/kubernetes/objects.ts'

function crd(plural: string, kind: string, deletionTimestamp?: string): KubeObject {
  const group = 'fluxcd.controlplane.io'
  return parseObject({
    ...kinds.crd,
    metadata: { name: `${plural}.${group}`, ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) },
    spec: { group, names: { kind } },
  })
}

const going = crd('resourcesets', 'ResourceSet', '2026-11-30T10:00:00Z')
const staying = crd('fluxinstances', 'FluxInstance')
const set = parseObject({ ...fluxKinds.resourceSet, metadata: { namespace: 'flux-system', name: 'apps' } })

test('only definitions that are being deleted are let go', () => {
  expect(terminatingIn([going, staying])).toEqual([
    { name: 'resourcesets.fluxcd.controlplane.io', group: 'fluxcd.controlplane.io', kind: 'ResourceSet' },
  ])
})

test('looks find neither them nor their objects any more, and all else', async () => {
  const asked: unknown[] = []
  const unused = (): never => {
    throw new Error('not asked for')
  }
  const cluster: Cluster = {
    endpoint: { origin: '', exchange: unused, close: () => undefined, closed: new AbortController().signal, now: Date.now },
    signal: new AbortController().signal,
    get: ({ kind }) => Promise.resolve(kind === 'ResourceSet' ? set : going),
    list: ({ kind }) => Promise.resolve(kind === 'ResourceSet' ? [set] : [going, staying]),
    isInstalled: () => Promise.resolve(true),
    collection: (kind, query) => {
      asked.push(query)
      return Promise.resolve(kind.kind)
    },
    learn: unused,
    page: unused,
    readPage: unused,
    isNamespaced: unused,
    apply: unused,
    patch: unused,
    create: unused,
    replace: unused,
    remove: unused,
    read: unused,
  }
  const seen = withoutCrds(cluster, terminatingIn([going, staying]))
  expect(await seen.get({ ...fluxKinds.resourceSet, namespace: 'flux-system', name: 'apps' })).toBeUndefined()
  expect(await seen.get({ ...kinds.crd, name: going.metadata.name })).toBeUndefined()
  expect(await seen.list(fluxKinds.resourceSet)).toEqual([])
  expect(await seen.list(kinds.crd)).toEqual([staying])
  expect([await seen.isInstalled(fluxKinds.resourceSet), await seen.isInstalled(fluxKinds.fluxInstance)]).toEqual([false, true])
  await seen.collection(kinds.crd, { fields: 'a=b' })
  await seen.collection(fluxKinds.fluxInstance, {})
  expect(asked).toEqual([{ fields: 'a=b,metadata.name!=resourcesets.fluxcd.controlplane.io' }, {}])
})
