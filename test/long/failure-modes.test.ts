import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { readinessOf } from '../../lib/flux/readiness.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { type KubeObject, kinds, parseObject, type Ref, refOf } from '../../lib/kubernetes/objects.ts'
import { manifestOf } from '../../lib/kubernetes/manifest.ts'
import { conditionsOf } from '../../lib/kubernetes/readiness.ts'
import { recordCluster } from '../../lib/runner/run-store.ts'
import { bootstrappedLab, type TestLab, untilRunning, withLogin } from '../lab/harness.ts'
import { meet } from '../lab/failure-mode.ts'
import { instance, namespace, openRecovery, type Recovery, source } from '../lab/recovery.ts'
import { selfSigned } from '../unit/self-signed.ts'

// The failure modes that recover repairs, each named by health and in the plan, and over within its objective. Those that only people can
// repair are in failure-modes-outside.test.ts; deletions, and several at once, in losses.test.ts and test/lab.
const settings = 'kubernetes/clusters/infra/settings.yaml'
const consent = '--destroy=lab-infra'
const release = (name: string): Ref => ({ ...fluxKinds.helmRelease, namespace, name })
let lab: TestLab
let world: Recovery

beforeAll(async () => {
  lab = await bootstrappedLab()
  await lab.snapshot('healthy')
  world = await openRecovery(lab)
})
afterAll(() => lab.close())
beforeEach(async () => {
  await lab.reset('healthy')
  await untilRunning(lab)
})

const fleet = (...args: string[]): string =>
  execFileSync('git', ['-C', join(lab.home, 'git', 'fleet.git'), ...args], { encoding: 'utf8' }).trim()

async function untilFetched(): Promise<void> {
  await world.ask(source)
  const head = fleet('rev-parse', 'main')
  await world.until(async () => JSON.stringify((await world.there(source)).status).includes(head), source)
}

/** The Helm record of a release that is deployed. It has none while helm-controller installs it again, which is healthy. */
async function recordOf(name: string): Promise<KubeObject> {
  const deployed = (): Promise<KubeObject[]> =>
    world.cluster.list(kinds.secret, { namespace, labels: `owner=helm,name=${name},status=deployed` })
  await world.until(async () => (await deployed()).length > 0, kinds.secret)
  const [record] = await deployed()
  if (record === undefined) throw new Error(`${name} has no record`)
  return record
}

test('a webhook whose certificates have expired', async () => {
  const service = { namespace: 'policy', name: 'policy' }
  const ref: Ref = { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration', name: 'expired' }
  const slice: Ref = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', ...service }
  await world.cluster.apply(manifestOf({ ...kinds.namespace, name: service.namespace }, {}))
  await world.cluster.apply(manifestOf({ apiVersion: 'v1', kind: 'Service', ...service }, { spec: { ports: [{ port: 443 }] } }))
  const endpoints = [{ addresses: ['10.0.0.1'], conditions: { ready: true } }]
  const labelled = { metadata: { ...service, labels: { 'kubernetes.io/service-name': service.name } }, addressType: 'IPv4' }
  await world.cluster.apply(parseObject({ ...manifestOf(slice), ...labelled, endpoints, ports: [{ port: 443 }] }))
  const webhook = {
    name: 'validate.policy.example.com',
    clientConfig: { service, caBundle: Buffer.from(selfSigned('policy', '210101000000Z').cert).toString('base64') },
    rules: [{ apiGroups: ['*'], apiVersions: ['*'], resources: ['*'], operations: ['*'] }],
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
    admissionReviewVersions: ['v1'],
    sideEffects: 'None',
    timeoutSeconds: 2,
  }
  const met = meet(lab)
  await world.cluster.apply(manifestOf(ref, { webhooks: [webhook] }))
  await met.isSeen('certificates', /ValidatingWebhookConfiguration expired: the CA bundle of its webhook \S+ expired on 2021-01-01/)
  await met.isPlanned('webhook-expired')
  await met.isRecovered('webhook-expired', consent)
  expect(await world.cluster.get(ref)).toBeUndefined()
})

test("Helm's record of a release damaged, which only its removal repairs; and one deleted", async () => {
  const met = meet(lab)
  const record = await recordOf('flux-operator')
  const wrong = Buffer.from('not the right one').toString('base64')
  await world.cluster.patch(refOf(record), { data: { release: wrong } })
  await met.isSeen(
    'inventory',
    /Secret flux-system\/sh\.helm\.release\.v1\.flux-operator\.v\d: Helm cannot read the release of HelmRelease/,
  )
  await met.isPlanned('release-unreadable')
  await met.isRecovered('release-unreadable', consent)
  expect((await recordOf('flux-operator')).metadata.uid).not.toBe(record.metadata.uid)

  const again = meet(lab)
  await world.remove(await recordOf('flux-instance'))
  await again.isSeen('inventory', /Secret flux-system\/sh\.helm\.release\.v1\.flux-instance\.v\d: does not exist/)
  await again.isPlanned('parts-gone')
  await again.isRecovered('parts-gone')
  await recordOf('flux-instance')
})

test('a NetworkPolicy deleted, and an operator that would look in an hour only', async () => {
  const policy: Ref = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', namespace, name: 'allow-egress' }
  await world.cluster.patch(instance, { metadata: { annotations: { 'fluxcd.controlplane.io/reconcileEvery': '60m' } } })
  await world.justChecked(instance)
  const met = meet(lab)
  await world.remove(await world.there(policy))
  await met.isSeen('network-policies', /NetworkPolicy flux-system\/allow-egress: does not exist/)
  await met.isPlanned('parts-gone')
  await met.isRecovered('parts-gone')
  await world.there(policy)
})

test("source-controller's node lost", async () => {
  const [node] = await world.cluster.list(kinds.node)
  const [pod] = await world.cluster.list(kinds.pod, { namespace, labels: 'app=source-controller' })
  if (node === undefined || pod === undefined) throw new Error('there is no node, or no pod')
  const as = (object: KubeObject, status: string): object => ({
    status: {
      conditions: conditionsOf(object).map((one) => (one.type.endsWith('Ready') ? { ...one, status, reason: 'NodeStatusUnknown' } : one)),
    },
  })
  const met = meet(lab)
  // What the controller that watches nodes would do, which is not run in the lab.
  await world.cluster.patch(refOf(node), as(node, 'Unknown'), 'status')
  await world.cluster.patch(refOf(pod), as(pod, 'False'), 'status')
  await met.isSeen('controllers', /Deployment flux-system\/source-controller: .* is on Node \S+, which is not Ready since/)
  await met.isPlanned('node-lost')
  const recovered = met.isRecovered('node-lost')
  recovered.catch(() => undefined)
  // The next pod has a node that answers.
  await world.until(async () => (await world.cluster.get(refOf(pod)))?.metadata.uid !== pod.metadata.uid, kinds.pod)
  await world.cluster.patch(refOf(node), as(node, 'True'), 'status')
  await recovered
})

/** The folders below this one that are called so. */
function foldersNamed(name: string, below: string): string[] {
  const found = readdirSync(below, { recursive: true, withFileTypes: true })
  return found.flatMap((one) => (one.isDirectory() && one.name === name ? [join(one.parentPath, one.name)] : []))
}

test("source-controller's storage lost: by itself it would notice that of a chart in twelve hours", async () => {
  const met = meet(lab)
  for (const folder of foldersNamed('ocirepository', lab.home)) rmSync(folder, { recursive: true })
  await world.ask(release('flux-operator'))
  await met.isSeen('helmreleases', /HelmRelease flux-system\/flux-operator: OCIRepository .* no longer has its artifact/)
  await met.isPlanned('artifacts-lost')
  await met.isRecovered('artifacts-lost')
  // Its controller tries again within half a minute, which is not amiss meanwhile.
  const isReady = async (): Promise<boolean> => readinessOf(await world.there(release('flux-operator'))).is === 'ready'
  await world.until(isReady, fluxKinds.helmRelease)
})

test('the history rewritten: what Flux has fetched is not in it any more', async () => {
  await lab.change('note.txt', () => 'a commit that will be gone\n')
  await untilFetched()
  const met = meet(lab)
  await world.justChecked(source)
  fleet('update-ref', 'refs/heads/main', 'main^')
  await met.isSeen('revision', /GitRepository flux-system\/flux-system: has fetched \w+, which is not in its history any more/)
  await met.isPlanned('git-history-rewritten')
  await met.isRecovered('git-history-rewritten')
  expect(JSON.stringify((await world.there(source)).status)).toContain(fleet('rev-parse', 'main'))
})

test('a Flux that the operator does not know', async () => {
  const met = meet(lab)
  await lab.change(settings, (text) => text.replace('flux_version: "2.9.5"', 'flux_version: "2.99.0"'))
  await world.ask(source)
  await met.isSeen('instance', /FluxInstance flux-system\/flux: stalled: BuildFailed/)
  await met.isPlanned('upgrade-broken')
  await met.isRecovered('upgrade-broken', consent)
  expect(fleet('show', `main:${settings}`)).toContain('flux_version: "2.9.5"')
})

test('the cluster restored from a backup that is older than Git and than what Helm keeps: Flux catches up', async () => {
  await lab.change(settings, (text) => text.replace('controllers_memory_limit: "256Mi"', 'controllers_memory_limit: "300Mi"'))
  await untilFetched()
  const isNewer = async (): Promise<boolean> => JSON.stringify((await world.there(instance)).spec).includes('300Mi')
  await world.until(isNewer, instance)
  await world.until(async () => readinessOf(await world.there(release('flux-instance'))).is === 'ready', fluxKinds.helmRelease)
  const newer = await recordOf('flux-instance')
  const kept = mkdtempSync(join(tmpdir(), 'frb-newer-'))
  execFileSync('git', ['clone', '--quiet', '--mirror', join(lab.home, 'git', 'fleet.git'), kept])
  const met = meet(lab)
  await lab.reset('healthy')
  await untilRunning(lab)
  execFileSync('git', ['-C', kept, 'push', '--quiet', '--force', withLogin((await lab.access()).git), 'main:main'])
  rmSync(kept, { recursive: true })
  const { name, labels } = newer.metadata
  await world.cluster.apply(parseObject({ ...newer, metadata: { namespace, name, labels } }))
  expect(await isNewer()).toBe(false)
  // The lab restores objects by writing them, so that its versions only grow: the record says instead that a later one was seen.
  const { uid = '' } = (await world.there({ ...kinds.namespace, name: 'kube-system' })).metadata
  recordCluster(join(lab.home, 'runs'), 'lab-infra', { uid, server: 'https://127.0.0.1', dataVersion: '9'.repeat(12) })
  await met.isSeen('api', /has data of version \d+, and had 9{12} when the last run here ended: etcd was restored from an older backup/)
  await met.isPlanned('cluster-restored')
  await met.isRecovered('cluster-restored')
  expect(JSON.stringify((await world.there(source)).status)).toContain(fleet('rev-parse', 'main'))
  await world.until(isNewer, instance)
  await met.isHealthy()
  expect((await lab.run('health-check', ['--lab', '--only', 'api'])).stdout).not.toContain('backup')
})
