import { expect, test } from 'vitest'
import { type GitLogin, loginFor } from '../../../lib/tools/git-login.ts'

const login: GitLogin = { kind: 'password', username: 'me', password: 'mine', origin: 'https://git.example.com' }

test.each([
  ['https://git.example.com/fleet.git', true],
  ['https://GIT.example.com/other', true],
  ['http://git.example.com/fleet.git', false],
  ['https://git.example.com:8443/fleet.git', false],
  ['https://git.example.com.evil.example/fleet.git', false],
  ['ssh://git@git.example.com/fleet.git', false],
])('a login for https://git.example.com is shown to %s: %s', (url, isShown) => {
  expect(loginFor(login, url)).toEqual(isShown ? login : { kind: 'none' })
})

const key: GitLogin = { kind: 'ssh', keyFile: 'key', knownHostsFile: 'known_hosts', origin: 'ssh://git.example.com' }

test.each([
  ['git@git.example.com:fleet.git', true],
  ['ssh://git@git.example.com:22/fleet.git', true],
  ['ssh://git@git.example.com:2222/fleet.git', false],
  ['git@git.example.com.evil.example:fleet.git', false],
  ['https://git.example.com/fleet.git', false],
])('a key for ssh://git.example.com is used for %s: %s', (url, isUsed) => {
  expect(loginFor(key, url)).toEqual(isUsed ? key : { kind: 'none' })
})
