import { beforeEach, describe, expect, test } from 'vitest'
import { OperatorError } from '../../../../lib/base/errors.ts'
import { watchStarts } from '../../../../lib/commands/upgrade/steps/failing-starts.ts'
import type { Pulls } from '../../../../lib/commands/upgrade/steps/missing-images.ts'
import { kinds, type KubeObject, parseObject } from '../../../../lib/kubernetes/objects.ts'

const image = 'ghcr.io/fluxcd/source-controller:v1.9.5'
const ref = { ...kinds.deployment, namespace: 'flux-system', name: 'source-controller' }
const spec = { containers: [{ name: 'manager', image }] }
const deployment = parseObject({
  ...kinds.deployment,
  metadata: { name: ref.name, namespace: ref.namespace },
  spec: { selector: { matchLabels: { app: ref.name } }, template: { spec } },
})
const podWith = (status: object): KubeObject =>
  parseObject({
    ...kinds.pod,
    metadata: { name: 'source-controller-x', namespace: ref.namespace },
    spec,
    status: { containerStatuses: [{ name: 'manager', ...status }] },
  })

let clock: number
let starts: Pulls

beforeEach(() => {
  clock = 0
  starts = watchStarts({ 'source-controller': 'v1.9.5' }, { 'source-controller': 'v1.9.4' }, () => clock)
})

/** What each of these checks, ten seconds apart, is refused with, or nothing. */
async function checks(...statuses: readonly object[]): Promise<(string | undefined)[]> {
  const found: (string | undefined)[] = []
  for (const status of statuses) {
    const cluster = { get: () => Promise.resolve(deployment), list: () => Promise.resolve([podWith(status)]) }
    const thrown: unknown = await starts.verify(cluster, ref).catch((error: unknown) => error)
    found.push(thrown instanceof OperatorError ? thrown.message : undefined)
    clock += 10_000
  }
  return found
}

const cannot = `Deployment flux-system/source-controller cannot run ${image}: `
const pull = (message: string) => ({ state: { waiting: { reason: 'ErrImagePull', message } } })
const backOff = { state: { waiting: { reason: 'ImagePullBackOff', message: `Back-off pulling image "${image}"` } } }
const crashing = (restartCount: number, terminated: object = { exitCode: 1 }) => ({
  restartCount,
  state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 40s restarting failed container' } },
  lastState: { terminated },
})

describe('what no waiting helps is decided', () => {
  test('a login that the registry refuses, once it was reported for a while', async () => {
    const unauthorized = `failed to resolve reference "${image}": failed to authorize: 401 Unauthorized`
    expect(await checks(pull(unauthorized), backOff, pull(unauthorized))).toEqual([undefined, undefined, `${cannot}${unauthorized}`])
    expect(await checks(backOff)).toEqual([`${cannot}the registry refuses it`])
  })
  test('an image for another processor, at once', async () => {
    const format = 'exec /usr/local/bin/source-controller: exec format error'
    expect(await checks(crashing(0, { exitCode: 255, message: `${format}\n` }))).toEqual([`${cannot}${format}`])
    expect(await checks({ state: { waiting: { reason: 'RunContainerError', message: format } } })).toEqual([`${cannot}${format}`])
  })
  test('a program that ends again and again', async () => {
    const reported = `${cannot}its container has exited 4 times, the last time with exit code 1`
    expect(await checks(crashing(1), crashing(2), crashing(3))).toEqual([undefined, undefined, reported])
    expect(await checks(crashing(3, { exitCode: 2, message: 'unknown flag: --x' }))).toEqual([
      `${cannot}its container has exited 4 times, the last time with exit code 2: unknown flag: --x`,
    ])
  })
})

describe('what may pass is waited for', () => {
  test.each([
    ['too many requests', pull('unexpected status 429 Too Many Requests - toomanyrequests: denied')],
    ['a registry that is away', pull('dial tcp: connection refused')],
    ['a program that runs again', { restartCount: 9, state: { running: {} }, lastState: { terminated: { exitCode: 1 } } }],
  ])('%s', async (_, status) => {
    expect(await checks(status, status, status)).toEqual([undefined, undefined, undefined])
  })
  test('a registry that refuses for a moment', async () => {
    const unauthorized = pull('401 Unauthorized')
    expect(await checks(unauthorized, pull('connection refused'), unauthorized)).toEqual([undefined, undefined, undefined])
  })
})
