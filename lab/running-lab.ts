import { rmSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { OperatorError } from '../lib/errors.ts'
import type { Executables, ProgramImage } from './build/executables.ts'
import { argumentsOf, type Fault, type FaultName, showFault, withFault, withoutFault } from './faults.ts'
import { type GitServer, startGitServer } from './git-server.ts'
import type { Keeping } from './kept-process.ts'
import { kubeconfigOf } from './kubeconfig.ts'
import { createCluster, type LabCluster } from './lab-cluster.ts'
import { clusterNames, type Layout } from './layout.ts'
import type { Faults } from './node/node.ts'
import { createPorts } from './ports.ts'
import { listRegistry, type Registry, startRegistry } from './registry.ts'
import { startRelay } from './relay.ts'
import { ensureRepository, gitOf, gitUsername, headOf, openGitPassword } from './repository.ts'
import { keepSnapshot, savedClusters, restoreSnapshot } from './snapshots.ts'
import { type LabStatus, type ProcessStatus, statusOf } from './status.ts'

type Say = (text: string) => void

/** Everything of a lab that runs. Its methods are called one at a time, but for `status`. */
export interface RunningLab {
  /** Starts what is not running of these clusters, and of those that were there before. Tells which were started, or had to be waited for. */
  readonly up: (clusters: readonly string[], executables: Executables, say: Say) => Promise<string[]>
  readonly status: () => Promise<LabStatus>
  readonly setFault: (fault: Fault) => Promise<void>
  /** Tells which were cleared. */
  readonly clearFault: (name: FaultName | undefined, argument: string) => Promise<string[]>
  readonly snapshot: (name: string, say: Say) => Promise<void>
  readonly reset: (name: string, say: Say) => Promise<void>
  /** Makes one cluster an empty one. */
  readonly wipe: (name: string, say: Say) => Promise<void>
  readonly stop: () => Promise<void>
}

/** The stand-ins that the contract names; any image outside Flux has one too. */
const standIns = ['notification-controller', 'image-reflector-controller', 'image-automation-controller']

/** A lab with nothing in it yet but its Git server. */
export async function startLab(layout: Layout, sockets: string, keeping: Keeping, gitLog: (line: string) => void): Promise<RunningLab> {
  const ports = createPorts(layout.ports)
  const clusters = new Map<string, LabCluster>()
  const inOrder = (): LabCluster[] => clusterNames.flatMap((name) => clusters.get(name) ?? [])
  const registryRelay = await startRelay(ports, 'registry')
  let faults: Fault[] = []
  let registry: Registry | undefined
  let started: Executables | undefined
  // The nodes look into this very list, so that an older Flux built later is there for them too.
  const images: ProgramImage[] = []

  await ensureRepository(layout.repository, keeping.env)
  const password = openGitPassword(layout.gitPassword)
  const git: GitServer = await startGitServer(ports, {
    repository: layout.repository,
    username: gitUsername,
    password,
    env: keeping.env,
    log: gitLog,
  })

  const has = (name: FaultName): boolean => faults.some((one) => one.name === name)
  const nodeFaults = (): Faults => ({
    images: argumentsOf(faults, 'image'),
    crash: [...argumentsOf(faults, 'crash'), ...(has('operator-down') ? ['flux-operator'] : [])],
    partition: argumentsOf(faults, 'partition'),
  })

  const applyFaults = async (): Promise<void> => {
    const slowness = Number(argumentsOf(faults, 'api-slow')[0] ?? 0)
    for (const cluster of inOrder()) {
      cluster.setFaults(nodeFaults())
      cluster.relay.delay(slowness)
      await (has('api-down') ? cluster.relay.cut() : cluster.relay.mend())
    }
    await (has('git-down') ? git.cut() : git.mend())
    await (has('registry-down') ? registryRelay.cut() : registryRelay.mend())
  }

  const startClusters = async (names: readonly string[], executables: Executables, say: Say): Promise<void> => {
    const waiting = new Set(names)
    const tell = (): void => say(`starting the API of ${[...waiting].join(' and ')}`)
    if (names.length > 0) tell()
    const outcomes = await Promise.allSettled(
      names.map(async (name) => {
        const cluster = clusters.get(name) ?? (await createCluster(name, layout, sockets, ports, keeping))
        clusters.set(name, cluster)
        cluster.relay.delay(0)
        await cluster.relay.mend()
        await cluster.start(executables, nodeFaults())
        waiting.delete(name)
        if (waiting.size > 0) tell()
      }),
    )
    writeKubeconfig()
    await applyFaults()
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  }

  const writeKubeconfig = (): void => {
    const contexts = inOrder().flatMap(({ context, server, controlPlane }) => {
      const running = controlPlane()
      return running === undefined ? [] : [{ context, server, ca: running.ca, token: running.tokens['lab-admin'] }]
    })
    writeFileSync(layout.kubeconfig, kubeconfigOf(contexts), { mode: 0o600 })
  }

  /** Carries out what needs everything to stand still, and starts again whatever clusters there are then. */
  const whileStopped = async (how: 'gently' | 'at once', say: Say, act: () => Promise<void>): Promise<void> => {
    const executables = started
    if (executables === undefined)
      throw new OperatorError('the lab has no cluster yet', { kind: 'blocked', remedy: 'npx zx scripts/lab.ts up' })
    say('stopping the clusters')
    await git.cut()
    await Promise.all(inOrder().map((cluster) => cluster.stop(how)))
    try {
      await act()
    } finally {
      await startClusters(savedClusters(layout), executables, say)
    }
  }

  const ownProcesses = (): ProcessStatus[] => [
    { name: 'supervisor', kind: 'real', pid: process.pid, state: 'running', ports: { git: git.port }, restarts: 0 },
    ...(registry === undefined ? [] : [statusOf(registry.process, { registry: registryRelay.port, direct: registry.port })]),
  ]

  return {
    async up(wanted, executables, say) {
      started ??= { ...executables, images }
      images.push(...executables.images.filter((one) => !images.some(({ image, tag }) => image === one.image && tag === one.tag)))
      const isFilled = registry !== undefined
      if (registry === undefined) {
        registry = await startRegistry({
          executable: executables.controlPlane,
          log: join(layout.logs, 'registry.log'),
          folder: join(layout.temporary, 'charts'),
          contents: executables,
          keeping,
          relay: registryRelay,
          ports,
        })
      }
      const before = savedClusters(layout)
      const asked = clusterNames.filter((name) => before.includes(name) || wanted.includes(name))
      const missing = asked.filter((name) => clusters.get(name)?.controlPlane() === undefined)
      const ailing: LabCluster[] = []
      for (const cluster of inOrder()) if (!has('api-down') && !(await cluster.isReady())) ailing.push(cluster)
      await startClusters(missing, started, say)
      for (const cluster of ailing) {
        say(`waiting for the API of ${cluster.name}, which is being started again`)
        await cluster.untilReady()
      }
      if (!isFilled) say('putting the charts into the registry')
      await registry.filled()
      return [...new Set([...missing, ...ailing.map(({ name }) => name)])]
    },

    async status() {
      const all = inOrder()
      const ready = await Promise.all(all.map((cluster) => cluster.isReady()))
      const head = await headOf(gitOf(layout.repository, keeping.env))
      const artifacts = registry === undefined ? undefined : await listRegistry(registry.port)
      return {
        supervisor: { pid: process.pid, socket: join(sockets, 'control') },
        clusters: all.map(({ name, context, server }, at) => ({ name, context, server, ready: ready[at] ?? false })),
        processes: [...ownProcesses(), ...all.flatMap((cluster) => cluster.processes())],
        bin: started?.bin ?? '',
        images: [
          ...images.map(({ image, tag, version }) => ({
            image,
            tag,
            kind: 'real' as const,
            ...(version === undefined ? {} : { version }),
          })),
          ...standIns.map((image) => ({ image, tag: '*', kind: 'stand-in' as const })),
        ],
        git: {
          url: `http://127.0.0.1:${git.port}/fleet.git`,
          privateUrl: `http://127.0.0.1:${git.port}/private/fleet.git`,
          username: gitUsername,
          ...(head === undefined ? {} : { head }),
        },
        registry: { address: `127.0.0.1:${registryRelay.port}`, ...(artifacts === undefined ? {} : { artifacts }) },
        operatorVersion: started?.operatorVersion ?? '',
        faults: faults.map(showFault),
      }
    },

    async setFault(fault) {
      faults = withFault(faults, fault)
      await applyFaults()
      if (fault.name === 'operator-down') for (const cluster of inOrder()) cluster.kill('flux-operator')
    },
    async clearFault(name, argument) {
      const before = faults
      faults = withoutFault(faults, name, argument)
      await applyFaults()
      return before.filter((one) => !faults.includes(one)).map(showFault)
    },

    async snapshot(name, say) {
      await whileStopped('gently', say, async () => {
        say('copying')
        await keepSnapshot(layout, name)
      })
    },
    async reset(name, say) {
      await whileStopped('at once', say, async () => {
        say('copying')
        await restoreSnapshot(layout, name)
        faults = [] // a known state has none
        for (const [cluster, { relay }] of clusters) {
          if (savedClusters(layout).includes(cluster)) continue
          clusters.delete(cluster)
          await relay.cut()
        }
      })
    },

    async wipe(name, say) {
      const cluster = clusters.get(name)
      if (cluster === undefined || started === undefined) {
        throw new OperatorError(`the lab has no cluster ${name} to wipe`, {
          kind: 'blocked',
          remedy: `npx zx scripts/lab.ts up --clusters ${name}`,
        })
      }
      say(`stopping ${name}`)
      await cluster.stop('at once')
      // Its keys stay: kubeconfigs that know it go on working.
      for (const part of ['etcd', 'node']) await rm(join(layout.clusters, name, part), { recursive: true, force: true })
      await startClusters([name], started, say)
    },

    async stop() {
      await git.close()
      const all = inOrder()
      await Promise.all([...all.map((cluster) => cluster.stop('at once')), registry?.process.stop()])
      await Promise.all([...all.map(({ relay }) => relay.cut()), registryRelay.cut()])
      rmSync(layout.kubeconfig, { force: true })
    },
  }
}
