import { expect, test } from 'vitest'
import { checkCanPush, checkPlace } from '../../../../lib/commands/upgrade/checks/version-place.ts'

const place = { of: 'flux', is: 'instance', file: 'own/flux.yaml', line: 6, document: 0, path: [] } as const
const same = { from: { operator: '0.58.0' }, to: { operator: '0.58.0' } }

test('a range that becomes one version is said; a version, with or without a digest, is not', () => {
  expect(checkPlace({ ...place, says: '2.x' }, '', same)).toEqual([
    { is: 'notice', what: 'own/flux.yaml:6 says 2.x, a range: it is pinned to one version' },
  ])
  for (const says of ['2.9.4', '2.9.4-rc.1', '0.58.0@sha256:12']) expect(checkPlace({ ...place, says }, '', same)).toEqual([])
})

test('an artifact that a newer operator does not move is said', () => {
  const operator = { ...place, of: 'operator', is: 'tag', says: '0.58.0' } as const
  const change = { ...same, to: { operator: '0.59.0' } }
  expect(checkPlace(operator, 'oci://r.example/manifests:v0.58.0', change)).toEqual([
    { is: 'notice', what: 'the distribution artifact stays at oci://r.example/manifests:v0.58.0' },
  ])
  expect(checkPlace(operator, '', change)).toEqual([])
})

test('without a login that belongs to the server nothing could be pushed, which is said beforehand', () => {
  const url = 'https://git.example.com/fleet'
  const login = { kind: 'password', username: 'u', password: 'p', origin: 'https://git.example.com' } as const
  expect(checkCanPush({ url, login })).toEqual([])
  expect(checkCanPush({ url: '/srv/fleet.git', login: { kind: 'none' } })).toEqual([])
  expect(checkCanPush({ url, login: { kind: 'none' } })).toMatchObject([
    { is: 'blocks', what: `nothing can be pushed to ${url}: there is no login for https://git.example.com` },
  ])
  expect(checkCanPush({ url, login: { ...login, origin: 'https://other.example.com' } })).toMatchObject([
    {
      is: 'blocks',
      what: `nothing can be pushed to ${url}: the login for Git is for https://other.example.com, not for https://git.example.com`,
    },
  ])
})
