import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { OperatorError } from '../lib/base/errors.ts'

/** Where one lab keeps what. Everything is below its home, which nobody else can open. */
export interface Layout {
  readonly home: string
  readonly kubeconfig: string
  /** One file for each process; those of the last run stay after `lab down`. */
  readonly logs: string
  /** The bare repository, which the Git server serves under two addresses. */
  readonly repository: string
  readonly gitPassword: string
  /** The folder with the login for the registry, as helm and flux read it. */
  readonly registryLogin: string
  readonly clusters: string
  readonly snapshots: string
  /** What Pulumi has in the lab, its state among it, where the lab was given Pulumi. */
  readonly pulumi: string
  /** Which port had which use, so that addresses stay the same. */
  readonly ports: string
  /** Which processes were started: what is left of a lab that was killed. */
  readonly processes: string
  /** HOME and TMPDIR of the lab's processes. */
  readonly childHome: string
  readonly temporary: string
}

/** The layout of the lab in this home. Nothing is made. */
export function layoutOf(home: string): Layout {
  return {
    home,
    kubeconfig: join(home, 'kubeconfig'),
    logs: join(home, 'logs'),
    repository: join(home, 'git', 'fleet.git'),
    gitPassword: join(home, 'git', 'password'),
    registryLogin: join(home, 'registry'),
    clusters: join(home, 'clusters'),
    snapshots: join(home, 'snapshots'),
    pulumi: join(home, 'pulumi'),
    ports: join(home, 'ports.json'),
    processes: join(home, 'processes.json'),
    childHome: join(home, 'home'),
    temporary: join(home, 'tmp'),
  }
}

/**
 * Makes the folders, the home closed to everyone else.
 * @throws OperatorError `usage` where the home is someone's folder with other things in it: `lab down` would remove them
 */
export function makeFolders(layout: Layout): void {
  const { home, ports, logs, clusters, snapshots, childHome, temporary } = layout
  if (!isHome(layout) && existsSync(home) && readdirSync(home).length > 0) {
    throw new OperatorError(`${home} cannot be a lab's home: it holds other things`, {
      kind: 'usage',
      remedy: 'set FLUX_LAB_HOME to a new folder',
    })
  }
  mkdirSync(home, { recursive: true, mode: 0o700 })
  chmodSync(home, 0o700)
  if (!existsSync(ports)) writeFileSync(ports, '{}')
  for (const folder of [logs, clusters, snapshots, childHome, temporary]) mkdirSync(folder, { recursive: true })
}

/** Removes clusters, Git, snapshots and passwords. Logs stay to be read, ports so that addresses stay the same. */
export function removeState(layout: Layout): void {
  if (!isHome(layout)) return
  const { kubeconfig, repository, registryLogin, clusters, snapshots, pulumi, processes, childHome, temporary } = layout
  const state = [
    kubeconfig,
    dirname(repository),
    registryLogin,
    clusters,
    snapshots,
    pulumi,
    processes,
    childHome,
    temporary,
    socketFolder(layout),
    pointer(layout),
  ]
  for (const path of state) if (path !== undefined) rmSync(path, { recursive: true, force: true, maxRetries: 3 })
}

function isHome({ ports }: Layout): boolean {
  return existsSync(ports)
}

/** A path of a unix socket has 107 bytes at most, 103 on macOS; the longest name in the folder is this. */
const longestFolder = 103 - '/twenty-letter-cluster-etcd-peer'.length

function pointer(layout: Layout): string {
  return join(layout.home, 'sockets')
}

/** The folder of the lab's sockets; undefined where there is none. It is elsewhere where the home's path is too long. */
export function socketFolder(layout: Layout): string | undefined {
  const path = pointer(layout)
  if (!existsSync(path)) return undefined
  if (statSync(path).isDirectory()) return path
  const elsewhere = readFileSync(path, 'utf8').trim()
  return existsSync(elsewhere) ? elsewhere : undefined
}

/** Makes the folder of the lab's sockets where there is none. */
export function makeSocketFolder(layout: Layout): string {
  const there = socketFolder(layout)
  if (there !== undefined) return there
  const path = pointer(layout)
  if (Buffer.byteLength(path) <= longestFolder) {
    mkdirSync(path, { mode: 0o700 })
    return path
  }
  const parent = Buffer.byteLength(tmpdir()) <= longestFolder - '/flux-lab-123456'.length ? tmpdir() : '/tmp'
  const elsewhere = mkdtempSync(join(parent, 'flux-lab-')) // 0700
  writeFileSync(path, elsewhere)
  return elsewhere
}

/** Where the supervisor can be talked to; undefined where there is none, nor was. */
export function controlSocket(layout: Layout): string | undefined {
  const folder = socketFolder(layout)
  return folder === undefined ? undefined : join(folder, 'control')
}

/** What a cluster proves itself with; it goes with the cluster. */
export function keysFolder(layout: Layout, cluster: string): string {
  return join(layout.clusters, cluster, 'keys')
}

/** All that processes of the lab get of the environment: no credentials, no agent, no settings of the person's. */
export function labEnvironment(layout: Layout): Record<string, string> {
  return { PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin', HOME: layout.childHome, TMPDIR: layout.temporary }
}
