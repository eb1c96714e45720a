import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import * as v from 'valibot'
import { expect } from 'vitest'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds } from '../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { foreignManagers } from '../../lib/commands/bootstrap/steps/verify-flux.ts'
import { takeFingerprint } from '../../lib/continuity/fingerprint.ts'
import { bootstrappedLab, documentOf, type TestLab } from './harness.ts'
import { deployWorkloads, makeFluxObjects, shop } from './workloads.ts'

export const namespace = 'flux-system'
export const everything = ['--lab', '--yes', '--destroy=lab-infra']
const suspended = { ...fluxKinds.helmRelease, namespace: shop, name: 'plain' }

/** A cluster with Flux and workloads, which a test rebuilds. */
export interface RebuildWorld {
  readonly lab: TestLab
  readonly cluster: Cluster
  /** That all that stands for itself outside Flux's namespace is the same object. */
  readonly verifyAlive: () => Promise<void>
  /** That nothing of what lives there has changed, and all that Flux held is back. */
  readonly verifyRebuilt: () => Promise<void>
  /** The revisions that Helm's storage has of a release. */
  readonly revisions: (release: string) => Promise<string[]>
}

export async function openRebuildWorld(): Promise<RebuildWorld> {
  const lab = await bootstrappedLab()
  const cluster = await lab.cluster('lab-infra')
  await deployWorkloads(lab, cluster)
  await makeFluxObjects(cluster, 2, 4)
  const { bin, kubeconfig } = await lab.access()
  const env = { KUBECONFIG: kubeconfig, HOME: lab.home }
  execFileSync(join(bin, 'flux'), ['suspend', 'helmrelease', 'plain', '--namespace', shop, '--context=lab-infra'], { env, stdio: 'pipe' })
  const before = await alive(cluster)
  const revisions = async (release: string): Promise<string[]> => {
    const secrets = await cluster.list(kinds.secret, { labels: `owner=helm,name=${release}` })
    return secrets.map(({ metadata }) => metadata.labels.version ?? '').sort()
  }
  const verifyAlive = async (): Promise<void> => expect(await alive(cluster)).toEqual(before)
  const verifyRebuilt = async (): Promise<void> => {
    await verifyAlive()
    expect(await foreignManagers(cluster, namespace)).toEqual([])
    // What someone had suspended is suspended, and helm-controller has never touched it.
    expect((await cluster.get(suspended))?.spec).toMatchObject({ suspend: true })
    expect(await revisions('plain')).toEqual(['1'])
    // What nothing else would have recreated.
    expect(await cluster.get({ ...fluxKinds.gitRepository, namespace: 'tenant-1', name: 'object-0' })).toBeDefined()
  }
  return { lab, cluster, verifyAlive, verifyRebuilt, revisions }
}

/** Workloads, Services and claims that stand for themselves, by UID; releases gain a revision. */
async function alive(cluster: Cluster): Promise<string[]> {
  const fingerprint = await takeFingerprint(cluster, namespace)
  return fingerprint.filter(({ isOwned, name }) => !isOwned && !name.startsWith('Helm release')).map(({ name, uid }) => `${name} ${uid}`)
}

/**
 * Rebuilds by runs that are killed with -9, each after one of the steps that `after` chooses of all ids in their order; the last continues to its
 * end. Checks that there was one teardown.
 */
export async function killRebuild({ lab, cluster, verifyRebuilt }: RebuildWorld, after: (id: string) => boolean): Promise<number> {
  const uidOfNamespace = async (): Promise<string | undefined> => (await cluster.get({ ...kinds.namespace, name: namespace }))?.metadata.uid
  const { steps } = documentOf(await lab.run('rebuild', ['--lab', '--dry-run', '--json']))
  // A run that had nothing to do yet is not a run: no one resumes it.
  const first = steps.findIndex(({ state }) => state === 'planned')
  const chosen = steps.slice(first, -1).filter(({ id }) => after(id))
  const namespaces = new Set<string | undefined>([await uidOfNamespace()])
  for (const [at, { title }] of chosen.entries()) {
    const running = lab.start('rebuild', [...everything, ...(at > 0 ? ['--resume'] : [])])
    await running.said(`✔ ${v.parse(v.string(), title)}`)
    running.kill('SIGKILL')
    await running.ended
    namespaces.add(await uidOfNamespace())
  }
  const last = await lab.run('rebuild', [...everything, '--resume', '--json'])
  expect(last, last.stderr).toMatchObject({ code: 0 })
  expect(documentOf(last)).toMatchObject({ outcome: 'done', residue: [], survival: { changed: 0, missing: 0 } })
  expect(last.stderr).not.toMatch(/[◎✖] Delete the namespace/)
  namespaces.add(await uidOfNamespace())
  // The first one, perhaps none for a while, and the new one: never a third.
  expect([...namespaces].filter((uid) => uid !== undefined)).toHaveLength(2)
  await verifyRebuilt()
  return chosen.length
}
