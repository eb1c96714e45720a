import { rmSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { OperatorError } from '../lib/base/errors.ts'
import type { Executables, ProgramImage } from './build/executables.ts'
import { applyFaults, hasFault, nodeFaults } from './apply-faults.ts'
import { type Fault, type FaultName, showFault, withFault, withoutFault } from './faults.ts'
import { type GitServer, startGitServer } from './git-server.ts'
import type { Keeping } from './supervised-process.ts'
import { kubeconfigOf } from './kubeconfig.ts'
import { createCluster, type LabCluster } from './lab-cluster.ts'
import { inClusterOrder, savedClusters } from './cluster-names.ts'
import type { Layout } from './layout.ts'
import type { EtcdKey } from './etcd-keys.ts'
import { createPorts } from './ports.ts'
import { listRegistry, type Registry, startRegistry } from './registry.ts'
import { startTcpProxy } from './tcp-proxy.ts'
import { ensureRepository, gitOf, gitUsername, branchHead, openGitPassword } from './repository.ts'
import { keepSnapshot, restoreSnapshot } from './snapshots.ts'
import { type LabStatus, type ProcessStatus, processStatusOf } from './status.ts'

type Say = (text: string) => void

/** What `up` is asked for. */
interface UpRequest {
  readonly clusters: readonly string[]
  readonly executables: Executables
  /** The helm that scripts use from now on; unless it is given, the one they have used, at first that of the executables. */
  readonly helm?: string | undefined
  /** The kubectl, likewise. */
  readonly kubectl?: string | undefined
}

/** Everything of a lab that runs. Its methods are called one at a time, except for `status`. */
export interface RunningLab {
  /** Starts what is not running of these clusters, and of those that were there before. Returns which were started, or had to be waited for. */
  readonly up: (wanted: UpRequest, say: Say) => Promise<string[]>
  readonly status: () => Promise<LabStatus>
  readonly setFault: (fault: Fault) => Promise<void>
  /** Returns which were cleared. */
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
// oxlint-disable-next-line max-lines-per-function -- one lab: its methods share its clusters, Git and registry
export async function startLab(layout: Layout, sockets: string, keeping: Keeping, gitLog: (line: string) => void): Promise<RunningLab> {
  const ports = createPorts(layout.ports)
  const clusters = new Map<string, LabCluster>()
  const inOrder = (): LabCluster[] => inClusterOrder(clusters.keys()).flatMap((name) => clusters.get(name) ?? [])
  const registryProxy = await startTcpProxy(ports, 'registry')
  let faults: Fault[] = []
  let registry: Registry | undefined
  let started: Executables | undefined
  let helm: string | undefined
  let kubectl: string | undefined
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

  const apply = (): Promise<void> => applyFaults(faults, { clusters: inOrder(), git, registry: registryProxy })

  const startClusters = async (
    names: readonly string[],
    executables: Executables,
    say: Say,
    keys: Readonly<Record<string, readonly EtcdKey[]>> = {},
  ): Promise<void> => {
    const waiting = new Set(names)
    const report = (): void => say(`starting the API of ${[...waiting].join(' and ')}`)
    if (waiting.size > 0) report()
    const outcomes = await Promise.allSettled(
      [...waiting].map(async (name) => {
        const cluster = clusters.get(name) ?? (await createCluster(name, layout, sockets, ports, keeping))
        clusters.set(name, cluster)
        await cluster.start(executables, nodeFaults(name, faults), keys[name])
        waiting.delete(name)
        if (waiting.size > 0) report()
      }),
    )
    writeKubeconfig()
    await apply()
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  }

  const writeKubeconfig = (): void => {
    const contexts = inOrder().flatMap(({ context, server, controlPlane }) => {
      const running = controlPlane()
      return running === undefined ? [] : [{ context, server, ca: running.ca, token: running.tokens['lab-admin'] }]
    })
    writeFileSync(layout.kubeconfig, kubeconfigOf(contexts), { mode: 0o600 })
  }

  const remove = async ({ name, stop, proxy }: LabCluster): Promise<void> => {
    await stop()
    await proxy.block()
    clusters.delete(name)
    await rm(join(layout.clusters, name), { recursive: true, force: true })
  }

  const executablesOf = (): Executables => {
    if (started !== undefined) return started
    throw new OperatorError('the lab has no cluster yet', { kind: 'blocked', remedy: 'npx zx scripts/lab.ts up' })
  }

  const ownProcesses = (): ProcessStatus[] => [
    { name: 'supervisor', kind: 'real', pid: process.pid, state: 'running', ports: { git: git.port }, restarts: 0 },
    ...(registry === undefined ? [] : [processStatusOf(registry.process, { registry: registryProxy.port, direct: registry.port })]),
  ]

  return {
    async up({ clusters: wanted, executables, helm: chosen, kubectl: chosenKubectl }, say) {
      started ??= { ...executables, images }
      helm = chosen ?? helm ?? started.helm
      kubectl = chosenKubectl ?? kubectl ?? started.kubectl
      images.push(...executables.images.filter((one) => !images.some(({ image, tag }) => image === one.image && tag === one.tag)))
      const isFilled = registry !== undefined
      if (registry === undefined) {
        registry = await startRegistry({
          executable: executables.controlPlane,
          layout,
          password,
          contents: executables,
          keeping,
          proxy: registryProxy,
          ports,
        })
      }
      const asked = inClusterOrder([...savedClusters(layout), ...wanted])
      const missing = asked.filter((name) => clusters.get(name)?.controlPlane() === undefined)
      const ailing: LabCluster[] = []
      for (const cluster of inOrder()) if (!hasFault(faults, 'api-down') && !(await cluster.isReady())) ailing.push(cluster)
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
      const head = await branchHead(gitOf(layout.repository, keeping.env))
      const artifacts = registry === undefined ? undefined : await listRegistry(registry.port)
      return {
        supervisor: { pid: process.pid, socket: join(sockets, 'control') },
        clusters: all.map(({ name, context, server }, at) => ({ name, context, server, ready: ready[at] ?? false })),
        processes: [...ownProcesses(), ...all.flatMap((cluster) => cluster.processes())],
        bin: started?.bin ?? '',
        helm: helm ?? '',
        kubectl: kubectl ?? '',
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
        registry: { address: `127.0.0.1:${registryProxy.port}`, ...(artifacts === undefined ? {} : { artifacts }) },
        operatorVersion: started?.operatorVersion ?? '',
        faults: faults.map(showFault),
      }
    },

    async setFault(fault) {
      faults = withFault(faults, fault)
      await apply()
      if (fault.name === 'operator-down') for (const cluster of inOrder()) cluster.kill('flux-operator')
    },
    async clearFault(name, argument) {
      const before = faults
      faults = withoutFault(faults, name, argument)
      await apply()
      return before.filter((one) => !faults.includes(one)).map(showFault)
    },

    async snapshot(name, say) {
      executablesOf()
      say('copying')
      const running = await Promise.all(inOrder().map(async (cluster) => [cluster.name, await cluster.readKeys()] as const))
      await keepSnapshot(layout, name, Object.fromEntries(running))
    },
    async reset(name, say) {
      const executables = executablesOf()
      say('stopping what runs on the clusters')
      await git.block()
      await Promise.all(inOrder().map((cluster) => cluster.pause()))
      let keys: Record<string, EtcdKey[]> = {}
      try {
        say('copying')
        keys = await restoreSnapshot(layout, name)
        faults = [] // a known state has none
        for (const cluster of inOrder().filter(({ name: other }) => keys[other] === undefined)) await remove(cluster)
      } finally {
        await startClusters([...clusters.keys(), ...Object.keys(keys)], executables, say, keys)
      }
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
      await cluster.stop()
      // Its keys stay: kubeconfigs that know it keep working.
      for (const part of ['etcd', 'node']) await rm(join(layout.clusters, name, part), { recursive: true, force: true })
      await startClusters([name], started, say)
    },

    async stop() {
      await git.close()
      const all = inOrder()
      await Promise.all([...all.map((cluster) => cluster.stop()), registry?.process.stop()])
      await Promise.all([...all.map(({ proxy }) => proxy.block()), registryProxy.block()])
      rmSync(layout.kubeconfig, { force: true })
    },
  }
}
