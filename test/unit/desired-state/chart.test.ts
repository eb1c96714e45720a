import { describe, expect, test } from 'vitest'
import { findChart } from '../../../lib/desired-state/chart.ts'
import { parseObject } from '../../../lib/kubernetes/objects.ts'

const folder = (spec: object, source: object = {}) => [
  parseObject({
    apiVersion: 'helm.toolkit.fluxcd.io/v2',
    kind: 'HelmRelease',
    metadata: { name: 'web', namespace: 'flux-system' },
    spec: { chartRef: { kind: 'OCIRepository', name: 'web' }, ...spec },
  }),
  parseObject({
    apiVersion: 'source.toolkit.fluxcd.io/v1',
    kind: 'OCIRepository',
    metadata: { name: 'web', namespace: 'flux-system' },
    spec: { url: 'oci://registry.example.com:5000/charts/web', ref: { tag: 'v1.2.3-rc.1' }, ...source },
  }),
]

describe('what Git says of a chart', () => {
  test('is taken where Flux would take it', () => {
    expect(findChart(folder({ releaseName: 'web-2' }), 'here')).toMatchObject({ releaseName: 'web-2', version: 'v1.2.3-rc.1' })
  })
  test.each<[string, object, object, string]>([
    ['a flag for a release', { releaseName: '--post-renderer=/bin/sh' }, {}, 'HelmRelease flux-system/web in here: × Invalid format'],
    ['a flag for a namespace', { targetNamespace: '-n' }, {}, 'HelmRelease flux-system/web in here: × Invalid format'],
    ['a longer name than Helm takes', { releaseName: 'a'.repeat(54) }, {}, 'HelmRelease flux-system/web in here: × Invalid length'],
    ['a file for a chart', {}, { url: 'file:///etc/charts' }, 'OCIRepository flux-system/web in here: × Invalid format'],
    ['a flag for a version', {}, { ref: { tag: '--insecure' } }, 'OCIRepository flux-system/web in here: × Invalid format'],
    ['no range of versions', {}, { ref: { semver: '>1; reboot' } }, 'OCIRepository flux-system/web in here: × Invalid format'],
    ['no digest', {}, { ref: { digest: 'sha256:../1' } }, 'OCIRepository flux-system/web in here: × Invalid format'],
  ])('is refused where it is %s', (_, release, source, message) => {
    expect(() => findChart(folder(release, source), 'here')).toThrow(message)
  })
})
