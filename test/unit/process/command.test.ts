import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test, vi } from 'vitest'
import { childEnvironment, kubectlEnvironment, personEnvironment } from '../../../lib/process/environment.ts'
import { kustomize } from '../../../lib/desired-state/kustomize.ts'
import { startOf } from '../../../lib/process/process-start.ts'
import { projectRoot } from '../../../lib/base/paths.ts'
import { complaintOf, shell } from '../../../lib/process/command.ts'

const env = { PATH: process.env.PATH ?? '' }
const input = 'x'.repeat(1_000_000) // more than a pipe holds

test('a command reads what it is given', async () => {
  const { stdout } = await shell(env)({ input })`wc -c`
  expect(stdout.trim()).toBe('1000000')
})

test('one that has ended before it was given anything is reported by its own words, and does not end the script', async () => {
  const { signal } = new AbortController()
  // Called between the start and the gift: time enough to end, as on a busy machine.
  signal.addEventListener = () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
  const failed = await shell(env, { signal, input })`echo "no such file" >&2; exit 3`.catch(complaintOf)
  expect(failed).toBe('no such file')
})

test('a command ends with a script that is killed, and so does what it has started in a process group of its own', async () => {
  const body = `import { shell } from './lib/process/command.ts'
const going = shell(process.env)\`set -m; bash -c 'trap "" TERM; echo $$; while :; do sleep 1; done' & wait\`
going.stdout.pipe(process.stdout)`
  const loader = '--import=./lib/loader/run-typescript.mjs'
  const script = spawn(process.execPath, [loader, '--input-type=module', '--eval', body], {
    cwd: projectRoot,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line]: unknown[] = await once(createInterface({ input: script.stdout }), 'line')
  const pid = Number(line)
  expect(startOf(pid)).toBeDefined()
  script.kill('SIGKILL')
  await expect.poll(() => startOf(pid), { timeout: 20_000 }).toBeUndefined()
})

test('a word with a NUL in it, of which bash would pass on no more than what stands before, is passed to no program', async () => {
  expect(() => shell(env)`printf %s ${'../secret\0/inside'}`).toThrow('no program can be called with "../secret\\u0000/inside"')
  expect((await shell(env)`printf %s ${"it's\n$(id)"}`).stdout).toBe("it's\n$(id)")
  // As of a Kustomization in Git: no folder has that name, so that none seemed to lead out of the repository.
  const root = mkdtempSync(join(tmpdir(), 'frb-nul-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  await expect(kustomize('echo', root, '../../etc\0')).rejects.toThrow('has a NUL in it')
})

test('a program is not looked for in the folder that another one runs in, as a checkout of Git', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'frb-path-'))
  onTestFinished(() => {
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true, force: true })
  })
  mkdirSync(join(folder, 'bin'))
  for (const place of ['gpg-of-git', 'bin/gpg-of-git']) writeFileSync(join(folder, place), '#!/bin/sh\necho canary\n', { mode: 0o755 })
  for (const path of [`.:${process.env.PATH}`, `${process.env.PATH}:`, `bin:${process.env.PATH}`, '.']) {
    vi.stubEnv('PATH', path)
    for (const environment of [childEnvironment(), kubectlEnvironment(), personEnvironment([])]) {
      const { stdout, exitCode } = await shell(environment, { cwd: folder })`gpg-of-git`.nothrow()
      expect([stdout, exitCode]).toEqual(['', 127])
    }
  }
})
