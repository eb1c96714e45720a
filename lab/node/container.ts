import { closeSync, writeSync } from 'node:fs'
import { constants } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { messageOf } from '../../lib/base/errors.ts'
import type { TiedProcess } from '../../lib/process/child-process.ts'
import { logFile, openLog, spawnLogged, terminationMessage } from './container-process.ts'
import type { FoundImage } from './images.ts'
import type { Log } from './kubelet-server.ts'
import { memoryLimitOf, watchMemory } from './memory.ts'
import type { ContainerSpec } from './pod-spec.ts'
import { type ContainerFacts, type ContainerState, now, type Terminated } from './pod-status.ts'
import type { PodPorts } from './programs.ts'
import { followReadiness } from './readiness.ts'

/** A process of a container. */
export interface ContainerRun extends TiedProcess {
  readonly pid: number
  readonly ports: PodPorts
  /** Where it answers its readiness probe; what has none is ready at once, and what is made to crash never. */
  readonly readiness: { readonly url: string } | 'at once' | 'never'
}

/** What a container needs of its pod. */
export interface ContainerHost {
  readonly folder: string
  /** What ends up in messages: `NAME_NAMESPACE(UID)`, as kubelets write it. */
  readonly podName: string
  /** A pod that is to finish, such as a Job's: its stand-ins succeed after a moment. */
  readonly finishes: boolean
  /** Whether the pod's restart policy has a program that ended with this code not start again. */
  readonly isOver: (exitCode: number) => boolean
  readonly find: (image: string) => FoundImage
  /** Whether a fault makes the pod's programs exit on start. */
  readonly crashes: (image: string) => boolean
  readonly start: (container: ContainerSpec, name: string, path: string) => Promise<ContainerRun>
  /** Aborts when the faults are set again, so that anyone who backs off retries at once. */
  readonly faultsChanged: () => AbortSignal
  /** The container's facts have changed. */
  readonly changed: () => void
}

const firstBackOff = 1000
const longestBackOff = 30_000
/** What ran this long backs off again from the start. */
const steadyAfter = 60_000
const taskDuration = 1000

type Waiting = Extract<ContainerState, { is: 'waiting' }>

/** One container's life: pulled, started, watched, started again, until its pod ends. */
export class Container {
  readonly spec: ContainerSpec
  state: ContainerState = { is: 'waiting', reason: 'ContainerCreating' }
  run: ContainerRun | undefined
  /** Aborts when the present run is over: its log grows no more. */
  #over: AbortSignal = AbortSignal.abort()
  readonly #host: ContainerHost
  #last: Terminated | undefined
  #starts = 0
  #imageId = ''

  constructor(spec: ContainerSpec, host: ContainerHost) {
    this.spec = spec
    this.#host = host
  }

  get facts(): ContainerFacts {
    const { name, image } = this.spec
    const id = this.#starts === 0 ? '' : `lab://${this.#host.podName}/${name}/${this.#starts}`
    const restarts = Math.max(0, this.#starts - 1)
    return { name, image, imageId: this.#imageId, id, restarts, state: this.state, last: this.#last }
  }

  /** Lives until the container is over for good, or `signal` aborts and its process has ended. */
  async live(signal: AbortSignal): Promise<void> {
    for (let delay = firstBackOff; !signal.aborted; delay = Math.min(delay * 2, longestBackOff)) {
      const began = Date.now()
      const waiting = await this.#attempt(signal)
      if (waiting === undefined || signal.aborted) return
      if (Date.now() - began > steadyAfter) delay = firstBackOff
      this.#become(waiting)
      await pause(delay, undefined, { signal: AbortSignal.any([signal, this.#host.faultsChanged()]) }).catch(() => undefined)
    }
  }

  /** Its log, or that of the run before; or why there is none. */
  log(previous: boolean): Log | string {
    const where = `container "${this.spec.name}" in pod "${this.#host.podName}"`
    if (previous && this.#starts < 2) return `previous terminated ${where} not found`
    if (this.#starts === 0)
      return `${where} is waiting to start: ${this.state.is === 'waiting' ? (this.state.message ?? this.state.reason) : ''}`
    return { file: logFile(this.#host.folder, this.spec.name, previous), over: previous ? AbortSignal.abort() : this.#over }
  }

  /** Asks the container's process to end, or makes it. */
  end(signal: 'SIGTERM' | 'SIGKILL'): void {
    this.run?.child.kill(signal)
  }

  #become(state: ContainerState): void {
    this.state = state
    this.#host.changed()
  }

  /** Pulls, starts and waits for the end. Returns what to wait in before the next attempt; nothing where none is due. */
  async #attempt(signal: AbortSignal): Promise<Waiting | undefined> {
    const found = this.#host.find(this.spec.image)
    if (found.is === 'absent') return this.#missing(found.message)
    const crashes = this.#host.crashes(this.spec.image)
    this.#imageId = `lab://${found.is === 'real' ? 'process' : 'stand-in'}/${this.spec.image}`
    if (found.is === 'stand-in' && !crashes) return this.#standIn(signal)
    try {
      this.run = crashes || found.is === 'stand-in' ? this.#crash() : await this.#host.start(this.spec, found.name, found.path)
    } catch (error) {
      return { is: 'waiting', reason: 'CreateContainerConfigError', message: messageOf(error) }
    }
    if (signal.aborted) this.end('SIGKILL')
    const last = await this.#follow(this.run)
    this.run = undefined
    this.#last = last
    if (signal.aborted || this.#host.isOver(last.exitCode)) {
      this.#become(last)
      return undefined
    }
    const message = `back-off restarting failed container=${this.spec.name} pod=${this.#host.podName}`
    return { is: 'waiting', reason: 'CrashLoopBackOff', message }
  }

  #missing(message: string): Waiting {
    const again = this.state.is === 'waiting' && (this.state.reason === 'ErrImagePull' || this.state.reason === 'ImagePullBackOff')
    return again
      ? { is: 'waiting', reason: 'ImagePullBackOff', message: `Back-off pulling image "${this.spec.image}": ErrImagePull: ${message}` }
      : { is: 'waiting', reason: 'ErrImagePull', message }
  }

  async #follow(run: ContainerRun): Promise<Terminated> {
    const over = new AbortController()
    this.#over = over.signal
    this.#starts++
    const startedAt = now()
    this.#become({ is: 'running', startedAt, ready: run.readiness === 'at once' })
    const probe = this.spec.readinessProbe
    if (typeof run.readiness === 'object' && probe !== undefined) {
      void followReadiness(run.readiness.url, probe, over.signal, (ready) => this.#become({ is: 'running', startedAt, ready }))
    }
    const limit = memoryLimitOf(this.spec)
    let isOverLimit = false
    if (limit !== undefined) {
      void watchMemory(run.pid, limit, over.signal, () => {
        isOverLimit = true
        run.child.kill('SIGKILL')
      })
    }
    const end = await run.ended.catch(() => 128)
    over.abort()
    const exitCode = typeof end === 'number' ? end : 128 + constants.signals[end]
    const message = terminationMessage(this.#host.folder, this.spec.name)
    const why = { ...(isOverLimit ? { reason: 'OOMKilled' as const } : {}), ...(message === undefined ? {} : { message }) }
    return { is: 'terminated', exitCode, ...why, startedAt, finishedAt: now() }
  }

  async #standIn(signal: AbortSignal): Promise<undefined> {
    this.#log(
      `the lab runs no process for ${this.spec.image}: a stand-in holds this container ${this.#host.finishes ? 'a moment' : 'Ready'}`,
    )
    const startedAt = now()
    this.#over = signal
    this.#starts++
    this.#become({ is: 'running', startedAt, ready: true })
    await (this.#host.finishes ? pause(taskDuration, undefined, { signal }).catch(() => undefined) : aborted(signal))
    this.#over = AbortSignal.abort()
    this.#become({ is: 'terminated', exitCode: 0, startedAt, finishedAt: now() })
  }

  #crash(): ContainerRun {
    const command = ['/bin/sh', '-c', 'echo "the lab\'s fault crash is set for this Deployment: exits on start"; exit 1']
    return { ...spawnLogged(command, {}, this.#host.folder, this.spec.name), ports: {}, readiness: 'never' }
  }

  #log(line: string): void {
    const log = openLog(this.#host.folder, this.spec.name)
    writeSync(log, `${line}\n`)
    closeSync(log)
  }
}

/** Resolves when the signal aborts. */
async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
}
