import { expect, test } from 'vitest'
import { checkPinned } from '../../../../lib/commands/validate/pinned.ts'
import type { ManifestObject } from '../../../../lib/commands/validate/cluster-tree.ts'

const sha = `sha256:${'1'.repeat(64)}`
const placed = (kind: string, name: string, spec: object): ManifestObject => ({
  object: { spec },
  kind,
  name,
  namespace: 'flux-system',
  by: undefined,
  place: () => ({ file: 'settings.yaml', line: 1 }),
})

function found(tag: string, artifact: string): string[] {
  const values = { instance: { distribution: { version: '2.9.5', artifact } } }
  const all = [
    placed('OCIRepository', 'flux-instance', { ref: { tag } }),
    placed('HelmRelease', 'flux-instance', { chartRef: { kind: 'OCIRepository', name: 'flux-instance' }, values }),
  ]
  return checkPinned({ cluster: 'infra', placed: all, applied: [], unknown: [] }).map(({ rule }) => rule)
}

test.each<[string, string, string, string[]]>([
  ['of the same release', '0.59.0', 'oci://r/m:v0.59.0', []],
  ['of the same release, the chart by tag and digest', `0.59.0@${sha}`, 'oci://r/m:v0.59.0', []],
  ['of the same release, by tag and digest', '0.59.0', `oci://r/m:v0.59.0@${sha}`, []],
  ['by digest alone, of which nobody can tell', '0.59.0', `oci://r:5000/m@${sha}`, []],
  ['of another release', '0.59.0', 'oci://r/m:v0.58.0', ['artifact']],
  ['of another release, by tag and digest', `0.59.0@${sha}`, `oci://r/m:v0.58.0@${sha}`, ['artifact']],
])('the distribution artifact is %s', (_, tag, artifact, rules) => {
  expect(found(tag, artifact)).toEqual(rules)
})
