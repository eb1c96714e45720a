import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { KubeObject } from '../../lib/kubernetes/objects.ts'
import type { WatchEvent } from '../../lib/kubernetes/watch.ts'
import { messageOf } from '../../lib/base/errors.ts'
import { Addresses } from './addresses.ts'
import type { Log } from './kubelet-server.ts'
import { LabPod, type PodContext } from './pod.ts'
import { type Pod, parsePod } from './pod-spec.ts'

/** The node's pods, kept in step with what the API reports of all pods. */
export class Pods {
  readonly #context: PodContext
  readonly #byUid = new Map<string, LabPod>()
  readonly #addresses = new Addresses()

  constructor(context: PodContext) {
    this.#context = context
  }

  get all(): LabPod[] {
    return [...this.#byUid.values()]
  }

  /** Takes in what a watch tells. */
  take(event: WatchEvent): void {
    if (event.type === 'all') this.#seeAll(event.objects)
    else if (event.type === 'set') this.#see(event.object)
    else this.#lose(event.object.metadata.uid ?? '')
  }

  /** Finds a container's log for anyone who asks the kubelet; a string says why there is none. */
  findLog(namespace: string, name: string, container: string, previous: boolean): Log | string {
    const pod = this.all.findLast((one) => one.name === `${namespace}/${name}`) // an old one of that name may be ending still
    return pod === undefined ? `pod "${name}" is not on this node` : pod.log(container, previous)
  }

  #seeAll(objects: readonly KubeObject[]): void {
    const { folder } = this.#context
    const there = new Set(objects.map(({ metadata }) => metadata.uid))
    for (const uid of this.#byUid.keys()) if (!there.has(uid)) this.#lose(uid)
    for (const uid of readdirSync(folder)) if (!there.has(uid)) rmSync(join(folder, uid), { recursive: true, force: true })
    for (const object of objects) this.#addresses.reserve(parsePod(object).status.podIP)
    for (const object of objects) this.#see(object)
  }

  #see(object: KubeObject): void {
    const pod = parsePod(object)
    const { uid, deletionTimestamp } = pod.metadata
    if (!isOurs(pod, this.#context.name)) return
    const known = this.#byUid.get(uid)
    if (known !== undefined) known.observe(pod)
    else if (deletionTimestamp !== undefined || !isOver(pod)) {
      this.#byUid.set(uid, new LabPod(pod, this.#addresses.take(pod.status.podIP), this.#context))
    }
  }

  #lose(uid: string): void {
    const pod = this.#byUid.get(uid)
    if (pod === undefined) return
    this.#byUid.delete(uid)
    this.#addresses.release(pod.ip)
    pod.forget().catch((error: unknown) => this.#context.log(`clearing Pod ${pod.name} away: ${messageOf(error)}`))
  }
}

/** Pods bound to the node, and those that nobody has bound: there is no scheduler. */
function isOurs({ spec }: Pod, nodeName: string): boolean {
  return spec.nodeName === nodeName || (spec.nodeName === '' && spec.schedulingGates.length === 0)
}

function isOver({ status }: Pod): boolean {
  return status.phase === 'Succeeded' || status.phase === 'Failed'
}
