import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createRedactor } from '../../lib/base/redactor.ts'
import { findTarget } from '../../lib/connection/target.ts'
import type { Settings } from '../../lib/connection/settings.ts'
import { createConsole } from '../../lib/terminal/console.ts'
import type { GitLogin } from '../../lib/tools/git-login.ts'

const before = process.cwd()
let repository: string

beforeEach(() => {
  repository = mkdtempSync(join(tmpdir(), 'login-origin-'))
  execFileSync('git', ['init', '--quiet', repository])
  process.chdir(repository)
})
afterEach(() => {
  process.chdir(before)
  rmSync(repository, { recursive: true, force: true })
})

/** The login for Git on a cluster that the tree has no folder for. */
async function loginHere(settings: Settings): Promise<GitLogin> {
  const silent = createConsole({ clean: (text) => text })
  return (await findTarget({ context: 'theirs' }, settings, createRedactor(), silent, new AbortController().signal)).login
}

const login = { GIT_USERNAME: 'jane', GIT_PASSWORD: 'secret' }

test("the login for Git belongs to GIT_ORIGIN, else to the working directory's remote", async () => {
  expect(await loginHere(login)).toEqual({ kind: 'none' })
  execFileSync('git', ['remote', 'add', 'origin', 'https://git.example.com/fleet.git'])
  expect(await loginHere(login)).toMatchObject({ kind: 'password', origin: 'https://git.example.com' })
  expect(await loginHere({ ...login, GIT_ORIGIN: 'https://other.example.com' })).toMatchObject({ origin: 'https://other.example.com' })
})

test('a remote that is a path of this machine is not a server', async () => {
  execFileSync('git', ['remote', 'add', 'origin', '/srv/fleet.git'])
  expect(await loginHere(login)).toEqual({ kind: 'none' })
})
