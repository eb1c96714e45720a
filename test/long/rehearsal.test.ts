import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { labAccess } from '../../lab/client.ts'
import { layoutOf } from '../../lab/layout.ts'
import { projectRoot } from '../../lib/base/paths.ts'
import { type Ended, script } from '../lab/harness.ts'

/**
 * A copy of each tree in a lab of its own: installed, torn down, rebuilt, lost and recovered. With all of Flux deleted, ResourceSets are left that
 * an operator would take along what they made: recover leaves those to a person.
 */
const trees = [
  { name: 'home', path: 'kubernetes/flux/cluster', hasOperator: true, hasResourceSets: false },
  { name: 'fleet', path: 'clusters/staging', hasOperator: true, hasResourceSets: true },
  { name: 'bootstrap', path: 'clusters/staging', hasOperator: false, hasResourceSets: false },
] as const

const versionSchema = v.object({ flux: v.object({ version: v.string() }) })

describe.each(trees)('a copy of a tree in a public layout, $name', ({ name, path, hasOperator, hasResourceSets }) => {
  const home = mkdtempSync(join(tmpdir(), 'frb-lab-'))
  const run = async (command: string, ...args: string[]): Promise<Ended> => {
    const ended = await script(command, args, { home })
    expect(ended.code, `${command} ${args.join(' ')}\n${ended.stderr}`).toBe(0)
    return ended
  }
  const readyAll = async (): Promise<void> => {
    const wait = ['wait', 'kustomizations', '--all', '--all-namespaces', '--for=condition=Ready', '--timeout=5m']
    await run('lab', 'kubectl', '--', ...wait)
  }

  const gitHead = async (): Promise<string> => labGit('rev-parse', 'main')
  const changedSince = async (commit: string): Promise<string> => labGit('diff', '--stat', commit, 'main')
  const labGit = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)('git', ['-C', join(home, 'git', 'fleet.git'), ...args])).stdout.trim()
  const runs = async (): Promise<string | undefined> => {
    const { stdout } = await run('health-check', '--lab', '--json')
    return v.parse(v.pipe(v.string(), v.parseJson(), versionSchema), stdout).flux.version
  }

  beforeAll(async () => {
    process.env.FLUX_LAB_HOME = home
    await run('lab', 'up', '--repository', join(projectRoot, 'test/fixtures/trees', name), '--path', path, '--flux', '2.9.4')
  })
  afterAll(async () => {
    await script('lab', ['down'], { home })
    rmSync(home, { recursive: true, force: true })
  })

  if (hasOperator)
    test('bootstrap makes Flux Ready on all of it, and a second one has nothing to do', async () => {
      await run('bootstrap', '--lab', '--path', path, '--yes')
      await readyAll()
      await run('health-check', '--lab')
      expect((await run('bootstrap', '--lab', '--path', path, '--yes')).stderr).toContain('nothing to do: everything is as Git says')
    })

  if (!hasOperator)
    test('flux bootstrap makes Flux Ready on all of it', async () => {
      const { bin, kubeconfig, git } = await labAccess()
      const password = readFileSync(layoutOf(home).gitPassword, 'utf8')
      const login = ['--token-auth', '--allow-insecure-http', `--username=${git.username}`, `--password=${password}`, '--silent']
      const args = ['bootstrap', 'git', '--context=lab-infra', `--url=${git.url}`, '--branch=main', `--path=${path}`, ...login]
      await promisify(execFile)(join(bin, 'flux'), args, { env: { PATH: process.env.PATH, HOME: home, KUBECONFIG: kubeconfig } })
      await readyAll()
      await run('health-check', '--lab')
    })

  if (hasOperator)
    test('upgrade changes the version where the tree has it, and rollback restores it', async () => {
      const before = await gitHead()
      await run('upgrade', '--lab', '--to', '2.9.5', '--no-image-check', '--yes')
      expect(await runs()).toBe('2.9.5')
      await run('rollback', '--lab', '--no-image-check', '--yes')
      expect(await runs()).toBe('2.9.4')
      await readyAll()
      expect(await changedSince(before)).toBe('')
    })

  if (hasOperator)
    test('rebuild takes Flux down and brings it back, with the workloads alive', async () => {
      await run('rebuild', '--lab', '--yes', '--destroy=lab-infra')
      await readyAll()
    })

  if (hasOperator && !hasResourceSets)
    test('drill: all of Flux deleted is recovered from', async () => {
      await run('drill', '--lab', '--scenario', 'flux-deleted', '--yes', '--destroy=lab-infra')
      await readyAll()
    })

  test('teardown leaves the workloads alive', async () => {
    expect((await run('teardown', '--lab', '--yes', '--destroy=lab-infra')).stderr).toContain('Flux is removed from lab-infra.')
  })
})
