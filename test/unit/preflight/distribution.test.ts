import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { changedWith, type FluxCrd } from '../../../lib/flux/crds.ts'
import { distributionIn } from '../../../lib/flux/distribution.ts'
import { apiChanges, checkStored } from '../../../lib/commands/upgrade/checks/api-versions.ts'
import { checkVersions } from '../../../lib/commands/upgrade/checks/versions.ts'
import { nearestVersions } from '../../../lib/base/version.ts'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { parseObject } from '../../../lib/kubernetes/objects.ts'
import { filesInTar } from '../../../lib/tools/tar.ts'

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'distribution-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const crd = (versions: string): string => `kind: CustomResourceDefinition
metadata: {name: buckets.source.toolkit.fluxcd.io}
spec: {versions: [${versions}]}
---
kind: Deployment
`

/** The distribution of a tar archive that tar itself made. */
function made(...flags: string[]): ReturnType<typeof distributionIn> {
  const long = `flux/v2.9.5/${'long-'.repeat(16)}/${'name-'.repeat(16)}.yaml`
  const files = {
    'flux/v2.7.0/source-controller.yaml': crd('{name: v1, served: true}, {name: v1beta2, served: true}'),
    'flux/v2.9.5/source-controller.yaml': crd('{name: v1, served: true}, {name: v1beta1, served: false}'),
    [long]: 'kind: Other\n',
    'flux-images/v2.9.5/upstream-alpine.yaml': 'images: [{name: ghcr.io/fluxcd/source-controller, newTag: v1.9.5}]\n',
    'flux-images/VERSION': 'v2.9.5\n',
  }
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  const archive = filesInTar(execFileSync('tar', ['-C', folder, ...flags, '-cf', '-', '.']))
  expect([...archive.keys()].sort()).toEqual(Object.keys(files).sort())
  return distributionIn(archive)
}

describe('a distribution artifact', () => {
  test.each([[['--format=ustar']], [['--format=gnu']], [['--format=pax']]])('is read as tar writes it %s', (flags) => {
    const distribution = made(...flags)
    expect([...distribution.versions].sort()).toEqual(['2.7.0', '2.9.5'])
    expect([...distribution.imagesOf('2.9.5')]).toEqual([['source-controller', 'v1.9.5']])
    expect([...distribution.apisOf('2.9.5')]).toEqual([['buckets.source.toolkit.fluxcd.io', ['v1']]])
    expect([...distribution.imagesOf('2.7.0')]).toEqual([])
  })

  test('shows which API versions a version of Flux removes', () => {
    const buckets = { name: 'buckets.source.toolkit.fluxcd.io', kind: 'Bucket', group: 'source.toolkit.fluxcd.io' }
    const there = { ...buckets, versions: ['v1', 'v1beta2'], served: ['v1', 'v1beta2'], storage: 'v1', stored: ['v1'], isEstablished: true }
    const changes = apiChanges([there, { ...there, name: 'alerts.notification.toolkit.fluxcd.io' }], made(), '2.9.5')
    expect(changes).toMatchObject({ added: [], removed: ['buckets.source.toolkit.fluxcd.io v1beta2'] })
    expect([...changes.removedVersions]).toEqual(['buckets.source.toolkit.fluxcd.io v1beta2'])
  })
})

test('a CRD that is left of a component that this Flux does not have is changed by no version, and blocks none', () => {
  const crdOf = (plural: string, kind: string, version: string): FluxCrd => ({
    name: `${plural}.image.toolkit.fluxcd.io`,
    kind,
    group: 'image.toolkit.fluxcd.io',
    storage: version,
    versions: [version],
    served: [version],
    stored: [version],
    isEstablished: true,
  })
  const crds = [crdOf('imagepolicies', 'ImagePolicy', 'v1'), crdOf('imageupdateautomations', 'ImageUpdateAutomation', 'v1beta2')]
  const entries = [{ id: '_imagepolicies.image.toolkit.fluxcd.io_apiextensions.k8s.io_CustomResourceDefinition', v: 'v1' }]
  const instance = (status: object) => parseObject({ ...fluxKinds.fluxInstance, metadata: { name: 'flux' }, status })
  const own = changedWith(instance({ inventory: { entries } }), crds)
  expect(own.map(({ kind }) => kind)).toEqual(['ImagePolicy'])
  const next = { versions: [], imagesOf: () => new Map(), apisOf: () => new Map(crds.map(({ name }) => [name, ['v1']])) }
  expect(checkStored(own, apiChanges(own, next, '2.9.5'))).toEqual([])
  expect(checkStored(crds, apiChanges(crds, next, '2.9.5'))).toHaveLength(1)
  expect(changedWith(instance({}), crds)).toEqual(crds) // nothing is known to be its own
})

describe('a version that does not exist', () => {
  const versions = ['2.7.0', '2.8.8', '2.9.4', '2.9.5']
  test.each([
    ['2.9.6', '2.9.5, 2.9.4, 2.8.8'],
    ['2.8.9', '2.8.8, 2.9.5, 2.9.4'],
    ['3.0.0', '2.9.5, 2.9.4, 2.8.8'],
  ])('%s has these nearest', (version, expected) => {
    expect(nearestVersions(version, versions).join(', ')).toBe(expected)
  })

  const at = (flux: string): { flux: string; operator: string } => ({ flux, operator: '0.59.0' })
  const check = (to: string, isBack = false): string[] =>
    checkVersions({
      from: at('2.9.4'),
      to: at(to),
      distribution: made(),
      artifact: 'oci://r/m:v0.59.0',
      isBack,
      where: '--context infra',
    }).map(({ is, what }) => `${is}: ${what}`)
  test('blocks, and so does an older one, unless the way is back', () => {
    expect(check('2.9.5')).toEqual([])
    expect(check('2.9.6')).toEqual(['blocks: there is no Flux 2.9.6 in oci://r/m:v0.59.0; the nearest that exist are 2.9.5, 2.7.0'])
    expect(check('2.7.0')).toEqual(['blocks: Flux 2.7.0 is older than 2.9.4, which runs: that is not an upgrade'])
    expect(check('2.7.0', true)).toEqual([])
  })
  test('cannot be reported from one that does where the manifests are inside the operator', () => {
    const found = checkVersions({
      from: at('2.9.4'),
      to: at('2.9.5'),
      distribution: undefined,
      artifact: '',
      isBack: false,
      where: '--context infra',
    })
    expect(found).toMatchObject([{ is: 'notice', what: expect.stringContaining("inside the operator's image") }])
  })
})
