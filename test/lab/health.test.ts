import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as v from 'valibot'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { selfSigned } from '../unit/self-signed.ts'
import { type Kind, kinds, type KubeObject, parseObject, refOf } from '../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { readinessOf } from '../../lib/flux/readiness.ts'
import { isRequested } from '../../lib/flux/reconcile-request.ts'
import { onChange } from '../../lib/kubernetes/watch.ts'
import { allProbes, probesNamed } from '../../lib/health/all-probes.ts'
import type { GitLogin } from '../../lib/tools/git-login.ts'
import { type ProbeResult, runProbes } from '../../lib/health/probe.ts'
import { createSnapshot } from '../../lib/health/snapshot.ts'
import { gitLoginOf } from '../../lib/connection/settings.ts'
import { bootstrappedLab, type Ended, type TestLab, untilRunning } from './harness.ts'

const namespace = 'flux-system'
let lab: TestLab
let cluster: Cluster
let login: GitLogin
const folder = mkdtempSync(join(tmpdir(), 'frb-health-'))

beforeAll(async () => {
  lab = await bootstrappedLab()
  cluster = await lab.cluster('lab-infra')
  const { git } = await lab.access()
  login = gitLoginOf({ GIT_USERNAME: git.username, GIT_PASSWORD: git.password }, git.url)
})
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await lab.close()
})

/** The metrics, read now. */
function readMetrics(options: { monitoring?: string; now?: number; only?: string; login?: GitLogin } = {}): Promise<ProbeResult[]> {
  const { only, monitoring, login: own = login, ...clock } = options
  return runProbes(
    probesNamed(only),
    createSnapshot({ cluster, kubectl: 'kubectl', where: '--lab', login: own, folder: () => folder, monitoring, ...clock }),
  )
}

/** The probes that are not content. */
async function turned(options: Parameters<typeof readMetrics>[0] = {}): Promise<ProbeResult[]> {
  return (await readMetrics(options)).filter(({ state }) => state !== 'ok')
}

/** Waits on watches until it is so. */
async function until(isSo: () => Promise<boolean>, ...watched: readonly Kind[]): Promise<void> {
  const changes = onChange(
    cluster,
    watched.map((kind) => ({ kind, query: {} })),
  )
  try {
    while (!(await isSo())) await changes.next(2000)
  } finally {
    changes.stop()
  }
}

const everything: readonly Kind[] = [
  fluxKinds.fluxInstance,
  kinds.deployment,
  kinds.crd,
  fluxKinds.gitRepository,
  fluxKinds.kustomization,
  fluxKinds.helmRelease,
]
/** Waits until nothing is unhealthy any more, nor about to be: for a while, since what is not fixed by then never will be. */
async function untilHealthy(): Promise<void> {
  await untilRunning(lab)
  const deadline = Date.now() + 120_000
  let still: ProbeResult[] = []
  await until(
    async () => {
      still = await turned()
      // The operator may be at what the test before had broken yet, and fail with it.
      return (still.length === 0 && (await isInstanceReady())) || Date.now() > deadline
    },
    ...everything,
  )
  expect(still).toEqual([])
}

const instance = { ...fluxKinds.fluxInstance, namespace, name: 'flux' }

/** That the operator has done every reconciliation that was requested, and found all healthy. */
async function isInstanceReady(): Promise<boolean> {
  const object = await cluster.get(instance)
  return object !== undefined && !isRequested(object) && readinessOf(object).is === 'ready'
}

/** Has the operator look now, rather than within a minute, so that what it fixes is fixed. */
async function askOperator(): Promise<void> {
  await cluster.patch(instance, { metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': new Date().toISOString() } } })
}

/** Has the flux CLI do something, as a person would. */
async function flux(...args: readonly string[]): Promise<void> {
  const { bin, kubeconfig } = await lab.access()
  const env = { KUBECONFIG: kubeconfig, HOME: folder }
  await promisify(execFile)(join(bin, 'flux'), ['--context=lab-infra', `--namespace=${namespace}`, ...args], { env })
}

async function apply(object: object, manager?: string): Promise<KubeObject> {
  return cluster.apply(parseObject(object), manager === undefined ? {} : { manager })
}

async function remove(object: KubeObject): Promise<void> {
  const ref = refOf(object)
  const uid = (await cluster.get(ref))?.metadata.uid
  if (uid !== undefined) await cluster.remove(ref, { uid })
  await until(async () => (await cluster.get(ref)) === undefined, ref)
}

const documentSchema = v.object({
  outcome: v.string(),
  exitCode: v.number(),
  healthy: v.boolean(),
  probes: v.array(v.object({ id: v.string(), state: v.string(), detail: v.string() })),
  suspended: v.array(v.unknown()),
})
const suspendSchema = v.object({ spec: v.object({ suspend: v.optional(v.boolean()) }) })
const documentOf = ({ stdout }: Ended): v.InferOutput<typeof documentSchema> =>
  v.parse(v.pipe(v.string(), v.parseJson(), documentSchema), stdout)

beforeEach(untilHealthy)

test('a healthy cluster is all ok: exit 0, one line a probe', async () => {
  const ended = await lab.run('health-check', ['--lab', '--json'])
  expect(ended.code, ended.stderr).toBe(0)
  const document = documentOf(ended)
  expect(document).toMatchObject({ outcome: 'done', exitCode: 0, healthy: true })
  expect(document.probes.map(({ id, state }) => `${id} ${state}`)).toEqual(allProbes.map(({ id }) => `${id} ok`))
  expect(ended.stderr).toContain('✔ Kubernetes API: Kubernetes v1.')
  const lines = ended.stderr.trim().split('\n')
  expect(lines).toHaveLength(allProbes.length + 2)
  expect(lines.at(-1)).toMatch(/^✔ health-check on lab-infra: healthy: \d+ probes, none failed \(.*\)$/)
})

test('a probe that there is not is a usage error that names the nearest', async () => {
  const ended = await lab.run('health-check', ['--lab', '--only', 'sorces'])
  expect(ended.code).toBe(2)
  expect(ended.stderr).toContain('there is no probe "sorces"; did you mean sources?')
})

test('a check that fails is unknown, never fine: exit 1', async () => {
  await lab.setFault('git-down')
  const ended = await lab.run('health-check', ['--lab', '--json', '--only', 'revision,crds'])
  await lab.clearFaults()
  expect(ended.code).toBe(1)
  expect(documentOf(ended)).toMatchObject({ outcome: 'failed', healthy: false })
  expect(documentOf(ended).probes.map(({ id, state }) => `${id} ${state}`)).toEqual(['crds ok', 'revision unknown'])
  expect(ended.stderr).toMatch(/✗ Revision: the check failed: Git cannot be reached at http/)
  expect(ended.stderr).toContain('lab-infra is not healthy; not known: revision')
})

test('api: an API that does not answer', async () => {
  const service = await apply({
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: 'v1.example.com' },
    spec: { group: 'example.com', version: 'v1', groupPriorityMinimum: 100, versionPriority: 100, service: { name: 'nobody', namespace } },
  })
  await until(async () => (await turned({ only: 'api' })).length === 1, service)
  expect(await turned()).toMatchObject([{ id: 'api', state: 'warn', objects: [{ object: 'APIService v1.example.com' }] }])
  await remove(service)
})

test('operator, controllers: scaled to nothing, and what they last reported is not passed off as the state now', async () => {
  const scale = (name: string, replicas: number): Promise<unknown> =>
    cluster.patch({ ...kinds.deployment, namespace, name }, { spec: { replicas } })
  const isStale = async (only: string): Promise<boolean> => (await turned({ only })).length === 1
  await scale('flux-operator', 0)
  await until(() => isStale('instance'), kinds.pod)
  const found = await turned()
  await scale('helm-controller', 0)
  await until(() => isStale('helmreleases'), kinds.pod)
  const more = await turned()
  await scale('helm-controller', 1)
  await scale('flux-operator', 1)
  const reason = (controller: string): string => `${controller} does not run: this is the state that it last reported`
  const operator = [
    {
      id: 'operator',
      state: 'fail',
      objects: [{ object: 'Deployment flux-system/flux-operator', next: expect.stringContaining('scale') }],
    },
    { id: 'instance', state: 'warn', objects: [{ object: 'FluxInstance flux-system/flux', reason: reason('flux-operator') }] },
  ]
  expect(found).toMatchObject(operator)
  const releases = 'HelmRelease flux-system/flux-instance, HelmRelease flux-system/flux-operator'
  expect(more).toMatchObject([
    ...operator,
    { id: 'controllers', state: 'fail' },
    {
      id: 'helmreleases',
      state: 'warn',
      detail: 'of 2 HelmReleases: 2 in the state last reported',
      objects: [{ object: releases, reason: reason('helm-controller') }],
    },
  ])
})

test('instance: one that is suspended, and one that asks for a Flux that there is not', async () => {
  const suspend = (value: string | null): Promise<unknown> =>
    cluster.patch(instance, { metadata: { annotations: { 'fluxcd.controlplane.io/reconcile': value } } })
  await suspend('disabled')
  const suspended = await turned()
  await suspend(null)
  const reason = "suspended by flux-runbook (this project's scripts)"
  expect(suspended).toMatchObject([{ id: 'instance', state: 'warn', objects: [{ reason, since: expect.any(String) }] }])
  await cluster.patch(instance, { spec: { distribution: { version: '9.9.9' } } })
  await until(
    async () => (await turned({ only: 'instance' }))[0]?.objects?.[0]?.reason.startsWith('stalled') === true,
    fluxKinds.fluxInstance,
  )
  const stalled = await turned()
  await cluster.patch(instance, { spec: { distribution: { version: '2.9.5' } } })
  expect(stalled).toMatchObject([
    {
      id: 'instance',
      state: 'fail',
      objects: [{ reason: expect.stringMatching(/^stalled: BuildFailed: /), problem: 'FluxInstance failing' }],
    },
  ])
})

test('controllers: one at another version, recognised by its name', async () => {
  const ref = { ...kinds.deployment, namespace, name: 'notification-controller' }
  const containers = v.parse(deploymentSchema, await cluster.get(ref)).spec.template.spec.containers
  const old = containers.map((container) => ({ ...container, image: 'ghcr.io/fluxcd/notification-controller:v1.0.0' }))
  await cluster.patch(ref, { spec: { template: { spec: { containers: old } } } })
  const found = await turned()
  await askOperator()
  expect(found).toMatchObject([
    {
      id: 'controllers',
      state: 'fail',
      detail: '3 of 4 available',
      objects: [
        {
          reason: expect.stringContaining('runs ghcr.io/fluxcd/notification-controller:v1.0.0'),
          problem: 'Controllers at the old version',
        },
      ],
    },
  ])
})

test('crds: one that is gone', async () => {
  const crd = await cluster.get({ ...kinds.crd, name: 'receivers.notification.toolkit.fluxcd.io' })
  if (crd?.metadata.uid === undefined) throw new Error('there is no CRD of receivers')
  await cluster.remove(refOf(crd), { uid: crd.metadata.uid })
  await until(async () => (await cluster.get(refOf(crd)))?.metadata.uid !== crd.metadata.uid, kinds.crd)
  const found = await turned()
  await askOperator()
  expect(found).toMatchObject([
    { id: 'crds', state: 'fail', objects: [{ object: 'CustomResourceDefinition receivers.notification.toolkit.fluxcd.io' }] },
  ])
})

test('sources: one that cannot be fetched is the cause, and what only waits for it is folded into one line', async () => {
  const source = await apply({
    ...fluxKinds.gitRepository,
    metadata: { namespace, name: 'lost' },
    spec: { interval: '1m', timeout: '20s', url: 'http://127.0.0.1:9/nowhere.git' },
  })
  await until(async () => (await turned({ only: 'sources' })).some(({ state }) => state === 'fail'), fluxKinds.gitRepository)
  expect(await turned()).toMatchObject([{ id: 'sources', state: 'fail', objects: [{ object: 'GitRepository flux-system/lost' }] }])
  const names = ['one', 'two', 'three', 'four', 'five']
  const waiting = await Promise.all(
    names.map((name, at) =>
      apply(
        kustomization(name, {
          sourceRef: { kind: 'GitRepository', name: at === 4 ? 'flux-system' : 'lost' },
          ...(at === 4 ? { dependsOn: [{ name: 'four' }] } : {}),
        }),
      ),
    ),
  )
  await until(async () => (await turned({ only: 'kustomizations' }))[0]?.detail.includes('5 waiting') === true, fluxKinds.kustomization)
  expect(await turned()).toMatchObject([
    { id: 'sources', state: 'fail' },
    {
      id: 'kustomizations',
      state: 'warn',
      objects: [{ object: expect.stringMatching(/ and 2 more$/), reason: 'only wait for GitRepository flux-system/lost' }],
    },
  ])
  await Promise.all([...waiting, source].map(remove))
})

test('sources: one that was never fetched fails while it is tried again, too', async () => {
  const silent = createServer(() => undefined) // never says a word
  onTestFinished(() => {
    silent.close()
    silent.closeAllConnections()
  })
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const source = await apply({
    ...fluxKinds.gitRepository,
    metadata: { namespace, name: 'silent' },
    spec: { interval: '1m', timeout: '10s', url: `http://127.0.0.1:${portOf(silent.address())}/nowhere.git` },
  })
  const wait = (what: string): Promise<string> =>
    lab.kubectl('--namespace', namespace, 'wait', 'gitrepository/silent', '--timeout=60s', `--for=condition=${what}`)
  await wait('FetchFailed')
  await wait('Ready=Unknown')
  const found = await turned({ only: 'sources' })
  await remove(source)
  expect(found).toMatchObject([
    {
      state: 'fail',
      objects: [{ object: 'GitRepository flux-system/silent', reason: expect.stringMatching(/^tries again after GitOperationFailed: /) }],
    },
  ])
})

test('revision: behind the head, which is too young to have been fetched', async () => {
  const source = { ...fluxKinds.gitRepository, namespace, name: namespace }
  const asked = new Date().toISOString()
  await cluster.patch(source, { metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': asked } } })
  await until(async () => v.parse(handledSchema, await cluster.get(source)).status.lastHandledReconcileAt === asked, source) // the next is a minute off
  await lab.change('note.txt', () => 'hello\n')
  expect(await turned()).toMatchObject([{ id: 'revision', state: 'warn', objects: [{ object: 'GitRepository flux-system/flux-system' }] }])
  expect(await turned({ only: 'revision', now: Date.now() + 600_000 })).toMatchObject([{ state: 'fail' }])
  await cluster.patch(source, { metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': new Date().toISOString() } } })
})

test('revision: without a login for the server that Flux follows, Git is not asked, and the probe says so', async () => {
  const { git } = await lab.access()
  const { origin } = new URL(git.url)
  const other: GitLogin = { kind: 'password', username: git.username, password: git.password, origin: 'https://git.example.com' }
  const seen = async (own: GitLogin): Promise<ProbeResult[]> => readMetrics({ only: 'revision', login: own })
  const found = { id: 'revision', title: 'Revision', state: 'ok', applies: false }
  expect(await seen(other)).toEqual([
    { ...found, detail: `not compared with Git: the login for Git is for https://git.example.com, not for ${origin}` },
  ])
  expect(await seen({ kind: 'none' })).toEqual([{ ...found, detail: `not compared with Git: there is no login for ${origin}` }])
})

test('kustomizations: a path that does not exist; one that is suspended is reported', async () => {
  const lost = await apply(kustomization('lost', { path: './nowhere' }))
  await until(async () => (await turned({ only: 'kustomizations' })).some(({ state }) => state === 'fail'), fluxKinds.kustomization)
  expect(await turned()).toMatchObject([
    {
      id: 'kustomizations',
      state: 'fail',
      objects: [{ object: 'Kustomization flux-system/lost', reason: expect.stringContaining('nowhere') }],
    },
  ])
  await cluster.patch(refOf(lost), { spec: { suspend: true } })
  expect(await turned()).toMatchObject([
    {
      id: 'kustomizations',
      state: 'warn',
      objects: [{ reason: "suspended by flux-runbook (this project's scripts)", since: expect.any(String) }],
    },
  ])
  await remove(lost)
})

test('helmreleases: a chart that does not exist; a release left pending, recognised as the stuck operator', async () => {
  const lost = await apply({
    ...fluxKinds.helmRelease,
    metadata: { namespace, name: 'lost' },
    spec: { interval: '10m', chartRef: { kind: 'OCIRepository', name: 'lost' } },
  })
  expect(await turned()).toMatchObject([
    { id: 'helmreleases', state: 'fail', objects: [{ reason: 'needs OCIRepository flux-system/lost, which does not exist' }] },
  ])
  await remove(lost)
  const pending = await apply({
    ...kinds.secret,
    metadata: { namespace, name: 'pending', labels: { owner: 'helm', name: 'flux-operator', status: 'pending-upgrade', version: '7' } },
  })
  expect(await turned({ only: 'helmreleases' })).toEqual([])
  const [found] = await turned({ only: 'helmreleases', now: Date.now() + 600_000 })
  expect(found?.objects?.[0]).toMatchObject({
    object: 'HelmRelease flux-system/flux-operator',
    reason: 'Helm release flux-operator is pending-upgrade at revision 7, and no controller is working on it',
    problem: 'Operator HelmRelease stuck reconciling',
  })
  await remove(pending)
})

test('others: a ResourceSet that cannot be built', async () => {
  const kind = { apiVersion: 'fluxcd.controlplane.io/v1', kind: 'ResourceSet' }
  const set = await apply({ ...kind, metadata: { namespace, name: 'lost' }, spec: { resourcesTemplate: '<< inputs.nowhere' } })
  await until(async () => (await turned({ only: 'others' })).some(({ state }) => state === 'fail'), kind)
  expect(await turned()).toMatchObject([{ id: 'others', state: 'fail', objects: [{ object: 'ResourceSet flux-system/lost' }] }])
  await remove(set)
})

test('loop: two Kustomizations that pull one object to and fro, recognised by its name', async () => {
  await lab.change('tug/one/tug.yaml', () => tug('one'))
  await lab.change('tug/two/tug.yaml', () => tug('two'))
  await cluster.patch(
    { ...fluxKinds.gitRepository, namespace, name: namespace },
    { metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': new Date().toISOString() } } },
  )
  await until(async () => (await turned({ only: 'revision' })).length === 0, fluxKinds.gitRepository, fluxKinds.kustomization)
  const sides = await Promise.all(
    ['one', 'two'].map((side) => apply(kustomization(`tug-${side}`, { path: `./tug/${side}`, interval: '2s' }))),
  )
  await until(async () => (await turned({ only: 'loop' })).length > 0, fluxKinds.kustomization)
  const [loop, ...others] = await turned()
  expect(others).toEqual([])
  expect(loop).toMatchObject({ id: 'loop', state: 'fail' })
  // Either side is reported once it has pulled often enough.
  expect(loop?.objects?.length).toBeGreaterThan(0)
  for (const reported of loop?.objects ?? []) {
    expect(reported).toMatchObject({
      object: 'ConfigMap flux-system/tug',
      reason: expect.stringMatching(/was changed \d+ times in .* by Kustomization flux-system\/tug-/),
      problem: 'Recursive reconciliation loop',
    })
  }
  // A commit that fixes nothing explains one change of each side, and no more: by then Events report none.
  await lab.change('note.txt', () => 'in the middle of a loop\n')
  await cluster.patch(
    { ...fluxKinds.gitRepository, namespace, name: namespace },
    { metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': new Date().toISOString() } } },
  )
  await until(async () => (await turned({ only: 'revision' })).length === 0, fluxKinds.gitRepository, fluxKinds.kustomization)
  await until(async () => (await turned({ only: 'loop' })).length > 0, fluxKinds.kustomization)
  await Promise.all(sides.map(remove))
  // The events stay for an hour: anyone who looks later than a quarter of it sees that the loop is over.
  expect(await turned({ only: 'loop', now: Date.now() + 1_000_000 })).toEqual([])
  for (const event of await cluster.list({ apiVersion: 'v1', kind: 'Event' }, { namespace, fields: 'involvedObject.kind=Kustomization' }))
    await remove(event)
})

test("managers: kubectl's are seen, and --fix gives the fields back without a new generation", async () => {
  const ref = { ...fluxKinds.ociRepository, namespace, name: 'flux-instance' }
  await apply({ ...fluxKinds.ociRepository, metadata: { namespace, name: ref.name, labels: { by: 'hand' } } }, 'kubectl-edit')
  const before = (await cluster.get(ref))?.metadata.generation
  expect(await turned()).toMatchObject([
    {
      id: 'managers',
      state: 'fail',
      objects: [{ object: 'OCIRepository flux-system/flux-instance', reason: 'fields of it belong to kubectl-edit, not to Flux' }],
    },
  ])
  const planned = await lab.run('health-check', ['--lab', '--fix', '--dry-run'])
  expect(planned.stdout.replaceAll(/\s+/g, ' ')).toContain(
    'hand over what kubectl-edit own of 1 object; the objects themselves do not change. Flux then removes what is not in Git: OCIRepository flux-system/flux-instance: metadata.labels.by',
  )
  const refused = await lab.run('health-check', ['--lab', '--fix'])
  expect(refused.code, refused.stderr).toBe(2)
  const ended = await lab.run('health-check', ['--lab', '--fix', '--yes', '--json'])
  expect(ended.code, ended.stderr).toBe(0)
  expect(documentOf(ended)).toMatchObject({ outcome: 'done', healthy: true })
  const after = await cluster.get(ref)
  expect(after?.metadata.generation).toBe(before)
  expect(after?.metadata.managedFields.map(({ manager }) => manager)).not.toContain('kubectl-edit')
})

test('what a person has suspended is a warning that says who; neither --fix nor recover resumes it, but where it is named', async () => {
  const kustomization = 'infra-gitops-flux-instance'
  await flux('suspend', 'kustomization', kustomization)
  await lab.kubectl(`--namespace=${namespace}`, 'annotate', 'fluxinstance/flux', 'fluxcd.controlplane.io/reconcile=disabled')
  const detach = 'kustomize.toolkit.fluxcd.io/reconcile'
  await lab.kubectl(`--namespace=${namespace}`, 'annotate', 'helmrelease/flux-operator', `${detach}=disabled`)
  const readSuspension = async (): Promise<readonly [unknown, unknown]> => [
    v.parse(suspendSchema, await cluster.get({ ...fluxKinds.kustomization, namespace, name: kustomization })).spec.suspend,
    (await cluster.get(instance))?.metadata.annotations['fluxcd.controlplane.io/reconcile'],
  ]
  const checked = await lab.run('health-check', ['--lab', '--json'])
  expect(checked.code, checked.stderr).toBe(0)
  const document = documentOf(checked)
  expect(document.suspended).toEqual([
    { object: 'FluxInstance flux-system/flux', by: 'kubectl-annotate', since: expect.stringMatching(/^2.*Z$/), via: 'kubectl' },
    { object: `Kustomization flux-system/${kustomization}`, by: 'flux', since: expect.stringMatching(/^2.*Z$/), via: 'flux CLI' },
    { object: 'HelmRelease flux-system/flux-operator', by: 'kubectl-annotate', since: expect.stringMatching(/^2.*Z$/), via: 'kubectl' },
  ])
  expect(document.probes.filter(({ state }) => state !== 'ok').map(({ id, state }) => `${id} ${state}`)).toEqual([
    'instance warn',
    'kustomizations warn',
    'helmreleases warn',
  ])
  expect(checked.stderr).toContain(`is not applied from Git: annotated ${detach}: disabled by kubectl-annotate (kubectl)`)
  expect(checked.stderr).toMatch(/Kustomization flux-system\/infra-gitops-flux-instance: suspended by flux \(flux CLI\) \(for [\d.]+ s\)/)

  const fixed = await lab.run('health-check', ['--lab', '--fix', '--yes', '--json'])
  expect(documentOf(fixed), fixed.stderr).toMatchObject({ outcome: 'unchanged', exitCode: 0 })
  await flux('reconcile', 'kustomization', namespace) // which applies it again
  const recovered = await lab.run('recover', ['--lab', '--yes', '--json'])
  expect(documentOf(recovered), recovered.stderr).toMatchObject({ outcome: 'unchanged', exitCode: 0 })
  expect(recovered.stderr).toContain('FluxInstance flux-system/flux is suspended by kubectl-annotate (kubectl) since ')
  expect(recovered.stderr).toContain('recover.ts --lab --context lab-infra --resume-suspended FluxInstance/flux-system/flux')
  expect(await readSuspension()).toEqual([true, 'disabled'])
  const upgraded = await lab.run('upgrade', ['--lab', '--to', '2.9.4', '--dry-run'])
  expect(upgraded).toMatchObject({ code: 3, stderr: expect.stringContaining(`${kustomization} is suspended by flux (flux CLI) since `) })
  await lab.kubectl(`--namespace=${namespace}`, 'annotate', 'helmrelease/flux-operator', `${detach}-`)
  const planned = await lab.run('bootstrap', ['--lab', '--dry-run'])
  expect(planned.stderr).toContain(
    '⚠ FluxInstance flux-system/flux is suspended by kubectl-annotate (kubectl): its operator neither installs nor repairs anything\n',
  )

  const named = ['--resume-suspended', `Kustomization/${namespace}/${kustomization}`, '--resume-suspended', 'FluxInstance/flux-system/flux']
  const resumed = await lab.run('recover', ['--lab', '--yes', '--json', ...named])
  expect(documentOf(resumed), resumed.stderr).toMatchObject({ outcome: 'done', exitCode: 0, suspended: [] })
  expect(await readSuspension()).toEqual([undefined, undefined])
  const unknown = await lab.run('recover', ['--lab', '--yes', '--resume-suspended', 'Kustomization/flux-system/nowhere'])
  expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('there is no such object of Flux; nothing was changed') })
})

test('secrets: one that is named and does not exist', async () => {
  const provider = await apply({
    apiVersion: 'notification.toolkit.fluxcd.io/v1beta3',
    kind: 'Provider',
    metadata: { namespace, name: 'chat' },
    spec: { type: 'generic', secretRef: { name: 'nowhere' } },
  })
  expect(await turned()).toMatchObject([
    {
      id: 'secrets',
      state: 'fail',
      objects: [{ object: 'Secret flux-system/nowhere', reason: 'does not exist; Provider flux-system/chat: spec.secretRef names it' }],
    },
  ])
  await remove(provider)
})

test('certificates: what ends within two weeks, of a webhook, of Git, and a token', async () => {
  const soon = new Date(Date.now() + 10 * 24 * 3_600_000)
  const { cert } = selfSigned('soon', `${soon.toISOString().slice(2, 19).replaceAll(/[-:T]/g, '')}Z`)
  const claims = Buffer.from(JSON.stringify({ exp: Math.floor(soon.getTime() / 1000) })).toString('base64url')
  const secret = (name: string, stringData: object): object => ({ ...kinds.secret, metadata: { namespace, name }, stringData })
  const url = 'https://git.example.com/fleet.git'
  const webhook = {
    name: 'validate.policy.example.com',
    clientConfig: { service: { namespace: 'policy', name: 'gone' }, caBundle: Buffer.from(cert).toString('base64') },
    rules: [{ apiGroups: ['example.com'], apiVersions: ['*'], resources: ['*'], operations: ['*'] }],
    admissionReviewVersions: ['v1'],
    sideEffects: 'None',
  }
  const objects = [
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'soon' },
      webhooks: [webhook],
    },
    secret('git-ca', { 'ca.crt': cert }),
    secret('chat-token', { token: `eyJhbGciOiJub25lIn0.${claims}.c2ln` }),
    {
      ...fluxKinds.gitRepository,
      metadata: { namespace, name: 'soon' },
      spec: { interval: '1h', suspend: true, url, secretRef: { name: 'git-ca' } },
    },
    {
      apiVersion: 'notification.toolkit.fluxcd.io/v1beta3',
      kind: 'Provider',
      metadata: { namespace, name: 'soon' },
      spec: { type: 'generic', secretRef: { name: 'chat-token' } },
    },
  ]
  const applied: KubeObject[] = []
  for (const object of objects) applied.push(await apply(object))
  const found = await turned({ only: 'certificates' })
  for (const object of applied.toReversed()) await remove(object)
  expect(found).toMatchObject([{ id: 'certificates', state: 'warn' }])
  const on = soon.toISOString().slice(0, 10)
  expect((found[0]?.objects ?? []).map(({ object, reason }) => `${object}: ${reason}`).sort()).toEqual([
    expect.stringContaining(`Secret flux-system/chat-token: the token in token ends on ${on}`),
    expect.stringContaining(`Secret flux-system/git-ca: the certificate in ca.crt ends on ${on}`),
    expect.stringContaining(`ValidatingWebhookConfiguration soon: the CA bundle of its webhook validate.policy.example.com ends on ${on}`),
  ])
})

test('network-policies: one that is gone', async () => {
  const policy = await cluster.get({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', namespace, name: 'allow-scraping' })
  if (policy === undefined) throw new Error('there is no NetworkPolicy allow-scraping')
  await cluster.remove(refOf(policy), { uid: policy.metadata.uid ?? '' })
  const found = await turned()
  await askOperator()
  expect(found).toMatchObject([
    { id: 'network-policies', state: 'fail', objects: [{ object: 'NetworkPolicy flux-system/allow-scraping' }] },
  ])
})

test("alerts: one of Flux's that fires; a monitoring that does not answer is unknown", async () => {
  const alerts = [
    { labels: { alertname: 'Watchdog' }, state: 'firing' },
    {
      labels: { alertname: 'FluxKustomizationSyncFailures', name: 'shop' },
      annotations: { summary: 'shop fails' },
      state: 'firing',
      activeAt: '2026-01-02T03:04:05Z',
    },
  ]
  const server = createServer((_, response) => response.end(JSON.stringify({ status: 'success', data: { alerts } })))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const monitoring = `http://127.0.0.1:${portOf(server.address())}`
  expect(await turned({ monitoring })).toMatchObject([
    {
      id: 'alerts',
      state: 'fail',
      detail: '1 firing',
      objects: [{ object: 'alert FluxKustomizationSyncFailures', reason: 'firing: shop fails', since: '2026-01-02T03:04:05Z' }],
    },
  ])
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  expect(await turned({ monitoring })).toMatchObject([{ id: 'alerts', state: 'unknown' }])
})

const portOf = (address: AddressInfo | string | null): number => (typeof address === 'object' ? (address?.port ?? 0) : 0)
const deploymentSchema = v.object({
  spec: v.object({ template: v.object({ spec: v.object({ containers: v.array(v.record(v.string(), v.unknown())) }) }) }),
})
const handledSchema = v.object({ status: v.object({ lastHandledReconcileAt: v.optional(v.string()) }) })

function kustomization(name: string, spec: object): object {
  return {
    ...fluxKinds.kustomization,
    metadata: { namespace, name },
    spec: {
      interval: '1m',
      retryInterval: '2s',
      timeout: '20s',
      prune: true,
      path: './tug',
      sourceRef: { kind: 'GitRepository', name: namespace },
      ...spec,
    },
  }
}

function tug(side: string): string {
  return `apiVersion: v1
kind: ConfigMap
metadata:
  name: tug
  namespace: ${namespace}
data:
  side: ${side}
`
}
