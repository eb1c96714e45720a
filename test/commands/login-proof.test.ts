import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type GitServer, startGitServer } from '../../lab/git-server.ts'
import { createPorts } from '../../lab/ports.ts'
import { ensureLogin, loginPlaceOf } from '../../lib/commands/recover/steps/login.ts'
import { type Cluster, clusterAt } from '../../lib/kubernetes/client.ts'
import { kinds, type KubeObject, parseObject } from '../../lib/kubernetes/objects.ts'
import { socketEndpoint } from '../../lib/kubernetes/transport.ts'
import type { StepContext } from '../../lib/runner/step.ts'
import { recordingConsole } from '../recording-console.ts'
import { asTyped } from '../run-names.ts'

const [username, password] = ['flux', 'the-deploy-token']
const home = mkdtempSync(join(tmpdir(), 'login-proof-'))
const { signal } = new AbortController()
let git: GitServer
let url: string

beforeAll(async () => {
  const repository = join(home, 'fleet.git')
  execFileSync('git', ['init', '--quiet', '--bare', '--initial-branch=main', '--template=', repository])
  const env = { PATH: process.env.PATH ?? '', HOME: home }
  git = await startGitServer(createPorts(join(home, 'ports.json')), { repository, username, password, env, log: () => undefined })
  url = `http://127.0.0.1:${git.port}/private/fleet.git`
})
afterAll(async () => {
  await git.close()
  rmSync(home, { recursive: true })
})

const base64 = (text: string): string => Buffer.from(text).toString('base64')
const secret = (data: Record<string, string>): KubeObject =>
  parseObject({ ...kinds.secret, metadata: { namespace: 'flux-system', name: 'git' }, data })

/** What the step would do where the cluster has this Secret, and what it has learned to hide. */
async function lookAt(live: KubeObject | undefined, at = url) {
  const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
  const cluster: Cluster = { ...clusterAt(socketEndpoint('/nowhere'), patience, signal), get: () => Promise.resolve(live) }
  const memory = { read: () => ({}), write: () => undefined, folder: () => '' }
  const names = { id: 'run', script: 'recover', context: 'infra', place: 'infra', where: '--context infra' }
  const { console } = recordingConsole()
  const run: StepContext = { ...names, cluster, console, memory, timeout: 0, signal, clean: (text) => text, ...asTyped }
  const hidden: string[] = []
  const wanted = {
    id: 'git-credentials',
    title: 'x',
    namespace: 'flux-system',
    name: 'git',
    values: { username: 'me', password: 'mine' },
    command: '',
  }
  const step = ensureLogin(
    wanted,
    loginPlaceOf(at, { kind: 'none' }, () => home),
    { hide: (text) => void hidden.push(text) },
  )
  return { status: await step.check(run), hidden }
}

test("a login of Flux's own that the server takes is left as it is, though the server refused it a moment ago", async () => {
  const { status, hidden } = await lookAt(secret({ username: base64(username), password: base64(password) }))
  const origin = `http://127.0.0.1:${git.port}`
  expect(status).toEqual({ is: 'done', detail: `Secret git has a login that ${origin} accepts, and is not changed` })
  expect(hidden).toEqual([password])
})

test.each<[string, KubeObject | undefined, string]>([
  [
    'that it refuses',
    secret({ username: base64(username), password: base64('revoked') }),
    'change Secret flux-system/git: username, password',
  ],
  ['without a password', secret({ username: base64(username) }), 'change Secret flux-system/git: username, password'],
  ['that is gone', undefined, 'create Secret flux-system/git: username, password'],
])('a login %s is made from the settings', async (_, live, change) => {
  expect((await lookAt(live)).status).toMatchObject({ is: 'todo', change })
})

describe('by SSH', () => {
  const path = process.env.PATH ?? ''
  const bin = join(home, 'bin')
  beforeAll(() => {
    mkdirSync(bin)
    // In place of a server: takes one key, and answers as it would.
    const words = [
      '#!/bin/sh',
      'while :; do case "$1" in -i) key=$2; shift 2;; -o|-p) shift 2;; -*) shift;; *) break;; esac; done',
      'grep -q the-deploy-key "$key" || { echo "Permission denied (publickey)." >&2; exit 255; }',
      'shift; exec sh -c "$*"',
    ]
    writeFileSync(join(bin, 'ssh'), words.join('\n'), { mode: 0o755 })
    process.env.PATH = `${bin}:${path}`
  })
  afterAll(() => {
    process.env.PATH = path
  })
  test.each([
    ['the-deploy-key', { is: 'done', detail: 'Secret git has a login that ssh://git.example.com accepts, and is not changed' }],
    ['a-revoked-key', { is: 'todo', change: 'change Secret flux-system/git: username, password' }],
  ])('a key of Flux is tried before another login takes its place: %s', async (identity, expected) => {
    const live = secret({ identity: base64(identity), known_hosts: base64('git.example.com ssh-ed25519 AAAA') })
    const { status, hidden } = await lookAt(live, `ssh://git@git.example.com${join(home, 'fleet.git')}`)
    expect(status).toMatchObject(expected)
    expect(hidden).toEqual([identity])
    expect(readdirSync(home).filter((name) => name.startsWith('login-'))).toEqual([])
  })
})
