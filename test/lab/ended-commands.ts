import { expect } from 'vitest'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { type Command, forgetRuns } from './endings.ts'
import { stateOfFlux } from './flux-state.ts'
import { type TestLab, untilRunning } from './harness.ts'
import { verifyAsUndisturbed } from './killed-bootstrap.ts'
import { expectAll, type OlderLab, tags, unready } from './older-flux.ts'
import { everything, openRebuildWorld } from './rebuild-world.ts'

/** A bootstrap of an empty cluster, kept as snapshot `empty`. */
export function bootstrapping(lab: TestLab, cluster: () => Promise<Cluster>): Command {
  let now: Cluster | undefined
  const current = (): Cluster => {
    if (now === undefined) throw new Error('it has not begun')
    return now
  }
  return {
    lab,
    cluster: current,
    script: 'bootstrap',
    flags: ['--lab', '--yes'],
    async begin() {
      await lab.reset('empty')
      forgetRuns(lab)
      now = await cluster()
    },
    state: () => Promise.resolve(undefined),
    verifyEnd: () => verifyAsUndisturbed(lab, current()),
  }
}

/** A teardown and a rebuild of a cluster with workloads and Flux objects, which are to outlive both. */
export async function takingDown(): Promise<{ teardown: Command; rebuild: Command; close: () => Promise<void> }> {
  const { lab, cluster, verifyAlive, verifyRebuilt } = await openRebuildWorld()
  await lab.snapshot('deployed')
  const command = {
    lab,
    cluster: () => cluster,
    flags: everything,
    async begin() {
      await lab.reset('deployed')
      forgetRuns(lab)
      await untilRunning(lab)
    },
    state: () => stateOfFlux(cluster),
  }
  return {
    teardown: {
      ...command,
      script: 'teardown',
      async verifyEnd() {
        expect(await lab.kubectl('get', 'crd,namespaces', '--output', 'name')).not.toMatch(/fluxcd|namespace\/flux-system/)
        await verifyAlive()
      },
    },
    rebuild: { ...command, script: 'rebuild', verifyEnd: verifyRebuilt },
    close: () => lab.close(),
  }
}

/** An upgrade from 2.9.4 to 2.9.5. */
export async function upgrading(lab: OlderLab): Promise<Command> {
  const cluster = await lab.cluster('lab-infra')
  return {
    lab,
    cluster: () => cluster,
    script: 'upgrade',
    flags: ['--lab', '--to', '2.9.5', '--yes', '--timeout', '3m'], // as long as Git is tried on a full disk
    async begin() {
      await lab.reset('old')
      forgetRuns(lab)
      await untilRunning(lab)
    },
    state: async () => ({ tags: await tags(cluster), version: await lab.gitVersion(), unready: await unready(cluster) }),
    verifyEnd: () => expectAll(lab, '2.9.5'),
  }
}
