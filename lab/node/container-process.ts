import { closeSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import * as v from 'valibot'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds, parseObject } from '../../lib/kubernetes/objects.ts'
import { onceEach } from '../../lib/base/once.ts'
import { spawnTied, type TiedProcess } from '../../lib/process/child-process.ts'
import { listenAnywhere } from '../ports.ts'
import { containerEnvironment, expandVariables, type ReadEntries } from './environment.ts'
import { type Mount, mountVolumes, withMounts } from './mounts.ts'
import { type ContainerSpec, deploymentOf, type Pod } from './pod-spec.ts'
import type { Places, PodPorts, PodProgram } from './programs.ts'

/** Where one pod finds what a kubelet would have mounted for it. */
export interface PodPlaces extends Places {
  readonly folder: string
  readonly ip: string
  /** The pod's own way to the API. */
  readonly server: string
  readonly ca: string
  readonly token: string
  /** Where the volumes are that outlive pods. */
  readonly claims: string
  /** Builds this project's own program, once. */
  readonly ownProgram: () => Promise<string>
  /** A folder with the programs that this project's own image has: kubectl and the like. */
  readonly bin: string
  /** The port source-controller serves artifacts on: sources keep it in their status, so that it outlives the pod. */
  readonly artifactPort: (deployment: string) => Promise<number>
}

export interface RunningProcess extends TiedProcess {
  readonly pid: number
  readonly ports: PodPorts
}

/** Starts a container's program as a process, with the pod's own rights. Throws where something it needs does not exist. */
export async function startProgram(
  cluster: Cluster,
  pod: Pod,
  container: ContainerSpec,
  program: PodProgram,
  path: string,
  places: PodPlaces,
): Promise<RunningProcess> {
  const kubeconfig = join(places.folder, 'kubeconfig')
  writeFileSync(kubeconfig, kubeconfigOf(places, pod.metadata.namespace), { mode: 0o600 })
  const home = join(places.folder, 'home')
  const temporary = join(places.folder, 'tmp')
  for (const folder of [home, temporary, places.storage]) mkdirSync(folder, { recursive: true, mode: 0o700 })
  const read = entriesReader(cluster, pod.metadata.namespace)
  const asked = await containerEnvironment(container, pod, places.ip, read)
  const ports = await portsFor(program, () => places.artifactPort(deploymentOf(pod)))
  if (program.isOwn === true) {
    const mounts = [...(await mountVolumes(container, pod, { ...places, read })), messageMount(container, places.folder)]
    const env: Record<string, string> = {}
    for (const [name, value] of Object.entries(asked)) env[name] = withMounts(value, mounts)
    const fixed = { PATH: `${places.bin}:${process.env.PATH ?? systemPath}`, HOME: home, TMPDIR: temporary, ...inCluster(places) }
    const args = container.args.map((arg) => withMounts(expandVariables(arg, asked), mounts))
    const cwd = container.workingDir === undefined ? places.folder : withMounts(container.workingDir, mounts)
    return { ...spawnLogged([path, await places.ownProgram(), ...args], { ...env, ...fixed }, places.folder, container.name, cwd), ports }
  }
  // A container has a /tmp of its own.
  for (const [name, value] of Object.entries(asked)) asked[name] = value.replace(/^\/tmp(?=\/|$)/, temporary)
  const args = [...container.args.map((arg) => expandVariables(arg, asked)), ...program.flags(ports, places)]
  const env = { PATH: systemPath, ...asked, HOME: home, TMPDIR: temporary, KUBECONFIG: kubeconfig, ...program.env }
  return { ...spawnLogged([path, ...args], env, places.folder, container.name), ports }
}

/** Where the API is, as every container has it. */
function inCluster({ server }: PodPlaces): Record<string, string> {
  const { hostname, port } = new URL(server)
  return { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port }
}

/** Where a container writes what its status is to say of its end. Empties it. */
function messageMount({ name, terminationMessagePath }: ContainerSpec, folder: string): Mount {
  const at = messageFile(folder, name)
  writeFileSync(at, '', { mode: 0o600 })
  return { path: terminationMessagePath, at }
}

/** The file of a container's last words. */
function messageFile(folder: string, container: string): string {
  return join(folder, `${container}.termination-message`)
}

/** The most that a kubelet takes of a container's last words, in bytes. */
const longestMessage = 4096

/** What a container's program has written of its end; undefined where it wrote nothing. */
export function terminationMessage(folder: string, container: string): string | undefined {
  try {
    const message = readFileSync(messageFile(folder, container)).subarray(0, longestMessage).toString()
    return message === '' ? undefined : message
  } catch {
    return undefined // a program that has no such file
  }
}

/** Starts a program whose output goes to the container's log; the log of the run before stays beside it. */
export function spawnLogged(
  command: readonly string[],
  env: Record<string, string>,
  folder: string,
  container: string,
  cwd = folder,
): TiedProcess & { pid: number } {
  const log = openLog(folder, container)
  try {
    const started = spawnTied(command, { env, cwd, stdout: log, stderr: log })
    if (started.child.pid === undefined) throw new Error(`${command[0]} could not be started`)
    return { ...started, pid: started.child.pid }
  } finally {
    closeSync(log)
  }
}

const systemPath = '/usr/local/bin:/usr/bin:/bin'

/** Where a container's output goes, or where that of the run before is. */
export function logFile(folder: string, container: string, previous: boolean): string {
  return join(folder, `${container}${previous ? '.previous' : ''}.log`)
}

/** Opens an empty log for the container, keeping the one before. The caller closes it. */
export function openLog(folder: string, container: string): number {
  try {
    renameSync(logFile(folder, container, false), logFile(folder, container, true))
  } catch {
    // the container's first run
  }
  return openSync(logFile(folder, container, false), 'a', 0o600)
}

async function portsFor(program: PodProgram, artifactPort: () => Promise<number>): Promise<PodPorts> {
  const servers = [createServer(), createServer()] // both at once, so that they differ
  const [metrics = 0, health = 0] = await Promise.all(servers.map((server) => listenAnywhere(server)))
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return { metrics, health, ...(program.containerPorts.storage === undefined ? {} : { storage: await artifactPort() }) }
}

const tokenSchema = v.object({ status: v.object({ token: v.string() }) })

/** A year outlives every lab, and the token ends with the pod: there is nothing to renew. */
const tokenSeconds = 365 * 24 * 3600

/** Asks for the token of the pod's service account: its rights are the pod's. */
export async function podToken(cluster: Cluster, pod: Pod): Promise<string> {
  const { name, namespace, uid } = pod.metadata
  const account = { ...kinds.serviceAccount, namespace, name: pod.spec.serviceAccountName }
  const request = parseObject({
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    metadata: { name: account.name, namespace },
    spec: { expirationSeconds: tokenSeconds, boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid } },
  })
  return v.parse(tokenSchema, await cluster.create(request, { ref: account, name: 'token' })).status.token
}

function kubeconfigOf({ server, ca, token }: PodPlaces, namespace: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'lab', cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } }],
    users: [{ name: 'pod', user: { token } }],
    contexts: [{ name: 'pod', context: { cluster: 'lab', user: 'pod', namespace } }],
    'current-context': 'pod',
  })
}

const entriesSchema = v.object({ data: v.optional(v.record(v.string(), v.string()), {}) })

/** A pod that names more of a kind than these has all of the namespace read at once, as a kubelet has them from its watch. */
const fewNames = 8

function entriesReader(cluster: Cluster, namespace: string): ReadEntries {
  const asked = { Secret: 0, ConfigMap: 0 }
  const listed = onceEach(
    (kind: keyof typeof asked) => kind,
    async (kind) => {
      const objects = await cluster.list({ apiVersion: 'v1', kind }, { namespace })
      return new Map(objects.map((object) => [object.metadata.name, object]))
    },
  )
  return async (kind, name) => {
    asked[kind] += 1
    const object = asked[kind] > fewNames ? (await listed(kind)).get(name) : await cluster.get({ apiVersion: 'v1', kind, namespace, name })
    if (object === undefined) return undefined
    const entries = Object.entries(v.parse(entriesSchema, object).data)
    return Object.fromEntries(kind === 'Secret' ? entries.map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]) : entries)
  }
}
