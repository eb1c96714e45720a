import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Remote } from '../../lib/tools/git.ts'
import { comesFrom, progressOf } from '../../lib/tools/git-history.ts'
import { checkLabPushed, checkPushed } from '../../lib/preflight/git-state.ts'

const root = mkdtempSync(join(tmpdir(), 'preflight-git-'))
const [server, mine, elsewhere] = [join(root, 'server'), join(root, 'mine'), join(root, 'elsewhere')]
const remote: Remote = { url: server, ref: 'refs/heads/main', login: { kind: 'none' } }
const signal = new AbortController().signal

function git(folder: string, ...args: string[]): string {
  const settings = ['-c', 'user.name=Jane', '-c', 'user.email=jane@example.com', '-c', 'maintenance.auto=false']
  return execFileSync('git', [...settings, '-C', folder, ...args], { encoding: 'utf8', stdio: 'pipe' }).trim()
}
function commit(folder: string, file: string, text: string): string {
  mkdirSync(dirname(join(folder, file)), { recursive: true })
  writeFileSync(join(folder, file), text)
  git(folder, 'add', '--all')
  git(folder, 'commit', '--quiet', '--message', `Change ${file}`)
  return readFileSync(join(folder, '.git/refs/heads/main'), 'utf8').trim()
}

let first: string
let second: string
beforeAll(() => {
  mkdirSync(server)
  git(server, 'init', '--quiet', '--initial-branch=main')
  first = commit(server, 'kubernetes/clusters/infra/a.yaml', 'one')
  second = commit(server, 'kubernetes/clusters/infra/a.yaml', 'two')
  git(root, 'clone', '--quiet', server, mine)
  git(root, 'init', '--quiet', elsewhere)
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

describe('between two commits', () => {
  test('are these commits and files', async () => {
    expect(await progressOf(remote, first, second, join(root, 'one'), signal)).toEqual({
      commits: [`${second.slice(0, 7)} Change kubernetes/clusters/infra/a.yaml`],
      files: ['kubernetes/clusters/infra/a.yaml'],
    })
  })
  test('is nothing where the first is not in the history of the second', async () => {
    expect(await progressOf(remote, 'f'.repeat(40), second, join(root, 'two'), signal)).toBeUndefined()
  })
})

test.each([
  ['https://git.example.com/a/b.git', 'git@git.example.com:a/b.git', true],
  ['https://git.example.com/a/b', 'ssh://git@git.example.com/a/b.git', true],
  ['https://git.example.com/a/b.git', 'https://git.example.com/a/c.git', false],
])('%s and %s: one repository is %s', async (url, origin, isSame) => {
  git(elsewhere, 'config', 'remote.origin.url', origin)
  expect(await comesFrom(elsewhere, url, signal)).toBe(isSame)
})

describe('the person’s own checkout', () => {
  const reported = async (commitId: string): Promise<string[]> =>
    (await checkPushed(mine, { commit: commitId, remote }, signal)).map(({ what, remedy }) => `${what} → ${remedy}`)
  const basis = (): string => `this run uses refs/heads/main at ${second.slice(0, 12)}`

  test('that is as Git is says nothing', async () => {
    expect(await reported(second)).toEqual([])
  })
  test('reports commits not pushed, and of changes not committed', async () => {
    const own = commit(mine, 'kubernetes/clusters/infra/a.yaml', 'three')
    commit(mine, 'README.md', 'no matter of a cluster')
    writeFileSync(join(mine, 'kubernetes/clusters/infra/a.yaml'), 'four')
    expect(await reported(second)).toEqual([
      `1 commit of this checkout not pushed (${own.slice(0, 7)} Change kubernetes/clusters/infra/a.yaml); ${basis()} → git push`,
      `not committed in this checkout: kubernetes/clusters/infra/a.yaml; ${basis()} → git status`,
    ])
    git(mine, 'reset', '--quiet', '--hard', second)
  })
  test('that is behind is asked so', async () => {
    const head = commit(server, 'kubernetes/clusters/infra/a.yaml', 'five')
    expect(await reported(head)).toEqual([
      `this checkout does not know the remote's head; this run uses refs/heads/main at ${head.slice(0, 12)} → git pull`,
    ])
  })
  test('of another repository is nobody’s business', async () => {
    expect(await checkPushed(mine, { commit: second, remote: { ...remote, url: 'https://git.example.com/other' } }, signal)).toEqual([])
  })
})

describe('the lab’s Git', () => {
  const settings = (version: string, url: string): string => `kind: ConfigMap\ndata:\n  version: "${version}"\n  git_url: "${url}"\n`
  test('may differ by the lab’s own values, and by nothing else', async () => {
    const [here, there] = [join(root, 'here'), join(root, 'there')]
    const file = 'kubernetes/clusters/infra/settings.yaml'
    mkdirSync(dirname(join(here, file)), { recursive: true })
    writeFileSync(join(here, file), settings('1', 'https://example.com'))
    cpSync(here, there, { recursive: true })
    writeFileSync(join(there, file), settings('1', 'http://127.0.0.1'))
    expect(await checkLabPushed(here, there, { git_url: 'http://127.0.0.1' })).toEqual([])
    writeFileSync(join(here, file), settings('2', 'https://example.com'))
    writeFileSync(join(here, 'kubernetes/new.yaml'), '')
    expect(await checkLabPushed(here, there, { git_url: 'http://127.0.0.1' })).toEqual([
      {
        is: 'notice',
        what: "the lab's Git differs from this checkout's kubernetes/ in new.yaml, clusters/infra/settings.yaml; this run uses the lab's Git",
        remedy: 'a push would change version 1 to 2 there; if that is meant: npx zx scripts/lab.ts push',
      },
    ])
  })
})
