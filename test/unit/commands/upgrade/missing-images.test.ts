import { asTyped } from '../../../run-names.ts'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type Cluster, clusterAt } from '../../../../lib/kubernetes/client.ts'
import { kinds, type KubeObject, parseObject } from '../../../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../../../lib/flux/kinds.ts'
import { socketEndpoint } from '../../../../lib/kubernetes/transport.ts'
import { OperatorError } from '../../../../lib/base/errors.ts'
import type { StepContext } from '../../../../lib/runner/step.ts'
import { awaitAgreement } from '../../../../lib/commands/upgrade/steps/follow-git.ts'
import { type Pulls, watchPulls } from '../../../../lib/commands/upgrade/steps/missing-images.ts'
import { recordingConsole } from '../../../recording-console.ts'

const image = 'ghcr.io/fluxcd/source-controller:v1.9.5'
const ref = { ...kinds.deployment, namespace: 'flux-system', name: 'source-controller' }

const specOf = (wanted: string) => ({ containers: [{ name: 'manager', image: wanted }] })
const deploymentOf = (wanted: string): KubeObject =>
  parseObject({
    ...kinds.deployment,
    metadata: { name: ref.name, namespace: ref.namespace },
    spec: { selector: { matchLabels: { app: ref.name } }, template: { spec: specOf(wanted) } },
  })

interface Waiting {
  readonly reason: string
  readonly message: string
}
const podOf = (wanted: string, waiting: Waiting | undefined): KubeObject =>
  parseObject({
    ...kinds.pod,
    metadata: { name: 'source-controller-x', namespace: ref.namespace },
    spec: specOf(wanted),
    status: { containerStatuses: [{ name: 'manager', state: waiting === undefined ? { running: {} } : { waiting } }] },
  })

const clusterOf = (wanted: string, ...pods: readonly KubeObject[]): Pick<Cluster, 'get' | 'list'> => ({
  get: () => Promise.resolve(deploymentOf(wanted)),
  list: () => Promise.resolve([...pods]),
})

let clock: number
let pulls: Pulls

beforeEach(() => {
  clock = 0
  pulls = watchPulls({ 'source-controller': 'v1.9.5' }, { 'source-controller': 'v1.9.4' }, () => clock)
})

/** What each of these checks, ten seconds apart, comes to: the words it is refused with, or nothing. */
async function checks(...seen: readonly (Waiting | undefined)[]): Promise<(string | undefined)[]> {
  const found: (string | undefined)[] = []
  for (const waiting of seen) {
    const thrown: unknown = await pulls.verify(clusterOf(image, podOf(image, waiting)), ref).catch((error: unknown) => error)
    found.push(thrown instanceof OperatorError ? thrown.message : undefined)
    clock += 10_000
  }
  return found
}

const pull = (message: string): Waiting => ({ reason: 'ErrImagePull', message })
const backOff = (cause = ''): Waiting => ({ reason: 'ImagePullBackOff', message: `Back-off pulling image "${image}"${cause}` })
const containerd = `failed to resolve reference "${image}": ${image}: not found`
const notFound = `rpc error: code = NotFound desc = failed to pull and unpack image "${image}": ${containerd}`
const missing = `Deployment flux-system/source-controller cannot run: there is no image ${image}`

describe('an image that does not exist', () => {
  test.each<[string, string, string]>([
    ['containerd', notFound, containerd],
    [
      'Docker',
      `Error response from daemon: manifest for ${image} not found: manifest unknown: manifest unknown`,
      `manifest for ${image} not found`,
    ],
    ['CRI-O', `reading manifest v1.9.5 in ghcr.io/fluxcd/source-controller: manifest unknown`, 'manifest unknown'],
    ['a processor it is not built for', 'no match for platform in manifest: not found', 'no match for platform in manifest: not found'],
  ])('is decided once it was reported for a while: %s', async (_, message, words) => {
    const reported = `${missing} (${words})`
    expect(await checks(pull(message), backOff(`: ErrImagePull: ${message}`), pull(message))).toEqual([undefined, undefined, reported])
  })

  test('is decided where a back-off names no cause, as before Kubernetes 1.32', async () => {
    expect(await checks(pull(notFound), backOff(), backOff())).toEqual([undefined, undefined, missing])
    expect(await checks(backOff(), backOff())).toEqual([missing, missing])
  })

  test('is named with what to do', async () => {
    await checks(pull(notFound))
    clock = 60_000
    const thrown: unknown = await pulls.verify(clusterOf(image, podOf(image, pull(notFound))), ref).catch((error: unknown) => error)
    expect(thrown).toMatchObject({
      remedy: 'push the image there, or choose another version: kubectl --namespace flux-system describe deployment source-controller',
    })
  })
})

describe('what may pass is waited for', () => {
  test.each<[string, string]>([
    [
      'a registry that is away',
      `failed to resolve reference "${image}": failed to do request: Head "https://ghcr.io/v2/": dial tcp: connection refused`,
    ],
    [
      'a name that is not known',
      `failed to do request: Head "https://ghcr.io/v2/": dial tcp: lookup ghcr.io on 10.0.0.10:53: no such host`,
    ],
    ['a login that is wanted', `failed to resolve reference "${image}": failed to authorize: 401 Unauthorized`],
    [
      'a repository that may be hidden',
      'pull access denied for x, repository does not exist or may require authorization: manifest unknown',
    ],
    ['too many requests', `failed to resolve reference "${image}": unexpected status 429 Too Many Requests - toomanyrequests`],
    [
      'a layer that a mirror lacks',
      'failed to copy: httpReadSeeker: failed open: content at https://mirror/blobs/sha256:1 not found: not found',
    ],
  ])('%s', async (_, message) => {
    expect(await checks(pull(message), backOff(`: ErrImagePull: ${message}`), pull(message), backOff())).toEqual(Array(4).fill(undefined))
  })

  test('an image that is there after all', async () => {
    expect(await checks(pull(notFound), undefined, pull(notFound))).toEqual([undefined, undefined, undefined])
    expect(await checks(pull(notFound), pull('connection refused'), backOff())).toEqual([undefined, undefined, undefined])
  })
})

describe('another version', () => {
  const left = image.replace('5', '4')
  const absentIn = (wanted: string) => clusterOf(wanted, podOf(wanted, pull(notFound)))

  test('that is left says nothing about the one that is to come', async () => {
    await pulls.verify(absentIn(left), ref)
    clock = 60_000
    await pulls.verify(absentIn(left), ref)
    // Nor do the pods of it that are still there once the Deployment has changed.
    await pulls.verify(clusterOf(image, podOf(left, pull(notFound))), ref)
  })

  test('whose tags are not known is any but the one that is left', async () => {
    pulls = watchPulls({}, { 'source-controller': 'v1.9.4' }, () => clock)
    for (const wanted of [left, image]) await pulls.verify(absentIn(wanted), ref)
    clock = 60_000
    await pulls.verify(absentIn(left), ref)
    await expect(pulls.verify(absentIn(image), ref)).rejects.toThrow(missing)
  })
})

test("the operator's image ends the wait for its release, of which helm-controller says nothing for minutes", async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())
  const [name, wanted] = ['flux-operator', 'ghcr.io/controlplaneio-fluxcd/flux-operator:v0.60.0']
  const labels = { matchLabels: { app: name } }
  const objects = [
    parseObject({
      ...kinds.deployment,
      metadata: { name, namespace: 'flux-system' },
      spec: { selector: labels, template: { spec: specOf(wanted) } },
    }),
    parseObject({
      ...fluxKinds.helmRelease,
      metadata: { name, namespace: 'flux-system' },
      spec: {},
      status: { history: [{ chartVersion: '0.59.0+1' }], conditions: [{ type: 'Ready', status: 'Unknown', reason: 'Progressing' }] },
    }),
  ]
  const { signal } = new AbortController()
  const cluster: Cluster = {
    ...clusterAt(socketEndpoint('/nowhere'), { milliseconds: 0, trouble: () => undefined, over: () => undefined }, signal),
    get: ({ kind, name: of }) => Promise.resolve(objects.find((object) => object.kind === kind && object.metadata.name === of)),
    list: () => Promise.resolve([podOf(wanted, pull(notFound))]),
  }
  const run: StepContext = {
    id: 'run',
    script: 'upgrade',
    context: 'infra',
    place: 'infra',
    where: '--context infra',
    timeout: 0,
    signal,
    cluster,
    console: recordingConsole().console,
    clean: (text) => text,
    ...asTyped,
    memory: { read: () => ({}), write: () => undefined, folder: () => '' },
  }
  const place = {
    namespace: 'flux-system',
    syncName: 'flux-system',
    kustomizations: [],
    operatorRelease: name,
    instanceRelease: 'flux-instance',
  }
  const agreement = awaitAgreement(place, { flux: '2.9.5', operator: '0.60.0', isInstanceChart: true })
  expect(await agreement.check(run)).toEqual({
    is: 'waiting',
    on: 'HelmRelease flux-system/flux-operator to release 0.60.0; it is at 0.59.0 (HelmRelease flux-system/flux-operator: Progressing: )',
  })
  vi.advanceTimersByTime(15_000)
  await expect(agreement.check(run)).rejects.toThrow(`Deployment flux-system/flux-operator cannot run: there is no image ${wanted} (`)
})
