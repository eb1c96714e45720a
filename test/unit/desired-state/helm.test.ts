import { describe, expect, test } from 'vitest'
import { digestIn } from '../../../lib/desired-state/render-chart.ts'

const hex = '4c3a1b2d'.repeat(8)
const said = `Pulled: 127.0.0.1:5000/charts/flux-operator:0.59.0\nDigest: sha256:${hex}\n`
const chart = {
  name: 'flux-operator',
  releaseName: 'flux-operator',
  namespace: 'flux-system',
  url: 'oci://127.0.0.1:5000/charts/flux-operator',
  version: '0.59.0',
  insecure: true,
  values: {},
  patches: [],
  tracksDigest: true,
}

describe('the digest of a chart that helm has pulled', () => {
  test.each([
    ['to 3.10.1 on stdout', { stdout: said, stderr: '' }],
    ['from 3.10.2 to 4.2.0 on stderr', { stdout: '', stderr: said }],
    [
      'on stderr after a warning',
      { stdout: '', stderr: `WARNING: the cache of sha256:${'0'.repeat(64)} is readable by others\r\n${said.replaceAll('\n', '\r\n')}` },
    ],
    ['from 4.2.1 on stdout, warnings on stderr', { stdout: said, stderr: 'level=WARN msg="unable to find exact version"\n' }],
  ])('is read %s', (_, output) => {
    expect(digestIn(output, 'helm', chart)).toBe(hex)
  })

  test('that helm does not print is a finding, with what helm said', () => {
    expect(() => digestIn({ stdout: '', stderr: 'Pulled: nothing\n' }, 'helm', chart)).toThrow(
      expect.objectContaining({
        kind: 'blocked',
        message:
          "helm pull did not print the digest of oci://127.0.0.1:5000/charts/flux-operator 0.59.0, which Flux adds to the chart's version: Pulled: nothing",
        remedy: 'helm version; any release of helm 3.10 or newer prints it',
      }),
    )
  })
})
