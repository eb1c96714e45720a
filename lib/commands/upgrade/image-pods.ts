import { randomBytes } from 'node:crypto'
import * as v from 'valibot'
import { appLabels } from '../../flux/labels.ts'
import type { Component } from '../../flux/instance.ts'
import { fieldManager } from '../../kubernetes/client.ts'
import { type Condition, conditionsOf } from '../../kubernetes/readiness.ts'
import { manifestOf } from '../../kubernetes/manifest.ts'
import { kinds, type KubeObject } from '../../kubernetes/objects.ts'
import { isRefused, readPull } from './steps/missing-images.ts'

/** Carries the run that made the pod: by it, what a killed run has left is found. */
export const imageCheckLabel = 'flux-runbook/image-check'
/** How long fetching and starting an image may take, in seconds. */
export const imageDeadline = 120

const containerSchema = v.object({
  name: v.string(),
  image: v.optional(v.string(), ''),
  imagePullPolicy: v.optional(v.string()),
  securityContext: v.optional(v.unknown()),
  command: v.optional(v.array(v.string())),
})
const podSpecSchema = v.object({
  containers: v.array(containerSchema),
  serviceAccountName: v.optional(v.string(), 'default'),
  imagePullSecrets: v.optional(v.array(v.unknown()), []),
  affinity: v.optional(v.object({ nodeAffinity: v.optional(v.unknown()) })),
  nodeSelector: v.optional(v.unknown()),
  tolerations: v.optional(v.unknown()),
  runtimeClassName: v.optional(v.unknown()),
  securityContext: v.optional(v.unknown()),
})
const deploymentSchema = v.object({ spec: v.object({ template: v.object({ spec: podSpecSchema }) }) })
type PodSpec = v.InferOutput<typeof podSpecSchema>

/** An image that a version brings, and how the controller that it belongs to runs. */
export interface NewImage {
  readonly name: string
  readonly tag: string
  readonly image: string
  readonly spec: PodSpec
}

function containerOf({ containers }: PodSpec): v.InferOutput<typeof containerSchema> | undefined {
  return containers.find(({ name }) => name === 'manager') ?? containers[0]
}

/**
 * The image that a Deployment will run once its tag has changed; undefined where it runs that already, or a patch has put another image
 * there, which the version does not move.
 */
export function newImageOf(deployment: KubeObject, { name, repository, tag: old }: Component, tag: string): NewImage | undefined {
  const { spec } = v.parse(deploymentSchema, deployment).spec.template
  const [, base = '', current = ''] = /^(.+?)(?::([^:/@]+))?(?:@.*)?$/.exec(containerOf(spec)?.image ?? '') ?? []
  if (base === '' || current === tag || (base !== repository && current !== old)) return undefined
  return { name, tag, image: `${base}:${tag}`, spec }
}

/**
 * A pod that fetches and starts the image as the controller's own would, with no rights and no volumes, and ends by itself.
 * @param pullSecrets those of the controller's account, which are a pod's where its Deployment names none
 */
export function imagePod({ name, image, spec }: NewImage, namespace: string, runId: string, pullSecrets: readonly unknown[]): KubeObject {
  const container = containerOf(spec)
  const { nodeSelector, tolerations, affinity, runtimeClassName } = spec
  const secrets = spec.imagePullSecrets.length > 0 ? spec.imagePullSecrets : pullSecrets
  const pod = manifestOf(
    { ...kinds.pod, namespace, name: `image-check-${name}-${randomBytes(3).toString('hex')}` },
    {
      spec: {
        restartPolicy: 'Never',
        activeDeadlineSeconds: imageDeadline,
        terminationGracePeriodSeconds: 1,
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        securityContext: spec.securityContext,
        nodeSelector,
        tolerations,
        runtimeClassName,
        // Affinity to pods is left out: the old pod may keep others off its node.
        ...(affinity?.nodeAffinity === undefined ? {} : { affinity: { nodeAffinity: affinity.nodeAffinity } }),
        imagePullSecrets: secrets,
        containers: [
          {
            name,
            image,
            imagePullPolicy: container?.imagePullPolicy,
            securityContext: container?.securityContext,
            command: container?.command,
            args: ['--help'],
            resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { cpu: '500m', memory: '128Mi' } },
            terminationMessagePolicy: 'FallbackToLogsOnError', // then the status has what the program said
          },
        ],
      },
    },
  )
  return { ...pod, metadata: { ...pod.metadata, labels: { [appLabels.managedBy]: fieldManager, [imageCheckLabel]: runId } } }
}

/** What is known of an image: `fails` and `unable` are for good, and say why. */
export type Verdict =
  | { readonly is: 'starts' }
  | { readonly is: 'waiting'; readonly on: string }
  | { readonly is: 'fails' | 'unable'; readonly words: string }

const said = { reason: v.optional(v.string(), ''), message: v.optional(v.string(), '') }
const podSchema = v.object({
  status: v.optional(
    v.object({
      phase: v.optional(v.string(), ''),
      ...said,
      containerStatuses: v.optional(
        v.array(
          v.object({
            name: v.string(),
            state: v.optional(
              v.object({
                waiting: v.optional(v.object(said)),
                terminated: v.optional(v.object({ exitCode: v.number(), ...said })),
              }),
              {},
            ),
          }),
        ),
        [],
      ),
    }),
    {},
  ),
})

/** What no node gets over by trying again. */
const forGood = ['InvalidImageName', 'ErrImageNeverPull', 'CreateContainerConfigError']

/** What a pod of the check, or its absence, says of its image. */
export function podVerdict(pod: KubeObject | undefined, { name }: Pick<NewImage, 'name'>): Verdict {
  if (pod === undefined) return { is: 'unable', words: 'its pod was deleted by someone else' }
  const { status } = v.parse(podSchema, pod)
  const { waiting, terminated } = status.containerStatuses.find((one) => one.name === name)?.state ?? {}
  if (terminated !== undefined) {
    // pflag before 1.0.6 ends with 2 where it was asked for help.
    const isHelp = terminated.exitCode === 0 || (terminated.exitCode === 2 && terminated.message.includes('help requested'))
    if (isHelp) return { is: 'starts' }
    if (status.reason !== 'DeadlineExceeded') {
      return { is: 'fails', words: `exit code ${terminated.exitCode}${report(terminated) === '' ? '' : `, ${report(terminated)}`}` }
    }
  }
  if (waiting !== undefined && isForGood(waiting)) return { is: 'fails', words: report(waiting) }
  if (status.phase === 'Failed') return { is: 'unable', words: report(status) } // past its deadline, evicted, or not admitted by the node
  const unscheduled = conditionsOf(pod).find(({ type, status: is }) => type === 'PodScheduled' && is === 'False')
  return { is: 'waiting', on: report(unscheduled ?? waiting ?? { reason: status.phase, message: '' }) }
}

function isForGood(waiting: { reason: string; message: string }): boolean {
  if (forGood.includes(waiting.reason)) return true
  const [pull] = readPull(waiting)
  return pull !== undefined && (pull.is === 'absent' || isRefused(waiting.message))
}

function report({ reason, message }: Pick<Condition, 'reason' | 'message'>): string {
  return [reason, message?.trim()].filter(Boolean).join(': ')
}
