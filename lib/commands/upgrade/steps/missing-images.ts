import * as v from 'valibot'
import type { Cluster } from '../../../kubernetes/client.ts'
import { kinds, type KubeObject, nameOf, type Ref } from '../../../kubernetes/objects.ts'
import { selectorOf } from '../../../kubernetes/selector.ts'
import { OperatorError } from '../../../base/errors.ts'

/** The tag of each controller, by its name. */
export type Tags = Readonly<Record<string, string>>

/** Remembers, from one check to the next, which images the nodes report as missing. */
export interface Pulls {
  /**
   * Throws OperatorError where the Deployment's pods want an image that is in no registry: no waiting helps. Whatever else keeps an image
   * from being pulled may pass: a registry that is away, asks for a login or for patience.
   */
  readonly verify: (cluster: Pick<Cluster, 'get' | 'list'>, ref: Ref) => Promise<void>
}

/** A node tries again after ten seconds: so it has heard it twice, and a registry may be a moment behind what was pushed. */
export const pullPatience = 15_000

/**
 * Watches the pulls of a version's images. Pods of the version that is left may not be there either, and say nothing about this one.
 * @param wanted the version's tags; empty where they are not known, then it is those that are not of the version that is left
 * @param now the clock, in milliseconds
 */
export function watchPulls(wanted: Tags, left: Tags, now: () => number = Date.now): Pulls {
  const absentSince = new Map<string, number>()
  return {
    async verify(cluster, ref) {
      for (const { image, containers } of await imagesOfVersion(cluster, ref, wanted, left)) {
        const words = containers.flatMap(({ state }) => (state.waiting === undefined ? [] : readPull(state.waiting)))
        const reported = words.find(({ is }) => is === 'absent')
        if (words.some(({ is }) => is === 'other') || words.length === 0) absentSince.delete(image)
        else if (reported !== undefined && !absentSince.has(image)) absentSince.set(image, now())
        const since = absentSince.get(image)
        if (since === undefined || now() - since < pullPatience) continue
        throw new OperatorError(
          `${nameOf(ref)} cannot run: there is no image ${image}${reported === undefined ? '' : ` (${reported.words})`}`,
          {
            remedy: bringIt(ref),
          },
        )
      }
    },
  }
}

/** What to do about an image that does not run. */
export function bringIt({ namespace, name }: Ref): string {
  return `push the image there, or choose another version: kubectl ${namespace === undefined ? '' : `--namespace ${namespace} `}describe deployment ${name}`
}

/** An image that the Deployment wants now, and the containers of its pods that have it. */
export interface VersionImage {
  readonly image: string
  readonly containers: readonly ContainerStatus[]
}

/** The images of the version that a Deployment asks for; none where it still asks for those of the version that is left. */
export async function imagesOfVersion(cluster: Pick<Cluster, 'get' | 'list'>, ref: Ref, wanted: Tags, left: Tags): Promise<VersionImage[]> {
  const deployment = await cluster.get(ref)
  if (deployment === undefined) return []
  const { template } = v.parse(deploymentSchema, deployment).spec
  const [to, from] = [wanted[ref.name], left[ref.name]]
  const isOfVersion = (tag: string): boolean => (to === undefined ? from !== undefined && from !== tag : to === tag)
  const images = imagesOf(template.spec).filter((image) => isOfVersion(tagOf(image)))
  if (images.length === 0) return []
  const namespace = ref.namespace === undefined ? {} : { namespace: ref.namespace }
  const pods = await cluster.list(kinds.pod, { ...namespace, labels: selectorOf(deployment) })
  return images.map((image) => ({ image, containers: pods.flatMap((pod) => containersWith(pod, image)) }))
}

const containersSchema = v.object({
  containers: v.array(v.object({ name: v.string(), image: v.optional(v.string(), '') })),
  initContainers: v.optional(v.array(v.object({ name: v.string(), image: v.optional(v.string(), '') })), []),
})
const deploymentSchema = v.object({ spec: v.object({ template: v.object({ spec: containersSchema }) }) })
const saidSchema = v.object({ reason: v.optional(v.string(), ''), message: v.optional(v.string(), '') })
const endedSchema = v.object({ exitCode: v.optional(v.number(), 0), message: v.optional(v.string(), '') })
const stateSchema = v.object({ waiting: v.optional(saidSchema), terminated: v.optional(endedSchema) })
const statusSchema = v.object({
  name: v.string(),
  restartCount: v.optional(v.number(), 0),
  state: v.optional(stateSchema, {}),
  lastState: v.optional(stateSchema, {}),
})
type ContainerStatus = v.InferOutput<typeof statusSchema>
const statusesSchema = v.optional(v.array(statusSchema), [])
const podSchema = v.object({
  spec: containersSchema,
  status: v.optional(v.object({ containerStatuses: statusesSchema, initContainerStatuses: statusesSchema }), {}),
})

function imagesOf({ containers, initContainers }: v.InferOutput<typeof containersSchema>): string[] {
  return [...new Set([...containers, ...initContainers].map(({ image }) => image))]
}

function tagOf(image: string): string {
  return /:([^:/@]+)(@|$)/.exec(image)?.[1] ?? ''
}

/** What a node says of a pull that fails; `unsaid` is a back-off that, before Kubernetes 1.32, names no cause. */
export type Pull = { readonly is: 'absent' | 'other' | 'unsaid'; readonly words: string }

function containersWith(pod: KubeObject, image: string): ContainerStatus[] {
  const { spec, status } = v.parse(podSchema, pod)
  const named = [...spec.containers, ...spec.initContainers].filter((container) => container.image === image).map(({ name }) => name)
  return [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])].filter(({ name }) => named.includes(name))
}

/** How containerd, Docker and CRI-O say that there is no such image, or none for the node's processor. */
const absent = [
  /failed to resolve (?:reference|image) "[^"]*": \S+: not found/,
  /\bno match for platform in manifest\b[^:]*: not found/,
  /\bmanifest for \S+ not found\b/,
  /\b(?:manifest|name) unknown\b/,
  /\brepository name not known to registry\b/,
  /\bno matching manifest for \S+/,
]
/** Registries that want a login also say that there is nothing. */
const maybeHidden = /unauthorized|denied|forbidden|authoriz|toomanyrequests/i

/** What a node that waits says of a pull; nothing where it waits for something else. */
export function readPull({ reason, message }: { reason: string; message: string }): Pull[] {
  if (reason === 'InvalidImageName') return [{ is: 'absent', words: message }]
  if (reason !== 'ErrImagePull' && reason !== 'ImagePullBackOff') return []
  const words = absent.map((pattern) => pattern.exec(message)?.[0]).find((found) => found !== undefined)
  if (words !== undefined && !maybeHidden.test(message)) return [{ is: 'absent', words }]
  return [{ is: reason === 'ImagePullBackOff' && !message.includes('ErrImagePull') ? 'unsaid' : 'other', words: message }]
}

/** That a registry refuses the node's login, or its lack of one: not that it asks for patience. */
export function isRefused(message: string): boolean {
  return /unauthorized|denied|forbidden|authorization failed/i.test(message) && !/toomanyrequests|too many requests/i.test(message)
}
