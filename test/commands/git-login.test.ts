import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { startGitServer, type GitServer } from '../../lab/git-server.ts'
import { createPorts } from '../../lab/ports.ts'
import { inClone } from '../../lib/tools/git-clone.ts'
import { checkOut, gitAt, headOf, type Remote } from '../../lib/tools/git.ts'
import { ownConfiguration, wayTo } from '../../lib/tools/git-configuration.ts'
import { type GitLogin, originOf } from '../../lib/tools/git-login.ts'

const [username, password] = ['jane', 'canary-of-the-password']
const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
const signal = new AbortController().signal
const home = mkdtempSync(join(tmpdir(), 'git-login-'))
const servers: Server[] = []
let git: GitServer
let url: string
let login: GitLogin
let within: string

/** A server of this test alone; what it was asked for, and with which login. */
async function serve(answer: RequestListener): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.url} ${request.headers.authorization ?? 'nobody'}`)
    answer(request, response)
  })
  servers.push(server)
  await once(server.listen(0), 'listening')
  const address = server.address()
  return { port: typeof address === 'object' && address !== null ? address.port : 0, asked }
}

const wantsLogin: RequestListener = (_, response) => void response.writeHead(401, { 'www-authenticate': 'Basic realm="Git"' }).end()

beforeAll(async () => {
  const repository = join(home, 'fleet.git')
  execFileSync('git', ['init', '--quiet', '--bare', '--initial-branch=main', '--template=', repository])
  const file = (name: string, text: string): string => `M 100644 inline ${name}\ndata ${text.length}\n${text}\n`
  const input = `commit refs/heads/main
committer A <a@b> 0 +0000
data 5
first
${file('.gitattributes', 'big filter=lfs\n')}${file('.lfsconfig', '[lfs]\n\turl = http://elsewhere.example/x\n')}${file('big', 'pointer\n')}`
  execFileSync('git', ['-C', repository, 'fast-import', '--quiet'], { input })
  const env = { PATH: process.env.PATH ?? '', HOME: home }
  git = await startGitServer(createPorts(join(home, 'ports.json')), { repository, username, password, env, log: () => undefined })
  url = `http://127.0.0.1:${git.port}/private/fleet.git`
  login = { kind: 'password', username, password, origin: `http://127.0.0.1:${git.port}` }
})
afterAll(async () => {
  await git.close()
  rmSync(home, { recursive: true })
})
beforeEach(() => {
  within = mkdtempSync(join(home, 'within-'))
})
afterEach(() => {
  vi.unstubAllEnvs()
  for (const server of servers.splice(0)) server.close()
})

test.each([
  ['https://Git.Example.com:443/a/b.git', 'https://git.example.com'],
  ['https://jane@git.example.com:8443/a', 'https://git.example.com:8443'],
  ['http://[::1]:3000/a', 'http://[::1]:3000'],
  ['ssh://git@Git.example.com:22/a', 'ssh://git.example.com'],
  ['ssh://git@git.example.com:2222/a', 'ssh://git.example.com:2222'],
  ['git@git.example.com:a/b.git', 'ssh://git.example.com'],
  ['/srv/fleet.git', undefined],
  ['file:///srv/fleet.git', undefined],
  ['git.example.com', undefined],
])('the origin of %s is %s', (of, origin) => {
  expect(originOf(of)).toBe(origin)
})

test('a Git server that says nothing is not waited for forever', async () => {
  const { port } = await serve(() => undefined)
  const silent: Remote = { url: `http://127.0.0.1:${port}/a.git`, ref: 'refs/heads/main', login: { kind: 'none' } }
  // The last of two settings counts: of its two minutes this test does not wait for more than two seconds.
  expect(ownConfiguration.args).toContain('http.lowSpeedTime=120')
  const waits = ownConfiguration.args.indexOf('http.lowSpeedTime=120')
  onTestFinished(() => void ownConfiguration.args.splice(waits, 1, 'http.lowSpeedTime=120'))
  ownConfiguration.args.splice(waits, 1, 'http.lowSpeedTime=2')
  await expect(headOf(silent)).rejects.toThrow(/^the Git server does not answer, at http:\/\/127\.0\.0\.1:\d+\/a\.git: /)
})

test('a Git server that sends a byte now and then is not waited for forever either', async () => {
  const { port } = await serve((_, response) => {
    response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-advertisement' })
    const dripping = setInterval(() => response.write('0'), 100)
    response.once('close', () => clearInterval(dripping))
  })
  const slow: Remote = { url: `http://127.0.0.1:${port}/a.git`, ref: 'refs/heads/main', login: { kind: 'none' } }
  const asked = gitAt(slow, ['ls-remote', '--', slow.url], { deadline: 1500 })
  await expect(asked).rejects.toThrow('git ls-remote failed: timed out, unfinished after 1.5 s')
})

test('an SSH key is shown to its own server, and to no other', async () => {
  const asked = join(within, 'asked')
  writeFileSync(join(within, 'ssh'), `#!/bin/sh\necho "$*" >>'${asked}'\nexit 1\n`, { mode: 0o755 })
  vi.stubEnv('PATH', `${within}:${process.env.PATH ?? ''}`)
  const key: GitLogin = { kind: 'ssh', keyFile: '/the/key', knownHostsFile: '/hosts', origin: 'ssh://git.example.com' }
  for (const host of ['git.example.com', 'git.example.com.evil.example']) {
    await expect(headOf({ url: `git@${host}:a.git`, ref: 'refs/heads/main', login: key })).rejects.toThrow()
  }
  const [own, other, ...more] = readFileSync(asked, 'utf8').trim().split('\n')
  expect([own, other].map((words) => words?.includes('-i /the/key'))).toEqual([true, false])
  expect(more).toEqual([])
})

describe('the login for Git', () => {
  const remoteAt = (at: string): Remote => ({ url: at, ref: 'refs/heads/main', login })

  test('opens its own origin', async () => {
    expect(await headOf(remoteAt(url), signal)).toMatch(/^[0-9a-f]{40}$/)
  })

  test.each([
    ['at once', true, (at: string, other: string) => `${at} redirects to ${other}, which the login was not sent to: `],
    ['once it has the login', false, (at: string) => `the Git server refuses the login for ${at}: `],
  ])('is not sent to another origin that its own redirects to %s', async (_, isAtOnce, message) => {
    const other = await serve(wantsLogin)
    const there = `http://localhost:${other.port}`
    const own = await serve((request, response) => {
      if (!isAtOnce && request.headers.authorization === undefined) wantsLogin(request, response)
      else response.writeHead(302, { location: `${there}${request.url}` }).end()
    })
    const at = `http://127.0.0.1:${own.port}/fleet.git`
    const remote: Remote = { ...remoteAt(at), login: { kind: 'password', username, password, origin: `http://127.0.0.1:${own.port}` } }
    await expect(headOf(remote, signal)).rejects.toMatchObject({ kind: 'blocked', message: expect.stringContaining(message(at, there)) })
    expect(own.asked.some((line) => line.endsWith(authorization))).toBe(!isAtOnce)
    expect(other.asked).toEqual(['/fleet.git/info/refs?service=git-upload-pack nobody'])
  })

  test('is not sent to a remote of another origin, which is said', async () => {
    const other = await serve(wantsLogin)
    const at = `http://localhost:${other.port}/fleet.git`
    await expect(headOf(remoteAt(at), signal)).rejects.toMatchObject({
      kind: 'blocked',
      message: expect.stringContaining(
        `${at} was called without a login, because the login for Git is for ${originOf(url)}, not for http://localhost:${other.port}: `,
      ),
      remedy: 'if the login is meant for this server, name it in GIT_ORIGIN (.env.example)',
    })
    expect(other.asked).toEqual(['/fleet.git/info/refs?service=git-upload-pack nobody'])
  })

  test('does not exist for what a filter of the person asks git for, nor is the filter run', async () => {
    vi.stubEnv('HOME', within)
    const leak = join(within, 'leak')
    const smudge = join(within, 'smudge')
    const ask = (at: string): string => `printf 'url=${at}\\n\\n' | GIT_ASKPASS=true git credential fill >>'${leak}' 2>&1`
    writeFileSync(smudge, `#!/bin/sh\n${ask('http://elsewhere.example')}\n${ask(originOf(url) ?? '')}\ncat\n`)
    chmodSync(smudge, 0o755)
    writeFileSync(join(within, '.gitconfig'), `[filter "lfs"]\n\tsmudge = ${smudge}\n\trequired = true\n`)
    const target = join(within, 'checkout')
    mkdirSync(target)
    await checkOut(remoteAt(url), await headOf(remoteAt(url), signal), 'big', target, signal)
    expect(readFileSync(join(target, 'big'), 'utf8')).toBe('pointer\n')
    await inClone(remoteAt(url), within, signal, async (clone) => {
      expect(readFileSync(join(clone.folder, 'big'), 'utf8')).toBe('pointer\n')
      return Promise.resolve()
    })
    expect(existsSync(leak)).toBe(false)
  })
})

describe('the person’s configuration', () => {
  const remote = (): Remote => ({ url, ref: 'refs/heads/main', login })
  const configure = (text: string): void => {
    vi.stubEnv('HOME', within)
    writeFileSync(join(within, '.gitconfig'), text)
  }

  test('of signatures, hooks, templates, ignored files and rewritten URLs does not reach our clones; who commits does', async () => {
    const hooks = join(within, 'hooks')
    mkdirSync(join(hooks, 'hooks'), { recursive: true })
    for (const hook of ['pre-commit', 'hooks/pre-push']) writeFileSync(join(hooks, hook), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
    writeFileSync(join(within, 'ignored'), '*.yaml\n')
    configure(`[user]
	name = Jane Doe
	email = jane@example.com
[commit]
	gpgSign = true
[gpg]
	program = false
[core]
	hooksPath = ${hooks}
	excludesFile = ${join(within, 'ignored')}
[init]
	templateDir = ${hooks}
[url "http://127.0.0.1:1/"]
	insteadOf = http://127.0.0.1:${git.port}/
`)
    await inClone(remote(), within, signal, async (clone) => {
      const commit = await clone.commit('settings.yaml', 'a: b\n', 'Change settings')
      await clone.push('changed')
      const show = ['-C', join(home, 'fleet.git'), 'log', '-1', '--format=%H %an <%ae>', 'changed']
      expect(execFileSync('git', show, { encoding: 'utf8' })).toBe(`${commit} Jane Doe <jane@example.com>\n`)
    })
  })

  test('of the way to a server counts: its ssh, and the agent', async () => {
    configure('[core]\n\tsshCommand = ssh -p 2222\n')
    vi.stubEnv('SSH_AUTH_SOCK', '/run/agent')
    expect(await wayTo('git@one.example:fleet.git')).toEqual({ GIT_SSH_COMMAND: 'ssh -p 2222', SSH_AUTH_SOCK: '/run/agent' })
    configure('')
    vi.stubEnv('SSH_AUTH_SOCK', '')
    const patient = 'ssh -o ConnectTimeout=30 -o ServerAliveInterval=30 -o ServerAliveCountMax=4'
    expect(await wayTo('git@three.example:fleet.git')).toEqual({ GIT_SSH_COMMAND: patient }) // else it waits forever for one that says nothing
    vi.stubEnv('SSH_AUTH_SOCK', '/run/agent')
    vi.stubEnv('GIT_SSH_COMMAND', 'ssh -J jump')
    expect(await wayTo('git@two.example:fleet.git')).toEqual({ GIT_SSH_COMMAND: 'ssh -J jump', SSH_AUTH_SOCK: '/run/agent' })
  })

  test('of the way to a server counts: its proxy', async () => {
    const proxy = await serve((_, response) => void response.writeHead(404).end())
    configure(`[http "http://git.example"]\n\tproxy = http://127.0.0.1:${proxy.port}\n`)
    await expect(headOf({ ...remote(), url: 'http://git.example/fleet.git' }, signal)).rejects.toThrow()
    expect(proxy.asked).toEqual(['http://git.example/fleet.git/info/refs?service=git-upload-pack nobody'])
  })
})
