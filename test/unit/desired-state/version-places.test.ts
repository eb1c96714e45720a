import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { projectRoot } from '../../../lib/base/paths.ts'
import { withVersionAt } from '../../../lib/desired-state/version-edit.ts'
import { findVersionPlaces, type TextFile, type VersionPlace } from '../../../lib/desired-state/version-places.ts'

function filesOf(folder: string): TextFile[] {
  const root = join(projectRoot, folder)
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.ya?ml$/.test(path))
    .sort()
    .map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') }))
}

const shown = (places: readonly VersionPlace[]): string[] =>
  places.map(({ of, is, file, line, says }) => `${of} ${is} ${file}:${line} ${says}`)

/** The lines that an edit changes: before and after. */
function changedLines(before: string, after: string): string[] {
  const [old, now] = [before.split('\n'), after.split('\n')]
  expect(now).toHaveLength(old.length)
  return now.flatMap((line, index) => (line === old[index] ? [] : [`${old[index]} → ${line}`]))
}

function edited(text: string, version = '2.9.5'): string {
  const [place] = findVersionPlaces([{ file: 'x.yaml', text }])
  if (place === undefined) throw new Error('no place')
  const edit = withVersionAt(text, place, version)
  if (edit.is !== 'text') throw new Error(edit.is)
  return edit.text
}

describe('the places that name a version', () => {
  test('in the layout of cluster-template: values of a HelmRelease, and the tag of the chart', () => {
    expect(shown(findVersionPlaces(filesOf('test/fixtures/trees/home')))).toEqual([
      'flux values kubernetes/apps/flux-system/flux-instance/app/helmrelease.yaml:32 2.9.4',
      'operator tag kubernetes/apps/flux-system/flux-operator/app/helmrelease.yaml:12 0.59.0',
    ])
  })

  test('in that of flux2-kustomize-helm-example: what flux bootstrap wrote', () => {
    expect(shown(findVersionPlaces(filesOf('test/fixtures/trees/bootstrap')))).toEqual([
      'flux components clusters/production/flux-system/gotk-components.yaml:3 2.9.4',
      'flux components clusters/staging/flux-system/gotk-components.yaml:3 2.9.4',
    ])
  })

  test('in that of d2-fleet: FluxInstances, and a chart in a ResourceSet', () => {
    expect(shown(findVersionPlaces(filesOf('test/fixtures/trees/fleet')))).toEqual([
      'flux instance clusters/prod/flux-system/flux-instance.yaml:8 2.9.4',
      'operator semver clusters/prod/flux-system/flux-operator.yaml:21 *',
      'flux instance clusters/staging/flux-system/flux-instance.yaml:8 2.9.4',
      'operator semver clusters/staging/flux-system/flux-operator.yaml:21 *',
    ])
  })

  test('of this very tree: the settings of each cluster, which its variables lead to', () => {
    expect(shown(findVersionPlaces(filesOf('kubernetes'))).map((place) => place.replace(/:.*/, ''))).toEqual([
      'flux settings clusters/apps/settings.yaml',
      'flux settings clusters/infra/settings.yaml',
      'operator settings clusters/apps/settings.yaml',
      'operator settings clusters/infra/settings.yaml',
    ])
  })

  test('a remote base, and the values of a chart in a file of their own', () => {
    const base = 'resources:\n  - github.com/fluxcd/flux2//manifests/install?ref=v2.9.4\n  - gotk-sync.yaml\n'
    const values = 'instance:\n  distribution:\n    version: 2.x\n'
    const places = findVersionPlaces([
      { file: 'kustomization.yaml', text: base },
      { file: 'values.yaml', text: values },
    ])
    expect(shown(places)).toEqual(['flux remote-base kustomization.yaml:2 2.9.4', 'flux values values.yaml:3 2.x'])
  })

  test('a chart of another name has none', () => {
    const release = (chart: string): string =>
      `kind: HelmRelease\nspec:\n  chart: { spec: { chart: ${chart}, version: 0.58.1 } }\n  values: { instance: { distribution: { version: 1.0.0 } } }\n`
    expect(findVersionPlaces([{ file: 'x.yaml', text: release('database') }])).toEqual([])
    expect(shown(findVersionPlaces([{ file: 'x.yaml', text: release('flux-operator') }]))).toEqual([
      'operator chart-version x.yaml:3 0.58.1',
    ])
  })
})

describe('a version is changed where it stands, and nothing else', () => {
  test.each(['home', 'fleet'])('in each place of the tree %s', (tree) => {
    const files = filesOf(`test/fixtures/trees/${tree}`)
    for (const place of findVersionPlaces(files).filter(({ of }) => of === 'flux')) {
      const text = files.find(({ file }) => file === place.file)?.text ?? ''
      const edit = withVersionAt(text, place, '2.9.5')
      if (edit.is !== 'text') throw new Error(edit.is)
      const [change] = changedLines(text, edit.text)
      expect(changedLines(text, edit.text)).toHaveLength(1)
      expect(change?.replace('2.9.4', '2.9.5').split(' → ')).toEqual([change?.split(' → ')[1], change?.split(' → ')[1]])
      expect(withVersionAt(edit.text, { ...place, says: '2.9.5' }, '2.9.4')).toEqual({ is: 'text', text })
    }
  })

  test.each([
    ["kind: FluxInstance\nspec:\n  distribution:\n    version: 'v2.9.4' # renovate: here\r\n", "    version: 'v2.9.5' # renovate: here\r"],
    ['kind: FluxInstance\nspec: {distribution: {version: "2.9.x"}}\n', 'spec: {distribution: {version: "2.9.5"}}'],
    [
      'resources:\n- https://github.com/fluxcd/flux2//manifests/install?ref=v2.9.4&timeout=90s\n',
      '- https://github.com/fluxcd/flux2//manifests/install?ref=v2.9.5&timeout=90s',
    ],
    ['kind: OCIRepository\nspec:\n  url: oci://r.example/charts/flux-operator\n  ref: {tag: 0.59.0@sha256:12}\n', '  ref: {tag: 2.9.5}'],
  ])('%j', (text, line) => {
    expect(edited(text).split('\n')).toContain(line)
  })

  test('manifests of flux bootstrap are recreated by the flux CLI, with what they were made with', () => {
    const [file] = filesOf('test/fixtures/trees/bootstrap').filter((one) => one.file.endsWith('gotk-components.yaml'))
    const [place] = findVersionPlaces(file === undefined ? [] : [file])
    if (file === undefined || place === undefined) throw new Error('no place')
    expect(withVersionAt(file.text, place, '2.9.5')).toEqual({
      is: 'export',
      args: [
        'install',
        '--export',
        '--version=v2.9.5',
        '--components=source-controller,kustomize-controller,helm-controller,notification-controller',
        '--namespace=flux-system',
        '--registry=ghcr.io/fluxcd',
        '--network-policy=false',
      ],
    })
  })

  test('a digest stands for no version, so it is refused', () => {
    const text = 'kind: OCIRepository\nspec:\n  url: oci://r.example/flux-operator\n  ref:\n    digest: sha256:12\n'
    expect(() => edited(text)).toThrow('x.yaml:5 pins sha256:12, a digest, whose version is not known')
  })

  test('an alias that others share is refused', () => {
    const text = 'kind: FluxInstance\nmetadata: { labels: { v: &v 2.9.4 } }\nspec: { distribution: { version: *v } }\n'
    expect(findVersionPlaces([{ file: 'x.yaml', text }])).toEqual([])
  })
})

test.each(['constructor', '__proto__', 'toString'])('a document of the kind %s sets no variable', (kind) => {
  const text = `kind: ${kind}\ndata: { v: 2.9.5 }\n---\nkind: FluxInstance\nspec: { distribution: { version: "\${v}" } }\n`
  expect(findVersionPlaces([{ file: 'a.yaml', text }])).toEqual([])
})
