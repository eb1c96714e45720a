import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds, refOf } from '../../lib/kubernetes/objects.ts'
import { deploymentReadiness } from '../../lib/kubernetes/readiness.ts'
import { writesSince } from './audit.ts'
import { documentOf, type Ended } from './harness.ts'
import { namespace, type OlderLab, settings } from './older-flux.ts'

/** What people do to a cluster with Flux, by their own hands and by the scripts. */
export const operations = [
  'upgrade',
  'rollback',
  'failed upgrade',
  'reconcile source',
  'reconcile kustomization',
  'reconcile release',
  'suspend and resume',
  'commit',
  'empty commit',
  'broken commit',
] as const
export type Operation = (typeof operations)[number]

/** A sequence of operations by a seed: the same each time. */
export function sequenceOf(seed: number, length: number): Operation[] {
  let state = seed
  const next = (): number => {
    // mulberry32: small, and good enough to choose by.
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  return Array.from({ length }, () => operations[Math.floor(next() * operations.length)] ?? 'commit')
}

/** A cluster, and what is typed there. */
export interface Hands {
  readonly lab: OlderLab
  readonly cluster: Cluster
  readonly flux: (...args: readonly string[]) => Promise<string>
}

export async function handsOn(lab: OlderLab, cluster: Cluster): Promise<Hands> {
  const { bin, kubeconfig } = await lab.access()
  const env = { KUBECONFIG: kubeconfig, HOME: lab.home }
  const flux = async (...args: readonly string[]): Promise<string> =>
    (await promisify(execFile)(`${bin}/flux`, [...args, '--context=lab-infra'], { env })).stdout
  return { lab, cluster, flux }
}

/**
 * Carries the operations out, each on what the ones before have left. Whenever the cluster is healthy, by the flux CLI and its Deployments,
 * the scripts say so and leave it alone; and at the end it is.
 * @returns how often it was
 */
export async function carryOut(hands: Hands, sequence: readonly Operation[]): Promise<number> {
  let healthy = 0
  for (const [at, operation] of sequence.entries()) {
    const soFar = `after ${sequence.slice(0, at + 1).join(', ')}`
    await doOne(hands, operation)
    if (at === sequence.length - 1) await untilHealthy(hands)
    if (await isLeftAlone(hands, soFar)) healthy += 1
  }
  return healthy
}

/** How often is looked whether the cluster is healthy, in milliseconds: the flux CLI is a process each time. */
const interval = 3000

/** What the Deployments have to complain of or, where that is nothing, the flux CLI. */
async function troubles({ cluster, flux }: Hands): Promise<string[]> {
  const deployments = await cluster.list(kinds.deployment, { namespace })
  const readiness = await Promise.all(deployments.map((one) => deploymentReadiness(cluster, refOf(one))))
  const waiting = readiness.flatMap((one) => (one.is === 'waiting' ? [one.on] : one.is === 'failed' ? [one.reason] : []))
  if (waiting.length > 0) return waiting
  const unready = await flux('get', 'all', '--all-namespaces', '--status-selector', 'ready=false', '--no-header').catch(String)
  return unready.split('\n').filter((line) => line.trim() !== '')
}

async function untilHealthy(hands: Hands): Promise<void> {
  await expect.poll(() => troubles(hands), { timeout: 300_000, interval }).toEqual([])
}

/** Where the cluster is healthy before and after: that health-check says so, recover does nothing, and neither writes to it. */
async function isLeftAlone(hands: Hands, soFar: string): Promise<boolean> {
  const { lab } = hands
  if ((await troubles(hands)).length > 0) return false
  const since = new Date()
  const [checked, recovered] = await Promise.all([
    lab.run('health-check', ['--lab', '--json']),
    lab.run('recover', ['--lab', '--yes', '--json']),
  ])
  const writes = writesSince(lab.home, since).filter(({ isLock }) => !isLock)
  if ((await troubles(hands)).length > 0) return false
  expect(checked.code, `${soFar}: ${checked.stderr}\n${checked.stdout}`).toBe(0)
  expect(recovered.code, `${soFar}: ${recovered.stderr}`).toBe(0)
  expect(documentOf(recovered).outcome, soFar).toBe('unchanged')
  expect(writes, soFar).toEqual([])
  return true
}

async function doOne(hands: Hands, operation: Operation): Promise<void> {
  const { lab, flux } = hands
  const own = ['--namespace', namespace]
  switch (operation) {
    case 'upgrade':
      return runs(hands, 'upgrade', '2.9.5', 0)
    case 'rollback':
      return runs(hands, 'rollback', '2.9.4', 0)
    case 'failed upgrade': {
      const code = (await lab.gitVersion()) === '"2.9.4"' ? 5 : 0
      await lab.setFault('crash=helm-controller:v1.6.4')
      await runs(hands, 'upgrade', '2.9.5', code, '--no-image-check')
      return lab.clearFaults()
    }
    case 'reconcile source':
      return void (await flux('reconcile', 'source', 'git', 'flux-system', ...own))
    case 'reconcile kustomization':
      return void (await flux('reconcile', 'kustomization', 'flux-system', ...own))
    case 'reconcile release':
      return void (await flux('reconcile', 'helmrelease', 'flux-instance', '--force', ...own))
    case 'suspend and resume':
      await flux('suspend', 'kustomization', 'infra-gitops-flux-instance', ...own)
      return void (await flux('resume', 'kustomization', 'infra-gitops-flux-instance', ...own))
    case 'commit':
      return void (await lab.change(settings, (text) => `${text}# ${text.split('\n').length}\n`))
    case 'empty commit': {
      const author = ['-c', 'user.name=A colleague', '-c', 'user.email=colleague@example.com']
      const commit = await lab.git(...author, 'commit-tree', 'main^{tree}', '-p', 'main', '-m', 'Nothing')
      return void (await lab.git('update-ref', 'refs/heads/main', commit))
    }
    case 'broken commit':
      return breakAndRepair(hands)
  }
}

/** As a person does, who begins when Flux is healthy. */
async function runs(hands: Hands, script: string, to: string, code: number, ...flags: readonly string[]): Promise<void> {
  await untilHealthy(hands)
  const ended: Ended = await hands.lab.run(script, ['--lab', '--to', to, '--yes', '--json', '--fresh', ...flags])
  expect(ended.code, ended.stderr).toBe(code)
}

/** A real failure, which must be seen: a commit that cannot be built; then what reverts it. */
async function breakAndRepair(hands: Hands): Promise<void> {
  const { lab, flux } = hands
  const takeBack = await lab.change('kubernetes/clusters/infra/kustomization.yaml', (text) =>
    text.replace('resources:', 'resources:\n  - gone.yaml'),
  )
  await flux('reconcile', 'source', 'git', 'flux-system', '--namespace', namespace)
  await expect.poll(async () => (await troubles(hands)).join('\n'), { timeout: 180_000, interval }).toContain('gone.yaml')
  const checked = await lab.run('health-check', ['--lab', '--json'])
  expect(checked.code, checked.stderr).toBe(1)
  await takeBack()
  await flux('reconcile', 'source', 'git', 'flux-system', '--namespace', namespace)
}
