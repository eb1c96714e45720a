import { expect, test } from 'vitest'
import { gitRefOf } from '../../../lib/health/probes/revision.ts'

test.each<[object, string]>([
  [{}, 'refs/heads/master'],
  [{ branch: 'main' }, 'refs/heads/main'],
  [{ branch: 'main', tag: 'v1' }, 'refs/tags/v1'],
  [{ tag: 'v1', semver: '1.x' }, 'refs/tags/v1.2.0'],
  [{ semver: '1.x', name: 'refs/pull/7/head' }, 'refs/pull/7/head'],
])('the ref that a source with %o follows', (ref, expected) => {
  expect(gitRefOf(ref, 'v1.2.0@sha1:4b825dc642cb6eb9a060e54bf8d69288fbee4904')).toBe(expected)
})
