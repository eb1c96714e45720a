import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { send } from '../lib/kubernetes/http.ts'
import { tokenEndpoint } from '../lib/kubernetes/transport.ts'
import { messageOf, OperatorError } from '../lib/base/errors.ts'
import { type ClusterKeys, ensureKeys } from './cluster-keys.ts'
import { apiserverFlags, auditPolicy, controllerManagerFlags, etcdFlags } from './control-plane-flags.ts'
import { type Keeping, type KeptProcess, keepRunning } from './supervised-process.ts'
import { kubeconfigOf } from './kubeconfig.ts'
import type { Ports } from './ports.ts'
import type { TcpProxy } from './tcp-proxy.ts'

export interface ControlPlaneOptions {
  readonly cluster: string
  /** Keys and etcd's data. */
  readonly folder: string
  readonly logs: string
  readonly sockets: string
  /** The executable that is all of them. */
  readonly executable: string
  readonly keeping: Keeping
  /** The way everyone takes to the API. */
  readonly proxy: TcpProxy
  readonly ports: Ports
}

export interface ControlPlane {
  readonly server: string
  /** PEM of the certificate that the API server shows, and the node too. */
  readonly ca: string
  readonly certificate: { readonly cert: string; readonly key: string }
  readonly tokens: ClusterKeys['tokens']
  readonly processes: () => readonly KeptProcess[]
  /** etcd's socket. */
  readonly etcd: string
  /** Where kube-apiserver listens itself, behind the proxy. */
  readonly port: number
  /** Waits until the API is ready and can describe itself, which kubectl apply reads. */
  readonly untilReady: () => Promise<void>
  /** kube-controller-manager, which may be ended and started while the API continues. */
  readonly startControllers: () => void
  readonly stopControllers: () => Promise<void>
  /** Ends all three at once; etcd's log is what makes that safe. */
  readonly stop: () => Promise<void>
}

const readyWithin = 180_000

/** Starts etcd and kube-apiserver of one cluster. Resolves when the API is ready, except for describing itself. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { cluster, executable, keeping, proxy } = options
  const data = join(options.folder, 'etcd')
  mkdirSync(data, { recursive: true, mode: 0o700 })
  const socket = join(options.sockets, `${cluster}-etcd`)
  const server = `https://127.0.0.1:${proxy.port}`
  const processes: KeptProcess[] = []
  let controllers: KeptProcess | undefined
  const start = (name: string, flags: Readonly<Record<string, string>>): KeptProcess => {
    const command = [executable, name, ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)]
    // Collecting garbage less often saves the start a fifth of its work, for 100 MB.
    const env = { ...keeping.env, GOGC: '200' }
    const log = join(options.logs, `${cluster}-${name}.log`)
    return keepRunning({ name: `${cluster}/${name}`, command, log }, { ...keeping, env })
  }
  const stopControllers = async (): Promise<void> => {
    await controllers?.stop()
    controllers = undefined
  }
  const stop = async (): Promise<void> => {
    await Promise.all([...processes.map((process) => process.stop()), stopControllers()])
  }

  try {
    processes.push(start('etcd', etcdFlags(cluster, data, socket)))
    const keys = await ensureKeys(join(options.folder, 'keys'), executable, keeping.env)
    const port = await options.ports.free(`kube-apiserver of ${cluster}`)
    const audit = { policy: join(options.folder, 'audit-policy.json'), log: join(options.logs, `${cluster}-audit.log`) }
    writeFileSync(audit.policy, JSON.stringify(auditPolicy))
    processes.push(start('kube-apiserver', apiserverFlags(keys, socket, port, audit)))
    proxy.setTarget(port)
    await waitForApi(port, keys, processes, ['/readyz'])
    const untilReady = (): Promise<void> => waitForApi(port, keys, processes, ['/readyz', '/openapi/v3', '/openapi/v2'])
    const { certificate: ca, key, tokens } = keys
    const kubeconfig = join(options.folder, 'controller-manager.kubeconfig')
    writeFileSync(kubeconfig, kubeconfigOf([{ context: cluster, server, ca, token: tokens['system:kube-controller-manager'] }]), {
      mode: 0o600,
    })
    return {
      server,
      ca,
      certificate: { cert: ca, key },
      tokens,
      processes: () => [...processes, ...(controllers === undefined ? [] : [controllers])],
      etcd: socket,
      port,
      untilReady,
      startControllers() {
        controllers ??= start('kube-controller-manager', controllerManagerFlags(keys, kubeconfig))
      },
      stopControllers,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Asks until the API has answered on each of these paths. */
async function waitForApi(port: number, keys: ClusterKeys, processes: readonly KeptProcess[], paths: readonly string[]): Promise<void> {
  const endpoint = tokenEndpoint(`https://127.0.0.1:${port}`, keys.tokens['lab-admin'], keys.certificate)
  const before = processes.map((process) => process.restarts())
  const deadline = Date.now() + readyWithin
  const giveUpIfHopeless = (error: unknown): void => {
    const failing = processes.find((process, at) => process.restarts() > (before[at] ?? 0) + 3)
    if (failing === undefined && Date.now() < deadline) return
    const culprit = failing ?? processes.at(1)
    const why =
      failing === undefined
        ? `is not ready after ${readyWithin / 1000} s: ${messageOf(error)}`
        : `ends again and again: ${failing.lastEnd()}`
    throw new OperatorError(`the lab's ${culprit?.name} ${why}`, {
      remedy: `npx zx scripts/lab.ts logs ${culprit?.name.replace('/', '-')}`,
    })
  }
  try {
    for (const path of paths) {
      for (let answered = false; !answered;) {
        try {
          ;(await send(endpoint, { method: 'GET', path })).resume()
          answered = true
        } catch (error) {
          giveUpIfHopeless(error)
          await pause(50) // no event says when
        }
      }
    }
  } finally {
    endpoint.close()
  }
}
