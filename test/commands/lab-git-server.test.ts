import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type GitServer, startGitServer } from '../../lab/git-server.ts'
import { createPorts } from '../../lab/ports.ts'
import { ensureRepository, gitOf } from '../../lab/repository.ts'

const folder = mkdtempSync(join(tmpdir(), 'frb-git-server-'))
const repository = join(folder, 'git', 'fleet.git')
const env = { PATH: process.env.PATH ?? '', HOME: folder, GIT_TERMINAL_PROMPT: '0' }
const git = gitOf(repository, env)
let server: GitServer

beforeAll(async () => {
  await ensureRepository(repository, env)
  const tree = await git(['hash-object', '-t', 'tree', '-w', '--stdin'])
  await git(['update-ref', 'refs/heads/main', await git(['commit-tree', tree, '-m', 'first'])])
  const login = { username: 'flux', password: 'right' }
  server = await startGitServer(createPorts(join(folder, 'ports.json')), { repository, ...login, env, log: () => undefined })
})
afterAll(async () => {
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})

const run = (...args: readonly string[]): Promise<unknown> => promisify(execFile)('git', ['--git-dir', repository, ...args], { env })
const at = (path: string, login = ''): string => `http://${login}127.0.0.1:${server.port}/${path}`

/** What is answered to someone who asks by another name for this machine. */
function statusAt(path: string, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asking = request(at(path), { headers: { host } }, (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    })
    asking.on('error', reject).end()
  })
}

describe("the lab's Git", () => {
  test('takes commits from those who know the password, and from nobody else', async () => {
    await run('ls-remote', at('fleet.git'))
    await expect(run('push', at('fleet.git'), 'main:refs/heads/forged')).rejects.toThrow('could not read Username')
    await expect(run('push', at('private/fleet.git', 'flux:wrong@'), 'main:refs/heads/forged')).rejects.toThrow('Authentication failed')
    expect(await git(['for-each-ref', '--format=%(refname)'])).toBe('refs/heads/main')
    await run('push', at('private/fleet.git', 'flux:right@'), 'main:refs/heads/made')
    expect(await git(['for-each-ref', '--format=%(refname)'])).toBe('refs/heads/made\nrefs/heads/main')
  })

  test.each([
    ['fleet.git/git-receive-pack', 401],
    ['fleet.git/git-receive%2dpack', 401],
    ['fleet.git/info/refs?service=git-receive-pack', 401],
    ['fleet.git/info/refs?service=git%2dreceive-pack', 401],
    ['private/fleet.git/info/refs?service=git-upload-pack', 401],
    ['fleet.git/info/refs?service=git-upload-pack', 200],
  ])('answers anyone who asks for %s with %i', async (path, status) => {
    expect(await statusAt(path, `127.0.0.1:${server.port}`)).toBe(status)
  })

  test('is not read by a page that a browser was led here by', async () => {
    const path = 'fleet.git/info/refs?service=git-upload-pack'
    for (const host of ['rebound.example.com', '127.0.0.1.rebound.example.com', 'localhost.rebound.example.com:80'])
      expect(await statusAt(path, host), host).toBe(403)
    expect(await statusAt(path, `localhost:${server.port}`)).toBe(200)
  })
})
