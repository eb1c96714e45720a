import { describe, expect, test } from 'vitest'
import { imagePod, newImageOf, podVerdict } from '../../../../lib/commands/upgrade/image-pods.ts'
import { kinds, type KubeObject, parseObject } from '../../../../lib/kubernetes/objects.ts'

const name = 'source-controller'
const component = { name, repository: 'ghcr.io/fluxcd/source-controller', tag: 'v1.9.4' }
const image = 'registry.example.com:5000/mirror/source-controller:v1.9.5'

const deployment = (running: string, more: Record<string, unknown> = {}): KubeObject =>
  parseObject({
    ...kinds.deployment,
    metadata: { name, namespace: 'flux-system' },
    spec: {
      template: {
        spec: {
          containers: [
            { name: 'sidecar', image: 'proxy:1' },
            { name: 'manager', image: running },
          ],
          ...more,
        },
      },
    },
  })
const imageNow = (running: string): string | undefined => newImageOf(deployment(running), component, 'v1.9.5')?.image

describe('the image that a version brings', () => {
  test('has the repository that runs, a mirror too, and the new tag', () => {
    expect(imageNow('ghcr.io/fluxcd/source-controller:v1.9.4')).toBe('ghcr.io/fluxcd/source-controller:v1.9.5')
    expect(imageNow('registry.example.com:5000/mirror/source-controller:v1.9.4@sha256:abc')).toBe(image)
    // What a failed upgrade has left: the Deployment is ahead of what the FluxInstance says.
    expect(imageNow('ghcr.io/fluxcd/source-controller:v1.9.6')).toBe('ghcr.io/fluxcd/source-controller:v1.9.5')
  })

  test('is none where it runs already, and where a patch has put another image there', () => {
    expect(imageNow('ghcr.io/fluxcd/source-controller:v1.9.5')).toBeUndefined()
    expect(imageNow('example.com/own/source-controller:patched')).toBeUndefined()
  })
})

describe('the pod of the check', () => {
  const spec = {
    nodeSelector: { pool: 'flux' },
    tolerations: [{ key: 'flux' }],
    affinity: { nodeAffinity: { required: 1 }, podAntiAffinity: { required: 1 } },
    securityContext: { fsGroup: 1337 },
    serviceAccountName: name,
    volumes: [{ name: 'data', emptyDir: {} }],
  }
  const podFor = (more: Record<string, unknown>): KubeObject => {
    const found = newImageOf(deployment('mirror/source-controller:v1.9.4', { ...spec, ...more }), component, 'v1.9.5')
    if (found === undefined) throw new Error('there is a new image')
    return imagePod(found, 'flux-system', '20261129T190000000Z-upgrade', [{ name: 'of-account' }])
  }

  test('runs where the controller runs, as it does, without its rights, its volumes and its label', () => {
    const pod = podFor({})
    expect(pod.metadata.labels).toEqual({
      'app.kubernetes.io/managed-by': 'flux-runbook',
      'flux-runbook/image-check': '20261129T190000000Z-upgrade',
    })
    expect(JSON.parse(JSON.stringify(pod.spec))).toEqual({
      restartPolicy: 'Never',
      activeDeadlineSeconds: 120,
      terminationGracePeriodSeconds: 1,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: { fsGroup: 1337 },
      nodeSelector: { pool: 'flux' },
      tolerations: [{ key: 'flux' }],
      affinity: { nodeAffinity: { required: 1 } },
      imagePullSecrets: [{ name: 'of-account' }],
      containers: [
        {
          name,
          image: 'mirror/source-controller:v1.9.5',
          args: ['--help'],
          resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { cpu: '500m', memory: '128Mi' } },
          terminationMessagePolicy: 'FallbackToLogsOnError',
        },
      ],
    })
  })

  test('pulls with the Deployment’s own secrets where it names some', () => {
    expect(podFor({ imagePullSecrets: [{ name: 'own' }] }).spec).toMatchObject({ imagePullSecrets: [{ name: 'own' }] })
  })
})

describe('what a pod says of its image', () => {
  const podOf = (state: Record<string, unknown> | undefined, status: Record<string, unknown> = {}): KubeObject =>
    parseObject({
      ...kinds.pod,
      metadata: { name: 'x', namespace: 'flux-system' },
      status: { ...status, containerStatuses: [{ name: 'istio-proxy', state: { running: {} } }, ...(state ? [{ name, state }] : [])] },
    })
  const waiting = (reason: string, message: string): KubeObject => podOf({ waiting: { reason, message } }, { phase: 'Pending' })
  const ended = (exitCode: number, reason = 'Error', message = ''): KubeObject => podOf({ terminated: { exitCode, reason, message } })
  const absent = `failed to resolve reference "${image}": ${image}: not found`
  const unscheduled = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes are available' }

  test.each<[string, KubeObject | undefined, ReturnType<typeof podVerdict>]>([
    ['it printed its help', ended(0, 'Completed'), { is: 'starts' }],
    ['an older pflag printed it', ended(2, 'Error', 'pflag: help requested\n'), { is: 'starts' }],
    ['it panics', ended(2, 'Error', 'panic: nil map'), { is: 'fails', words: 'exit code 2, Error: panic: nil map' }],
    [
      'another processor’s',
      ended(255, 'Error', 'exec /usr/local/bin/source-controller: exec format error'),
      { is: 'fails', words: 'exit code 255, Error: exec /usr/local/bin/source-controller: exec format error' },
    ],
    ['there is none', waiting('ErrImagePull', absent), { is: 'fails', words: `ErrImagePull: ${absent}` }],
    ['it requires a login', waiting('ErrImagePull', '401 Unauthorized'), { is: 'fails', words: 'ErrImagePull: 401 Unauthorized' }],
    [
      'the registry asks for patience',
      waiting('ErrImagePull', '429 toomanyrequests: unauthorized'),
      { is: 'waiting', on: 'ErrImagePull: 429 toomanyrequests: unauthorized' },
    ],
    ['it is away', waiting('ErrImagePull', 'i/o timeout'), { is: 'waiting', on: 'ErrImagePull: i/o timeout' }],
    [
      'it would run as root',
      waiting('CreateContainerConfigError', 'image will run as root'),
      { is: 'fails', words: 'CreateContainerConfigError: image will run as root' },
    ],
    ['it is being pulled', waiting('ContainerCreating', ''), { is: 'waiting', on: 'ContainerCreating' }],
    ['no node has room', podOf(undefined, { conditions: [unscheduled] }), { is: 'waiting', on: 'Unschedulable: 0/1 nodes are available' }],
    ['it was evicted', podOf(undefined, { phase: 'Failed', reason: 'Evicted', message: 'disk' }), { is: 'unable', words: 'Evicted: disk' }],
    [
      'it took too long',
      podOf({ terminated: { exitCode: 137, reason: 'Error' } }, { phase: 'Failed', reason: 'DeadlineExceeded', message: 'too long' }),
      { is: 'unable', words: 'DeadlineExceeded: too long' },
    ],
    ['it is gone', undefined, { is: 'unable', words: 'its pod was deleted by someone else' }],
  ])('%s', (_, pod, verdict) => {
    expect(podVerdict(pod, { name })).toEqual(verdict)
  })
})
