import { readdirSync, readFileSync } from 'node:fs'
import { expect } from 'vitest'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds } from '../../lib/kubernetes/objects.ts'
import { foreignManagers } from '../../lib/commands/bootstrap/steps/verify-flux.ts'
import { documentOf, type TestLab } from './harness.ts'

export const lease = { ...kinds.lease, namespace: 'kube-system', name: 'flux-runbook' }

/** Bootstraps an empty cluster by runs that are killed with -9, each when it says its moment and resumed by the next. */
export async function killBootstrap(lab: TestLab, moments: readonly string[]): Promise<void> {
  const own = proxies(lab)
  for (const [at, moment] of moments.entries()) {
    const running = lab.start('bootstrap', ['--lab', '--yes', ...(at === 0 ? [] : ['--resume'])])
    await running.said(moment)
    running.kill('SIGKILL')
    await running.ended
    if (at === 0) {
      const undecided = await lab.run('bootstrap', ['--lab', '--yes'])
      expect(undecided.code).toBe(2)
      expect(undecided.stderr).toContain('→ to resume it: npx zx scripts/bootstrap.ts --lab --yes --resume\n')
    }
    await expect.poll(() => proxies(lab), { timeout: 60_000 }).toBe(own)
  }
  const resumed = await lab.run('bootstrap', ['--lab', '--yes', '--resume', '--json'])
  expect(resumed, resumed.stderr).toMatchObject({ code: 0 })
}

/** How many proxies of this lab's kubectl run; the test has some of its own. */
function proxies(lab: TestLab): number {
  const commands = readdirSync('/proc').flatMap((pid) => {
    try {
      return /^\d+$/.test(pid) ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')] : []
    } catch {
      return [] // it has ended since
    }
  })
  return commands.filter((command) => command.startsWith(`${lab.home}/bin/kubectl proxy`)).length
}

/** That the cluster is as an undisturbed bootstrap leaves it: another one has nothing to do, and nobody else has written to it. */
export async function verifyAsUndisturbed(lab: TestLab, cluster: Cluster): Promise<void> {
  const last = await lab.run('bootstrap', ['--lab', '--yes', '--json', '--fresh'])
  expect(last.stderr).toContain('nothing to do')
  expect(documentOf(last)).toMatchObject({ outcome: 'unchanged', exitCode: 0 })
  expect(await cluster.get(lease)).toBeUndefined()
  expect(await foreignManagers(cluster, 'flux-system')).toEqual([])
}
