import * as v from 'valibot'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { Cluster } from '../../lib/cluster/cluster.ts'
import { isRequested, requestReconcile } from '../../lib/cluster/reconcile-request.ts'
import { readinessOf } from '../../lib/cluster/readiness.ts'
import { type Kind, kinds, type KubeObject, parseObject, type Ref, refOf } from '../../lib/cluster/objects.ts'
import { onChange } from '../../lib/cluster/watch.ts'
import { type Ended, startLab, type TestLab } from './harness.ts'

const namespace = 'flux-system'
let lab: TestLab
let cluster: Cluster

beforeAll(async () => {
  lab = await startLab(['infra'])
  cluster = await lab.cluster('lab-infra')
})
afterAll(() => lab.close())

const documentSchema = v.object({
  outcome: v.string(),
  exitCode: v.number(),
  healthy: v.optional(v.boolean()),
  disasters: v.optional(v.array(v.object({ id: v.string(), because: v.string() })), []),
  steps: v.array(v.object({ id: v.string(), state: v.string(), detail: v.string() })),
})
const documentOf = ({ stdout }: Ended): v.InferOutput<typeof documentSchema> =>
  v.parse(v.pipe(v.string(), v.parseJson(), documentSchema), stdout)

/** Recovers, and expects it to end in health; returns what was recognised and what was done. */
async function recover(): Promise<{ ids: string[]; steps: string[]; told: string }> {
  const ended = await lab.run('recover', ['--lab', '--yes', '--json'])
  expect(ended.code, ended.stderr).toBe(0)
  const { healthy, disasters, steps } = documentOf(ended)
  expect(healthy).toBe(true)
  return { ids: disasters.map(({ id }) => id), steps: steps.map(({ id, state }) => `${id} ${state}`), told: ended.stderr }
}

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

async function remove(...objects: readonly KubeObject[]): Promise<void> {
  for (const object of objects) {
    const ref = refOf(object)
    const { uid = '' } = object.metadata
    await cluster.remove(ref, { uid })
    await until(async () => (await cluster.get(ref))?.metadata.uid !== uid, ref)
  }
}

async function there(ref: Ref): Promise<KubeObject> {
  const object = await cluster.get(ref)
  if (object === undefined) throw new Error(`${ref.kind} ${ref.name} is not there`)
  return object
}

const controllers = (): Promise<KubeObject[]> => cluster.list(kinds.deployment, { namespace, labels: 'app.kubernetes.io/part-of=flux' })
const operator: Ref = { ...kinds.deployment, namespace, name: 'flux-operator' }
const operatorRelease: Ref = { ...kinds.helmRelease, namespace, name: 'flux-operator' }
const instance: Ref = { ...kinds.fluxInstance, namespace, name: 'flux' }
const source: Ref = { ...kinds.gitRepository, namespace, name: namespace }
const ask = async (ref: Ref): Promise<void> =>
  void (await cluster.patch(ref, { metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': new Date().toISOString() } } }))

/** Has its controller look now, so that the next look, which would heal what is broken, is a whole interval away. */
async function justLooked(ref: Ref): Promise<void> {
  await requestReconcile(cluster, ref)
  const isDone = (object: KubeObject): boolean => !isRequested(object) && readinessOf(object).is === 'ready'
  await until(async () => isDone(await there(ref)), ref)
}

test('a cluster that is empty is bootstrapped; then there is nothing to recover', async () => {
  const plan = await lab.run('recover', ['--lab', '--dry-run', '--json'])
  expect(plan.code, plan.stderr).toBe(0)
  expect(documentOf(plan)).toMatchObject({ outcome: 'planned', disasters: [{ id: 'cluster-emptied' }] })
  expect((await recover()).ids).toEqual(['cluster-emptied'])
  const again = await lab.run('recover', ['--lab', '--yes', '--json'])
  expect(again.code, again.stderr).toBe(0)
  expect(documentOf(again)).toMatchObject({ outcome: 'unchanged', disasters: [], healthy: true })
  expect(again.stderr).toContain('nothing to recover: Flux is healthy')
})

test('controllers deleted: it waits for the operator, and changes nothing itself', async () => {
  await justLooked(instance)
  await remove(...(await controllers()))
  const { ids, steps, told } = await recover()
  expect(ids[0]).toBe('controllers-deleted') // a release that helm-controller was at may be stuck as well
  expect(steps[0]).toBe('controllers already')
  expect(told).toContain('the operator looks every 1m and puts back what is missing')
})

test('controllers deleted, and an operator that would look in an hour only: they are back all the same', async () => {
  await cluster.patch(instance, { metadata: { annotations: { 'fluxcd.controlplane.io/reconcileEvery': '60m' } } })
  await justLooked(instance) // as it does when it is told so
  await remove(...(await controllers()).slice(0, 1))
  const { ids, steps } = await recover()
  expect(ids[0]).toBe('controllers-deleted')
  // It is asked to look now, unless a look that was due from before comes first.
  expect(['controllers done', 'controllers already']).toContain(steps[0])
  await cluster.patch(instance, { metadata: { annotations: { 'fluxcd.controlplane.io/reconcileEvery': '1m' } } })
})

test('the operator deleted: it waits for helm-controller', async () => {
  await justLooked(operatorRelease)
  await remove(await there(operator))
  const { ids, steps, told } = await recover()
  expect(ids[0]).toBe('operator-deleted')
  expect(steps[0]).toBe('operator already')
  expect(told).toContain('helm-controller looks every 1m and puts back what is missing')
})

test('both deleted: nobody heals it, so it installs the operator again', async () => {
  await justLooked(operatorRelease)
  await remove(await there(operator), ...(await controllers()))
  const { ids, steps } = await recover()
  expect(ids).toEqual(['operator-and-controllers-deleted'])
  expect(steps).toContain('flux-operator done')
})

test('all of Flux deleted a moment ago, its namespace still on its way out: that is waited for, and Flux is bootstrapped', async () => {
  await remove(await there(instance), await there(operator))
  await remove(...(await cluster.list(kinds.crd)).filter(({ metadata }) => metadata.name.includes('fluxcd')))
  const home = await there({ ...kinds.namespace, name: namespace })
  await cluster.remove(refOf(home), { uid: home.metadata.uid ?? '' })
  expect((await recover()).ids).toEqual(['flux-deleted'])
})

test("the FluxInstance's HelmRelease deleted: Git is asked to bring it back, and the FluxInstance stays the same", async () => {
  const { uid } = (await there(instance)).metadata
  await remove(await there({ ...kinds.helmRelease, namespace, name: 'flux-instance' }))
  const { ids, steps } = await recover()
  expect(ids).toContain('instance-release-deleted')
  expect(steps).toContain('release-flux-instance done')
  expect((await there(instance)).metadata.uid).toBe(uid)
})

test('the FluxInstance suspended, and a controller deleted meanwhile: both are told, in the order of their remedies', async () => {
  await cluster.patch(instance, { metadata: { annotations: { 'fluxcd.controlplane.io/reconcile': 'disabled' } } })
  await remove(...(await controllers()).slice(0, 1))
  const { ids, steps } = await recover()
  expect(ids.slice(0, 2)).toEqual(['instance-suspended', 'controllers-deleted'])
  expect(steps[0]).toBe('resume-instance done')
})

test('the FluxInstance stalled by a change by hand: it is put back as Git has it', async () => {
  await justLooked({ ...kinds.helmRelease, namespace, name: 'flux-instance' })
  await cluster.patch(instance, { spec: { distribution: { version: '9.9.9' } } })
  await until(async () => JSON.stringify((await there(instance)).status).includes('BuildFailed'), instance)
  const { ids, steps } = await recover()
  expect(ids).toContain('instance-stalled')
  expect(steps[0]).toBe('flux-instance done')
})

test('an upgrade that cannot run, met before that shows: it is waited for until it does, and taken back', async () => {
  await lab.setFault('image=source-controller:v1.9.4')
  await lab.setFault('partition=flux-operator') // which would show it in seconds
  onTestFinished(() => lab.clearFaults())
  await lab.change('kubernetes/clusters/infra/settings.yaml', (text) => text.replace('flux_version: "2.9.5"', 'flux_version: "2.9.4"'))
  await ask(source)
  await until(async () => JSON.stringify((await there(instance)).spec).includes('"version":"2.9.4"'), instance)
  const recovering = lab.start('recover', ['--lab', '--yes', '--json'])
  await recovering.said('◎ Flux is on its way from 2.9.5 to 2.9.4: waiting until it runs or fails')
  await lab.clearFaults('partition')
  const ended = await recovering.ended
  expect(ended.code, ended.stderr).toBe(0)
  expect(documentOf(ended)).toMatchObject({ healthy: true, disasters: [{ id: 'upgrade-broken' }] })
})

test("Flux's login for Git wrong, then gone: it is given the right one from the settings", async () => {
  const secret: Ref = { ...kinds.secret, namespace, name: 'flux-git' }
  await cluster.patch(secret, { data: { password: Buffer.from('not the right one').toString('base64') } })
  await ask(source)
  await until(async () => JSON.stringify((await there(source)).status).includes('"status":"False","type":"Ready"'), source)
  const wrong = await recover()
  expect(wrong.ids[0]).toBe('git-credentials-wrong')
  expect(wrong.steps.slice(0, 2)).toEqual(['git-credentials done', 'fetch done'])
  await remove(await there(secret))
  expect((await recover()).ids[0]).toBe('git-credentials-gone')
})

test('a loop is suspended, waited for until Git is mended, and resumed', async () => {
  await lab.change('tug/one/tug.yaml', () => tug('one'))
  await lab.change('tug/two/tug.yaml', () => tug('two'))
  await ask(source)
  await until(async () => JSON.stringify((await there(source)).status).includes('"Ready"'), source)
  for (const side of ['one', 'two']) await cluster.apply(parseObject(kustomization(side)))
  const loops = async (): Promise<number> => (await lab.run('health-check', ['--lab', '--only', 'loop'])).code
  await expect.poll(loops, { timeout: 120_000, interval: 3_000 }).toBe(1)
  const recovering = lab.start('recover', ['--lab', '--yes', '--json'])
  await recovering.said('a commit that leaves ConfigMap flux-system/tug to one of')
  await lab.change('tug/two/tug.yaml', () => tug('two').replace('name: tug', 'name: tug-two'))
  await ask(source)
  const ended = await recovering.ended
  expect(ended.code, ended.stderr).toBe(0)
  const { disasters, steps } = documentOf(ended)
  expect(disasters.map(({ id }) => id)).toEqual(['loop'])
  expect(steps.map(({ id, state }) => `${id} ${state}`)).toEqual(['suspend done', 'mend done', 'resume done', 'health done'])
})

test('what is no disaster with a name is told with each next command, and nothing is changed: exit 3', async () => {
  await cluster.apply(
    parseObject({
      ...kinds.helmRelease,
      metadata: { namespace, name: 'lost' },
      spec: { interval: '10m', chartRef: { kind: 'OCIRepository', name: 'lost' } },
    }),
  )
  const ended = await lab.run('recover', ['--lab', '--yes'])
  expect(ended.code).toBe(3)
  expect(ended.stderr).toContain('Flux is not healthy, but this is no disaster with a remedy of its own; nothing was changed')
  expect(ended.stderr).toContain('HelmRelease flux-system/lost: needs OCIRepository flux-system/lost, which does not exist')
})

function kustomization(side: string): object {
  return {
    ...kinds.kustomization,
    metadata: { namespace, name: `tug-${side}` },
    spec: { interval: '2s', timeout: '20s', prune: true, path: `./tug/${side}`, sourceRef: { kind: 'GitRepository', name: namespace } },
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
