import { execFileSync } from 'node:child_process'
import * as v from 'valibot'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { readinessOf } from '../../lib/flux/readiness.ts'
import { kinds, type KubeObject, parseObject, type Ref, refOf } from '../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { startLab, type TestLab, untilRunning } from './harness.ts'
import { crdOfKustomizations, documentOf, instance, namespace, openRecovery, operator, type Recovery, root, source } from './recovery.ts'

// One of each kind; the second ones, several at once among them, are in test/long/recover.test.ts.
const operatorRelease: Ref = { ...fluxKinds.helmRelease, namespace, name: 'flux-operator' }
let lab: TestLab
let world: Recovery
let isKept = false

beforeAll(async () => {
  lab = await startLab(['infra'])
  world = await openRecovery(lab)
})
afterAll(() => lab.close())
// A test that fails leaves a broken cluster: the next one begins where the first ended.
afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail' || !isKept) return
  await lab.clearFaults()
  await lab.reset('recovered')
  await untilRunning(lab)
})

test('a cluster that is empty is bootstrapped; then there is nothing to recover', async () => {
  const plan = await lab.run('recover', ['--lab', '--dry-run', '--json'])
  expect(plan.code, plan.stderr).toBe(0)
  expect(documentOf(plan)).toMatchObject({ outcome: 'planned', disasters: [{ id: 'cluster-emptied' }] })
  expect((await world.recover()).ids).toEqual(['cluster-emptied'])
  const again = await lab.run('recover', ['--lab', '--yes', '--json'])
  expect(again.code, again.stderr).toBe(0)
  expect(documentOf(again)).toMatchObject({ outcome: 'unchanged', disasters: [], healthy: true })
  expect(again.stderr).toContain('nothing to recover: Flux is healthy')
  await lab.snapshot('recovered')
  isKept = true
})

test('controllers deleted: it waits for the operator, and changes nothing itself', async () => {
  await world.justChecked(instance)
  await world.remove(...(await world.controllers()))
  const { ids, steps, reported } = await world.recover()
  expect(ids[0]).toBe('controllers-deleted') // a release that helm-controller was at may be stuck as well
  expect(steps[0]).toBe('controllers already')
  expect(reported).toContain('the operator reconciles every 1m and recreates what is missing')
})

test('the operator deleted: it waits for helm-controller', async () => {
  await world.justChecked(operatorRelease)
  await world.remove(await world.there(operator))
  const { ids, steps, reported } = await world.recover()
  expect(ids[0]).toBe('operator-deleted')
  expect(steps[0]).toBe('operator already')
  expect(reported).toContain('helm-controller reconciles every 1m and recreates what is missing')
})

test('all of Flux deleted a moment ago, its namespace still on its way out: that is waited for, and Flux is bootstrapped', async () => {
  await world.remove(await world.there(instance), await world.there(operator))
  await world.remove(...(await world.cluster.list(kinds.crd)).filter(({ metadata }) => metadata.name.includes('fluxcd')))
  const home = await world.there({ ...kinds.namespace, name: namespace })
  await world.cluster.remove(refOf(home), { uid: home.metadata.uid ?? '' })
  expect((await world.recover()).ids).toEqual(['flux-deleted'])
})

const probeSchema = v.object({
  id: v.string(),
  state: v.string(),
  detail: v.string(),
  objects: v.optional(v.array(v.object({ object: v.string(), reason: v.string(), next: v.optional(v.string()) })), []),
})
const healthSchema = v.object({ probes: v.array(probeSchema) })

async function probe(id: string): Promise<v.InferOutput<typeof probeSchema> | undefined> {
  const { stdout } = await lab.run('health-check', ['--lab', '--json', '--only', id])
  return v.parse(v.pipe(v.string(), v.parseJson(), healthSchema), stdout).probes[0]
}

test('the FluxInstance being deleted while its operator is away: it goes without Flux, and is recreated', async () => {
  await world.remove(await world.there(operator), ...(await world.controllers()))
  const { finalizers } = (await world.there(instance)).metadata
  await world.cluster.patch(instance, { metadata: { finalizers: [...finalizers, 'example.com/billing'] } })
  await world.removeHeld(instance)
  const kept = await world.uidsOf(crdOfKustomizations, root, source)
  const held = await lab.run('recover', ['--lab', '--yes', '--json'])
  const { annotations } = (await world.there(instance)).metadata
  await world.cluster.patch(instance, { metadata: { finalizers } }) // before anything is asserted: the tests after this one begin without it
  expect(documentOf(held), held.stderr).toMatchObject({ outcome: 'blocked', exitCode: 3 })
  expect(held.stderr).toContain("FluxInstance flux-system/flux is held by a finalizer that is not Flux's: example.com/billing")
  expect(annotations).not.toHaveProperty(['fluxcd.controlplane.io/reconcile'])
  const since = (await world.there(instance)).metadata.deletionTimestamp
  const words = `is being deleted since ${since}: the operator will uninstall Flux as soon as it runs`
  expect(await probe('instance')).toMatchObject({
    state: 'fail',
    detail: 'Flux 2.9.5, and being deleted',
    objects: [{ object: 'FluxInstance flux-system/flux', reason: words, next: 'npx zx scripts/recover.ts --lab --context lab-infra' }],
  })
  const refused = await lab.run('bootstrap', ['--lab', '--yes'])
  expect(refused.code, refused.stderr).toBe(3)
  expect(refused.stderr).toContain(`FluxInstance flux-system/flux ${words}`)
  const { ids, steps, reported } = await world.recover()
  expect(ids).toEqual(['instance-terminating'])
  expect(reported).toContain(`found: The FluxInstance being deleted (it ${words})`)
  expect(steps.slice(0, 3)).toEqual(['instance-disabled done', 'stop-operator already', 'instance-let-go done'])
  expect(await world.uidsOf(crdOfKustomizations, root, source)).toEqual(kept)
})

test('both deleted, and a Kustomization with them: nothing is started that would prune what it applied; then the operator is installed', async () => {
  await lab.change('kept/kustomization/map.yaml', () => configMap('pruned'))
  await fetched()
  const pruning = await world.cluster.apply(parseObject(kustomization('pruning', './kept/kustomization')))
  const deployed: Ref = { ...kinds.configMap, namespace: 'default', name: 'pruned' }
  await world.until(async () => (await world.cluster.get(deployed)) !== undefined, kinds.configMap)
  await world.remove(await world.there(operator), ...(await world.controllers()))
  await world.removeHeld(refOf(pruning))
  const since = (await world.there(refOf(pruning))).metadata.deletionTimestamp
  const words = `is being deleted since ${since}: kustomize-controller will prune what it applied as soon as it runs`
  expect(await probe('kustomizations')).toMatchObject({
    state: 'fail',
    objects: expect.arrayContaining([expect.objectContaining({ object: `Kustomization ${namespace}/pruning`, reason: words })]),
  })
  const refused = await lab.run('recover', ['--lab', '--yes'])
  expect(refused.code, refused.stderr).toBe(3)
  expect(refused.stderr).toContain(`Kustomization ${namespace}/pruning ${words}`)
  expect(refused.stderr).toMatch(
    /to keep that: \S+\/flux --kubeconfig .* --context lab-infra --namespace flux-system suspend kustomization pruning\n/,
  )
  await world.cluster.patch(refOf(pruning), { spec: { suspend: true } })
  const { ids, steps } = await world.recover()
  expect(ids).toEqual(['operator-and-controllers-deleted'])
  expect(steps).toContain('flux-operator done')
  await world.until(async () => (await world.cluster.get(refOf(pruning))) === undefined, fluxKinds.kustomization)
  await world.remove(await world.there(deployed))
})

test("Flux's namespace deleted under living controllers: it goes once Flux's finalizers are off, and what they deployed stays", async () => {
  await lab.change('kept/kustomization/map.yaml', () => configMap('applied'))
  await lab.change('kept/chart/Chart.yaml', () => 'apiVersion: v2\nname: kept\nversion: 1.0.0\n')
  await lab.change('kept/chart/templates/map.yaml', () => configMap('{{ .Release.Name }}'))
  await fetched()
  const chart = { spec: { chart: './kept/chart', sourceRef: { kind: 'GitRepository', name: namespace, namespace } } }
  const release = (home: string, name: string): KubeObject =>
    parseObject({
      ...fluxKinds.helmRelease,
      metadata: { namespace: home, name },
      spec: { interval: '1h', targetNamespace: 'default', releaseName: name, chart },
    })
  await world.cluster.apply(parseObject(kustomization('applying', './kept/kustomization')))
  for (const one of [release(namespace, 'near'), release('default', 'far')]) await world.cluster.apply(one)
  const far: Ref = { ...fluxKinds.helmRelease, namespace: 'default', name: 'far' }
  const workloads = ['applied', 'near', 'far'].map((name): Ref => ({ ...kinds.configMap, namespace: 'default', name }))
  await world.until(
    async () => (await Promise.all(workloads.map((ref) => world.cluster.get(ref)))).every((one) => one !== undefined),
    kinds.configMap,
  )
  await world.until(async () => readinessOf(await world.there(far)).is === 'ready', fluxKinds.helmRelease)
  const kept = await world.uidsOf(crdOfKustomizations, far, ...workloads)
  const billing = await world.cluster.apply(
    parseObject({ ...kinds.configMap, metadata: { namespace, name: 'billing', finalizers: ['example.com/billing'] } }),
  )

  const home: Ref = { ...kinds.namespace, name: namespace }
  await world.removeHeld(home)
  await world.until(async () => JSON.stringify((await world.there(home)).status).includes('finalizers.fluxcd.io in'), kinds.namespace)
  const since = (await world.there(home)).metadata.deletionTimestamp
  const seen = await probe('namespace')
  expect(seen).toMatchObject({
    state: 'fail',
    detail: `${namespace} is being deleted`,
    objects: [{ object: `Namespace ${namespace}`, next: 'npx zx scripts/recover.ts --lab --context lab-infra' }],
  })
  expect(seen?.objects[0]?.reason).toContain(`is being deleted since ${since}; held by `)

  const blocked = await lab.run('recover', ['--lab', '--yes', '--destroy=lab-infra'])
  expect(blocked.code, blocked.stderr).toBe(3)
  expect(blocked.stderr).toContain(
    `ConfigMap ${namespace}/billing is held by a finalizer that is not Flux's, and holds the namespace: example.com/billing`,
  )
  expect((await world.there(refOf(billing))).metadata.finalizers).toEqual(['example.com/billing'])
  await world.cluster.patch(refOf(billing), { metadata: { finalizers: null } })

  const without = await lab.run('recover', ['--lab', '--yes'])
  expect(without.code, without.stderr).toBe(2)
  expect(without.stderr).toContain('--destroy=lab-infra')
  const ended = await lab.run('recover', ['--lab', '--yes', '--destroy=lab-infra', '--json'])
  expect(ended.code, ended.stderr).toBe(0)
  const { disasters, steps, healthy } = documentOf(ended)
  expect({ healthy, ids: disasters.map(({ id }) => id) }).toEqual({ healthy: true, ids: ['namespace-deleted'] })
  expect(steps.slice(0, 4).map(({ id }) => id)).toEqual(['instance-disabled', 'stop-controllers', 'finalizers', 'namespace-gone'])
  expect(await world.uidsOf(crdOfKustomizations, far, ...workloads)).toEqual(kept)
  expect((await world.there(far)).metadata.finalizers).toEqual(['finalizers.fluxcd.io'])
  await world.remove(await world.there(far), ...(await Promise.all(workloads.slice(0, 2).map(world.there))))
})

test("the FluxInstance's HelmRelease deleted: Git is asked to bring it back, and the FluxInstance stays the same", async () => {
  const { uid } = (await world.there(instance)).metadata
  await world.remove(await world.there({ ...fluxKinds.helmRelease, namespace, name: 'flux-instance' }))
  const { ids, steps } = await world.recover()
  expect(ids).toContain('instance-release-deleted')
  expect(steps).toContain('release-flux-instance done')
  expect((await world.there(instance)).metadata.uid).toBe(uid)
})

test('the FluxInstance suspended, and a controller deleted meanwhile: both are reported, in the order of their remedies', async () => {
  await world.cluster.patch(instance, { metadata: { annotations: { 'fluxcd.controlplane.io/reconcile': 'disabled' } } })
  await world.remove(...(await world.controllers()).slice(0, 1))
  // Suspended is what a person has decided, and --yes does not undo it.
  const blocked = await lab.run('recover', ['--lab', '--yes'])
  expect(blocked.code, blocked.stderr).toBe(3)
  expect(blocked.stderr).toMatch(
    /FluxInstance flux-system\/flux is suspended by flux-runbook \(this project's scripts\) since \S+: its operator neither installs nor repairs anything, and recover does not resume what a person has suspended; nothing was changed/,
  )
  expect(blocked.stderr).toContain('npx zx scripts/recover.ts --lab --context lab-infra --resume-suspended FluxInstance/flux-system/flux')
  const { ids, steps } = await world.recover('--resume-suspended', 'FluxInstance/flux-system/flux')
  expect(ids.slice(0, 2)).toEqual(['instance-suspended', 'controllers-deleted'])
  expect(steps[0]).toBe('resume-instance done')
})

test('the FluxInstance stalled by a change by hand: it is restored as in Git', async () => {
  await world.justChecked({ ...fluxKinds.helmRelease, namespace, name: 'flux-instance' })
  await world.cluster.patch(instance, { spec: { distribution: { version: '9.9.9' } } })
  await world.until(async () => JSON.stringify((await world.there(instance)).status).includes('BuildFailed'), instance)
  const { ids, steps } = await world.recover()
  expect(ids).toContain('instance-stalled')
  expect(steps[0]).toBe('flux-instance done')
})

test("Flux's login for Git wrong, then gone: it is given the right one from the settings", async () => {
  const secret: Ref = { ...kinds.secret, namespace, name: 'flux-git' }
  await world.cluster.patch(secret, { data: { password: Buffer.from('not the right one').toString('base64') } })
  await world.ask(source)
  await world.until(async () => JSON.stringify((await world.there(source)).status).includes('"status":"False","type":"Ready"'), source)
  const wrong = await world.recover()
  expect(wrong.ids[0]).toBe('git-credentials-wrong')
  expect(wrong.steps.slice(0, 2)).toEqual(['git-credentials done', 'fetch done'])
  await world.remove(await world.there(secret))
  expect((await world.recover()).ids[0]).toBe('git-credentials-gone')
})

test('a loop is suspended, waited for until Git is fixed, and resumed; a commit that does not fix it is not taken for one', async () => {
  await lab.change('tug/one/tug.yaml', () => tug('one'))
  await lab.change('tug/two/tug.yaml', () => tug('two'))
  await world.ask(source)
  await world.until(async () => JSON.stringify((await world.there(source)).status).includes('"Ready"'), source)
  for (const side of ['one', 'two']) await world.cluster.apply(parseObject(kustomization(`tug-${side}`, `./tug/${side}`)))
  const loops = async (): Promise<number> => (await lab.run('health-check', ['--lab', '--only', 'loop'])).code
  await expect.poll(loops, { timeout: 120_000, interval: 3_000 }).toBe(1)
  const recovering = lab.start('recover', ['--lab', '--yes', '--json'])
  await recovering.said('a commit that leaves ConfigMap flux-system/tug to one of')
  await lab.change('note.txt', () => 'of something else\n')
  await world.ask(source)
  await recovering.said(/and they still change it: suspended again, waiting for a commit that leaves ConfigMap flux-system\/tug to one of/)
  await lab.change('tug/two/tug.yaml', () => tug('two').replace('name: tug', 'name: tug-two'))
  await world.ask(source)
  const ended = await recovering.ended
  expect(ended.code, ended.stderr).toBe(0)
  const { disasters, steps } = documentOf(ended)
  expect(disasters.map(({ id }) => id)).toEqual(['loop'])
  expect(steps.map(({ id, state }) => `${id} ${state}`)).toEqual(['suspend done', 'mend done', 'resume done', 'health done'])
})

test('what is not a disaster with a name is reported with each next command, and nothing is changed: exit 3', async () => {
  await world.cluster.apply(
    parseObject({
      ...fluxKinds.helmRelease,
      metadata: { namespace, name: 'lost' },
      spec: { interval: '10m', chartRef: { kind: 'OCIRepository', name: 'lost' } },
    }),
  )
  const ended = await lab.run('recover', ['--lab', '--yes'])
  expect(ended.code).toBe(3)
  expect(ended.stderr).toContain('Flux is not healthy, but this is not a disaster with a remedy of its own; nothing was changed')
  expect(ended.stderr).toContain('HelmRelease flux-system/lost: needs OCIRepository flux-system/lost, which does not exist')
})

/** Waits until Flux has fetched what was pushed last. */
async function fetched(): Promise<void> {
  const { git } = await lab.access()
  const [head = ''] = execFileSync('git', ['ls-remote', git.anonymousUrl, 'refs/heads/main'], { encoding: 'utf8' }).split('\t')
  await world.ask(source)
  await world.until(async () => JSON.stringify((await world.there(source)).status).includes(head), source)
}

function kustomization(name: string, path: string): object {
  return {
    ...fluxKinds.kustomization,
    metadata: { namespace, name },
    spec: { interval: '2s', timeout: '20s', prune: true, path, sourceRef: { kind: 'GitRepository', name: namespace } },
  }
}

function configMap(name: string): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n  namespace: default\n`
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
