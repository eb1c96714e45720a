import { expect } from 'vitest'
import { labAccess } from '../../lab/client.ts'
import { inParallel } from '../../lib/base/parallel.ts'
import { kinds } from '../../lib/kubernetes/objects.ts'
import { bootstrapCluster, commitFile, startLab, type TestLab, untilRunning, withLogin } from './harness.ts'
import { tags } from './older-flux.ts'

/** The flags of every upgrade of a fleet here; the lab has no second registry to look the images up in. */
export const fleetUpgrade = ['upgrade', '--to', '2.9.5', '--yes', '--json', '--no-image-check'] as const

/** A lab whose clusters all run Flux 2.9.4, and whose newest is 2.9.5. */
export function startOldFleet(names: readonly string[]): Promise<TestLab> {
  const make = async (): Promise<void> => {
    const { git } = await labAccess()
    for (const name of names) {
      const settings = `kubernetes/clusters/${name}/settings.yaml`
      commitFile(withLogin(git), settings, (text) => text.replace('flux_version: "2.9.5"', 'flux_version: "2.9.4"'))
    }
    await inParallel(names, 2, (name) => bootstrapCluster(`lab-${name}`))
  }
  return startLab(names, { olderFlux: ['2.9.4'], start: { name: 'old-fleet', make } })
}

/** Resets the clusters to a snapshot, and waits until Flux runs on all of them: an upgrade begins on no other. */
export async function resetFleet(lab: TestLab, snapshot: string, names: readonly string[]): Promise<void> {
  await lab.reset(snapshot)
  for (const name of names) await untilRunning({ kubectl: (...args) => lab.kubectl(`--context=lab-${name}`, ...args) })
}

/** That a cluster's controllers have these tags, and that no lock is left there. */
export async function expectCluster(lab: TestLab, name: string, wanted: readonly string[]): Promise<void> {
  const cluster = await lab.cluster(`lab-${name}`)
  expect(await tags(cluster), name).toEqual(wanted)
  expect(await cluster.get({ ...kinds.lease, namespace: 'kube-system', name: 'flux-runbook' }), name).toBeUndefined()
}
