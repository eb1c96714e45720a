import { expect, test } from 'vitest'
import { nearest } from '../../../lib/base/nearest.ts'
import { nearestVersions } from '../../../lib/base/version.ts'

test.each([
  ['infra', ['lab-infra', 'lab-apps'], 'lab-infra'],
  ['infra', ['gke_project_zone_infra', 'intra-apps'], 'gke_project_zone_infra'],
  ['lab-infra', ['infra', 'apps'], 'infra'],
  ['foo', ['loop', 'git-gone'], undefined],
  ['f', ['force', 'fresh'], undefined],
  ['y', ['yes', 'json'], 'yes'],
  ['ifnra', ['inara', 'infra'], 'infra'],
  ['contxt', ['context', 'cluster'], 'context'],
])('%s among %j means %s', (word, words, meant) => {
  expect(nearest(word, words)).toBe(meant)
})

test('versions are near by their numbers: no downgrade by seven minors for one that is too new', () => {
  const versions = ['2.2.3', '2.3.0', '2.9.4', '2.9.5']
  expect(nearestVersions('3.0.0', versions)[0]).toBe('2.9.5')
  expect(nearestVersions('1.0.0', versions)[0]).toBe('2.2.3')
  expect(nearestVersions('2.10.0', versions)[0]).toBe('2.9.5')
  expect(nearestVersions('2.9.7', versions)).toEqual(['2.9.5', '2.9.4', '2.3.0'])
})
