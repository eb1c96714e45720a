import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { notBuilt } from '../../../lab/rehearsal/rehearse.ts'
import { chartArtifact, manifestsArtifact } from '../../../lab/rehearsal/stub-chart.ts'
import { tarArchive } from '../../../lab/rehearsal/tar-archive.ts'
import { versionInRange } from '../../../lab/rehearsal/version-in-range.ts'
import { filesInTar } from '../../../lib/tools/tar.ts'

test.each([
  ['v1.20.0', 'v1.20.0'],
  ['1.2.3-rc.1+build', '1.2.3-rc.1+build'],
  ['*', '1.0.0'],
  ['', '1.0.0'],
  ['1.x', '1.0.0'],
  ['^1.2', '1.2.0'],
  ['~2.3.4', '2.3.4'],
  ['>=1.0.0-alpha', '1.0.0'],
  ['>= 1.2.0, < 2.0.0', '1.2.0'],
  ['<2.0.0 >=1.5.0', '1.5.0'],
  ['>1.2.3', '1.2.4'],
  ['>1.2', '1.3.0'],
  ['>1', '2.0.0'],
  ['<2', '0.0.1'],
  ['1.0.0 - 2.0.0', '1.0.0'],
  ['3.x || 4.x', '3.0.0'],
])('a chart at "%s" is stood in for by version %s', (range, version) => {
  expect(versionInRange(range)).toBe(version)
})

test('a Flux that the lab has no programs for is warned of, with what to do', () => {
  const images = [{ image: 'source-controller', tag: 'v1.9.5', kind: 'real' as const }]
  expect(notBuilt(['2.9.5', '2.9.4', '2.8.1'], { images })).toEqual([
    'Flux 2.9.4, which the tree asks for, has no programs in this lab; build it: npx zx scripts/lab.ts up --flux 2.9.4',
    'Flux 2.8.1, which the tree asks for, has no programs in this lab; ask for another version in your own repository',
  ])
})

test('an archive holds its files, names of more than a hundred bytes too, and the same bytes each time', () => {
  const files = { 'a.yaml': 'a: 1\n', [`${'folder/'.repeat(15)}long.yaml`]: 'b: 2\n'.repeat(200), 'empty.yaml': '' }
  const archive = tarArchive(files)
  expect(Object.fromEntries([...filesInTar(gunzipSync(archive))].map(([path, content]) => [path, content.toString()]))).toEqual(files)
  expect(tarArchive(files)).toEqual(archive)
  expect(() => tarArchive({ [`${'x'.repeat(101)}.yaml`]: '' })).toThrow(/^the path is too long for an archive: x+\.yaml$/)
})

test('a chart that stands in has one Deployment of its release, and is called as the real one', () => {
  const { repository, tag, config, layer } = chartArtifact('stand-ins/charts.example/shop', '1.2.3')
  expect([repository, tag]).toEqual(['stand-ins/charts.example/shop', '1.2.3'])
  expect(JSON.parse(config.content)).toMatchObject({ name: 'shop', version: '1.2.3' })
  const files = filesInTar(gunzipSync(layer.content))
  expect(parse(files.get('shop/Chart.yaml')?.toString() ?? '')).toMatchObject({ apiVersion: 'v2', name: 'shop', version: '1.2.3' })
  expect(files.get('shop/templates/deployment.yaml')?.toString()).toContain('stand-ins/shop:1.2.3')
  // A tag that is not a version, such as latest, is none of a chart either.
  expect(JSON.parse(chartArtifact('a/shop', 'latest').config.content)).toMatchObject({ version: '1.0.0' })
})

test('manifests are pushed as Flux pushes them, unless the tree asks for another type', () => {
  expect(manifestsArtifact('a', 'b', {}).layer.mediaType).toBe('application/vnd.cncf.flux.content.v1.tar+gzip')
  expect(manifestsArtifact('a', 'b', {}, 'application/x').layer.mediaType).toBe('application/x')
})
