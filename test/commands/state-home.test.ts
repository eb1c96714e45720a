import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { projectRoot } from '../../lib/base/paths.ts'

/** Runs a script against a server that is not there, with this folder for its state. */
function run(state: string, ...words: readonly string[]): { status: number | null; stderr: string } {
  const kubeconfig = join(state, 'kubeconfig')
  const server = { cluster: { server: 'https://127.0.0.1:1' }, name: 'none' }
  const entries = {
    clusters: [server],
    users: [{ name: 'none', user: {} }],
    contexts: [{ name: 'none', context: { cluster: 'none', user: 'none' } }],
  }
  writeFileSync(kubeconfig, JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...entries }))
  const loader = join(projectRoot, 'lib', 'loader', 'run-typescript.mjs')
  const args = [`--import=${loader}`, ...words]
  const { status, stderr } = spawnSync(process.execPath, args, {
    cwd: projectRoot,
    env: { ...process.env, XDG_STATE_HOME: state, KUBECONFIG: kubeconfig },
    encoding: 'utf8',
    timeout: 60_000,
  })
  return { status, stderr }
}

test.each([
  ['health-check', ['scripts/health-check.ts', '--context', 'none']],
  ['fleet', ['scripts/fleet.ts', 'status']],
])('%s takes the folder of the runs from those who could write to it', (_, words) => {
  const state = mkdtempSync(join(tmpdir(), 'frb-state-'))
  onTestFinished(() => rmSync(state, { recursive: true, force: true }))
  const runs = join(state, 'flux-runbook')
  mkdirSync(runs)
  chmodSync(runs, 0o777)
  expect(run(state, ...words).stderr.replaceAll(/\s+/g, ' ')).toContain(`others could write to ${runs}, where runs are kept, until now`)
  expect(statSync(runs).mode & 0o777).toBe(0o700)
  // A file in its place, which nothing can be kept in.
  rmSync(runs, { recursive: true })
  writeFileSync(runs, '')
  expect(run(state, ...words)).toMatchObject({ status: 3, stderr: expect.stringContaining('is not a folder') })
})
