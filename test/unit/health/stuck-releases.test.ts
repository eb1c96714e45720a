import { expect, test } from 'vitest'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { stuckReleases } from '../../../lib/health/stuck-releases.ts'
import { kinds, parseObject } from '../../../lib/kubernetes/objects.ts'
import { snapshotOf } from './found-by.ts'

/** Which HelmReleases are found stuck, of one whose Helm release has been pending for a day under this name. */
async function stuck(spec: object, name: string): Promise<string[]> {
  const release = parseObject({ ...fluxKinds.helmRelease, metadata: { namespace: 'apps', name: 'shop' }, spec })
  const secret = {
    metadata: {
      namespace: 'apps',
      name: `sh.helm.release.v1.${name}.v2`,
      labels: { name, status: 'pending-upgrade', version: '2' },
      creationTimestamp: new Date(Date.now() - 24 * 60 * 60_000).toISOString(),
    },
  }
  const snapshot = snapshotOf([], { flux: [release] })
  const cluster = {
    ...snapshot.cluster,
    collection: () => Promise.resolve('/api/v1/secrets?'),
    read: () => Promise.resolve({ kind: kinds.secret.kind, items: [secret] }),
  }
  return [...(await stuckReleases({ ...snapshot, cluster })).keys()]
}

test('a release that nobody works on is stuck, unless a person has suspended it', async () => {
  expect(await stuck({}, 'shop')).toEqual(['HelmRelease apps/shop'])
  expect(await stuck({ suspend: true }, 'shop')).toEqual([])
})

test('a release whose name is longer than Helm takes is found by what helm-controller makes of it', async () => {
  // As helm-controller's own test has it (internal/release/name_test.go).
  const releaseName = 'release-name-with-very-long-name-which-is-longer-than-53-characters'
  expect(await stuck({ releaseName }, 'release-name-with-very-long-name-which-i-788ca0d0d7b0')).toEqual(['HelmRelease apps/shop'])
})
