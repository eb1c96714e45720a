import { mkdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { nameOf, parseObject } from '../../lib/kubernetes/objects.ts'
import { messageOf } from '../../lib/base/errors.ts'
import { isCrashing } from '../faults.ts'
import { listenAnywhere } from '../ports.ts'
import { type TcpProxy, startTcpProxy } from '../tcp-proxy.ts'
import { Container, type ContainerRun } from './container.ts'
import { type PodPlaces, podToken, startProgram } from './container-process.ts'
import { type Executable, findImage, isReal } from './images.ts'
import type { Log } from './kubelet-server.ts'
import { persistently } from './persistently.ts'
import { type PodCondition, type ContainerSpec, deploymentOf, type Pod, podRef } from './pod-spec.ts'
import { conditionsNow, isReady, now, podStatusOf } from './pod-status.ts'
import { type PodPorts, programOf } from './programs.ts'
import { probeUrl } from './readiness.ts'

/** What is made to fail: images (`NAME:TAG`) that cannot be pulled, Deployments whose programs exit on start or cannot reach the API. */
export interface Faults {
  readonly images: readonly string[]
  readonly crash: readonly string[]
  readonly partition: readonly string[]
}

/** How one container is described. */
export interface ProcessInfo {
  readonly pod: string
  readonly container: string
  readonly image: string
  readonly pid: number | undefined
  readonly ports: PodPorts
  readonly kind: 'real' | 'stand-in'
  readonly state: string
  readonly restarts: number
}

/** What pods share of their node. */
export interface PodContext extends Pick<PodPlaces, 'ca' | 'operatorData' | 'artifactPort' | 'bin' | 'claims' | 'ownProgram'> {
  readonly name: string
  readonly cluster: Cluster
  readonly apiPort: number
  /** Where each pod has a folder of its own, named by its UID, for its kubeconfig, home, logs and what it stores. */
  readonly folder: string
  readonly executables: readonly Executable[]
  readonly faults: () => Faults
  readonly faultsChanged: () => AbortSignal
  /** Aborts when the node stops: then nothing more is reported to the API. */
  readonly stopped: AbortSignal
  /** The processes may be others now. */
  readonly changed: () => void
  readonly log: (text: string) => void
}

/** One pod of the node, from its binding to its deletion. */
export class LabPod {
  readonly #containers: readonly Container[]
  readonly ip: string
  readonly #context: PodContext
  readonly #folder: string
  readonly #startTime: string
  readonly #ending = new AbortController()
  readonly #lives: Promise<unknown>
  #pod: Pod
  #conditions: readonly PodCondition[]
  #published = ''
  #publishing: Promise<void> | undefined
  #proxy: Promise<TcpProxy> | undefined
  #token: string | undefined
  #ended: Promise<void> | undefined

  /** Binds the pod where nobody has, and starts its containers, unless it is being deleted already. */
  constructor(pod: Pod, ip: string, context: PodContext) {
    this.#pod = pod
    this.ip = ip
    this.#context = context
    this.#folder = join(context.folder, pod.metadata.uid)
    this.#startTime = pod.status.startTime ?? now()
    this.#conditions = pod.status.conditions
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    this.#containers = pod.spec.containers.map((spec) => new Container(spec, this.#host()))
    if (pod.metadata.deletionTimestamp !== undefined) this.#ending.abort() // nothing is started only to be ended
    this.#lives = this.#live()
    this.observe(pod)
  }

  get name(): string {
    return `${this.#pod.metadata.namespace}/${this.#pod.metadata.name}`
  }

  /** Takes in what the API says of the pod now. */
  observe(pod: Pod): void {
    this.#pod = pod
    this.#conditions = conditionsNow(this.#conditions, pod.status.conditions)
    if (pod.metadata.deletionTimestamp !== undefined) void this.#delete(pod.metadata.deletionGracePeriodSeconds ?? 30)
  }

  /** Applies the faults to what is running. */
  applyFaults(): void {
    void this.#applyPartition()
  }

  /** The log of one of its containers, or why there is none. */
  log(container: string, previous: boolean): Log | string {
    return (
      this.#containers.find(({ spec }) => spec.name === container)?.log(previous) ??
      `container ${container} is not valid for pod ${this.name}`
    )
  }

  /** Ends the pod's processes: asks first, insists after `graceSeconds`. A later call with less patience counts. */
  async terminate(graceSeconds: number): Promise<void> {
    const insist = setTimeout(() => this.#containers.forEach((container) => container.end('SIGKILL')), graceSeconds * 1000)
    this.#ended ??= this.#end()
    await this.#ended
    clearTimeout(insist)
  }

  /** Ends what is left of a pod that the API no longer knows. */
  async forget(): Promise<void> {
    await this.terminate(0)
    await rm(this.#folder, { recursive: true, force: true })
  }

  /** Resolves when the API has the pod's status. */
  async reported(): Promise<void> {
    await this.#publishing
  }

  processes(): ProcessInfo[] {
    return this.#containers.map(({ spec, state, run, facts }) => ({
      pod: this.name,
      container: spec.name,
      image: spec.image,
      restarts: facts.restarts,
      pid: run?.pid,
      ports: run?.ports ?? {},
      kind: isReal(spec.image, this.#context.executables) ? 'real' : 'stand-in',
      state: state.is === 'waiting' ? state.reason : state.is === 'terminated' ? 'Terminated' : isReady(state) ? 'Ready' : 'Running',
    }))
  }

  async #live(): Promise<void> {
    if (this.#pod.spec.nodeName === '') await this.#write('bind', () => this.#bind())
    this.#publish()
    await Promise.all(this.#containers.map((container) => container.live(this.#ending.signal)))
  }

  async #end(): Promise<void> {
    this.#ending.abort()
    for (const container of this.#containers) container.end('SIGTERM')
    await this.#lives
    await (await this.#proxy)?.block()
  }

  async #delete(graceSeconds: number): Promise<void> {
    if (this.#ended !== undefined) return this.terminate(graceSeconds) // anyone who came first deletes it
    await this.terminate(graceSeconds)
    await this.#publishing
    const { uid } = this.#pod.metadata
    await this.#write('delete', () => this.#context.cluster.remove(podRef(this.#pod), { uid, graceSeconds: 0 }))
  }

  #host() {
    const { name, namespace, uid } = this.#pod.metadata
    const { executables, faults, faultsChanged } = this.#context
    return {
      folder: this.#folder,
      podName: `${name}_${namespace}(${uid})`,
      finishes: this.#pod.spec.restartPolicy !== 'Always',
      isOver: (exitCode: number) => {
        const { restartPolicy } = this.#pod.spec
        return restartPolicy === 'Never' || (restartPolicy === 'OnFailure' && exitCode === 0)
      },
      find: (image: string) => findImage(image, executables, faults().images),
      crashes: (image: string) => isCrashing(faults().crash, deploymentOf(this.#pod), image),
      start: (container: ContainerSpec, program: string, path: string) => this.#start(container, program, path),
      faultsChanged,
      changed: () => {
        this.#publish()
        this.#context.changed()
      },
    }
  }

  async #start(container: ContainerSpec, name: string, path: string): Promise<ContainerRun> {
    const { cluster, apiPort } = this.#context
    this.#proxy ??= startTcpProxy({ listen: (_, server) => listenAnywhere(server) }, `Pod ${this.name}`)
    const proxy = await this.#proxy
    proxy.setTarget(apiPort)
    await this.#applyPartition()
    this.#token ??= await podToken(cluster, this.#pod) // once: a container starts again without the API's help
    const server = `https://127.0.0.1:${proxy.port}`
    const own = { folder: this.#folder, storage: join(this.#folder, 'storage'), ip: this.ip, server, token: this.#token }
    const places = { ...this.#context, ...own }
    const program = programOf(name)
    const running = await startProgram(cluster, this.#pod, container, program, path, places)
    const url = probeUrl(container, program, running.ports)
    return { ...running, readiness: url === undefined ? 'at once' : { url } }
  }

  /** Cuts the pod off from the API, or joins it again. */
  async #applyPartition(): Promise<void> {
    const proxy = await this.#proxy
    try {
      await (this.#context.faults().partition.includes(deploymentOf(this.#pod)) ? proxy?.block() : proxy?.unblock())
    } catch (error) {
      // Another process took the proxy's port meanwhile: the programs start again, with another proxy.
      this.#context.log(`joining Pod ${this.name} to the API again: ${messageOf(error)}`)
      this.#proxy = undefined
      for (const container of this.#containers) container.end('SIGKILL')
    }
  }

  async #bind(): Promise<void> {
    const { name, namespace } = this.#pod.metadata
    const target = { apiVersion: 'v1', kind: 'Node', name: this.#context.name }
    const binding = parseObject({ apiVersion: 'v1', kind: 'Binding', metadata: { name, namespace }, target })
    await this.#context.cluster.create(binding, { ref: podRef(this.#pod), name: 'binding' })
    this.#pod = { ...this.#pod, spec: { ...this.#pod.spec, nodeName: this.#context.name } }
  }

  /** Tells the API how the pod is; one write at a time, and what changes meanwhile goes with the next. */
  #publish(): void {
    this.#publishing ??= this.#publishChanges()
  }

  async #publishChanges(): Promise<void> {
    for (;;) {
      await Promise.resolve() // what changes together is reported together
      const facts = { ip: this.ip, startTime: this.#startTime, containers: this.#containers.map((container) => container.facts) }
      const status = podStatusOf(this.#pod, facts, this.#conditions, now())
      const text = JSON.stringify(status)
      if (text === this.#published || this.#context.stopped.aborted) break
      const { uid } = this.#pod.metadata // another pod of that name is left alone
      const patch = { metadata: { uid }, status }
      if ((await this.#write('report on', () => this.#context.cluster.patch(podRef(this.#pod), patch, 'status'))) !== 'done') break
      this.#published = text
      this.#conditions = status.conditions
    }
    this.#publishing = undefined
  }

  #write(verb: string, write: () => Promise<unknown>): Promise<'done' | 'given up'> {
    return persistently(`${verb} ${nameOf(podRef(this.#pod))}`, write, this.#context.stopped, this.#context.log)
  }
}
