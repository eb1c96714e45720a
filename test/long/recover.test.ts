import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { kinds } from '../../lib/kubernetes/objects.ts'
import { bootstrappedLab, type TestLab, untilRunning } from '../lab/harness.ts'
import {
  crdOfKustomizations,
  documentOf,
  instance,
  namespace,
  openRecovery,
  operator,
  type Recovery,
  root,
  source,
} from '../lab/recovery.ts'

// Several failures at once, and the second of those kinds of which test/lab/recover.test.ts has one.
let lab: TestLab
let world: Recovery

beforeAll(async () => {
  lab = await bootstrappedLab()
  await lab.snapshot('recovered')
  world = await openRecovery(lab)
})
afterAll(() => lab.close())
beforeEach(async () => {
  await lab.reset('recovered')
  await untilRunning(lab)
})

test('controllers deleted, and an operator that would look in an hour only: they are back all the same', async () => {
  await world.cluster.patch(instance, { metadata: { annotations: { 'fluxcd.controlplane.io/reconcileEvery': '60m' } } })
  await world.justChecked(instance) // as it does when it is asked so
  await world.remove(...(await world.controllers()).slice(0, 1))
  const { ids, steps } = await world.recover()
  expect(ids[0]).toBe('controllers-deleted')
  // It is asked to reconcile now, unless a reconciliation that was due from before comes first.
  expect(['controllers done', 'controllers already']).toContain(steps[0])
  await world.cluster.patch(instance, { metadata: { annotations: { 'fluxcd.controlplane.io/reconcileEvery': '1m' } } })
})

test('the FluxInstance being deleted while its operator is cut off: it is stopped first, and finds nothing to uninstall when it comes back', async () => {
  await lab.setFault('partition=flux-operator')
  onTestFinished(() => lab.clearFaults())
  await world.removeHeld(instance)
  const kept = await world.uidsOf(crdOfKustomizations, root, source)
  const plan = await lab.run('recover', ['--lab', '--dry-run', '--json'])
  expect(documentOf(plan)).toMatchObject({ outcome: 'planned', disasters: [{ id: 'instance-terminating' }] })
  const recovering = lab.start('recover', ['--lab', '--yes', '--json'])
  await recovering.said('✔ Delete the FluxInstance without uninstalling Flux: the deleted one is gone')
  await lab.clearFaults('partition')
  const ended = await recovering.ended
  expect(ended.code, ended.stderr).toBe(0)
  const { steps } = documentOf(ended)
  expect(steps.slice(0, 4).map(({ id, state }) => `${id} ${state}`)).toEqual([
    'instance-disabled done',
    'stop-operator done',
    'instance-let-go done',
    'namespace already',
  ])
  expect(await world.uidsOf(crdOfKustomizations, root, source)).toEqual(kept)
})

test('four at once: the login gone, controllers deleted, the HelmRelease deleted, the FluxInstance stalled: logins first, Ready last', async () => {
  await world.justChecked({ ...fluxKinds.helmRelease, namespace, name: 'flux-instance' })
  await world.remove(
    await world.there({ ...kinds.secret, namespace, name: 'flux-git' }),
    await world.there({ ...fluxKinds.helmRelease, namespace, name: 'flux-instance' }),
  )
  await world.cluster.patch(instance, { spec: { distribution: { version: '9.9.9' } } })
  await world.until(async () => JSON.stringify((await world.there(instance)).status).includes('BuildFailed'), instance)
  await world.remove(...(await world.controllers()))
  const ended = await lab.run('recover', ['--lab', '--yes', '--json', '--timeout', '2m'])
  expect(ended.code, ended.stderr).toBe(0)
  const { disasters, steps } = documentOf(ended)
  const ids = ['controllers-deleted', 'git-credentials-gone', 'instance-release-deleted', 'instance-stalled']
  expect(disasters.map(({ id }) => id)).toEqual(expect.arrayContaining(ids))
  expect(steps.map(({ id }) => id)).toEqual([
    'git-credentials',
    'flux-instance',
    'controllers',
    'fetch',
    'release-flux-instance',
    'instance-ready',
    'health',
  ])
})

test('three at once: operator, source-controller and login gone: helm-controller lacks the chart, so the operator is installed', async () => {
  const [sourceController] = (await world.controllers()).filter(({ metadata }) => metadata.name === 'source-controller')
  await world.justChecked(instance)
  // In this order: as long as source-controller is there, helm-controller has the chart, and recreates the operator.
  await world.remove(
    ...(sourceController === undefined ? [] : [sourceController]),
    await world.there(operator),
    await world.there({ ...kinds.secret, namespace, name: 'flux-git' }),
  )
  const ended = await lab.run('recover', ['--lab', '--yes', '--json', '--timeout', '2m'])
  expect(ended.code, ended.stderr).toBe(0)
  const { disasters, steps } = documentOf(ended)
  expect(disasters.map(({ id }) => id)).toEqual(expect.arrayContaining(['operator-deleted', 'controllers-deleted', 'git-credentials-gone']))
  expect(steps.slice(0, 4).map(({ id }) => id)).toEqual(['git-credentials', 'flux-operator', 'controllers', 'fetch'])
})

test('an upgrade that cannot run, met before that shows: it is waited for until it does, and rolled back', async () => {
  await lab.setFault('image=source-controller:v1.9.4')
  await lab.setFault('partition=flux-operator') // which would show it in seconds
  onTestFinished(() => lab.clearFaults())
  await lab.change('kubernetes/clusters/infra/settings.yaml', (text) => text.replace('flux_version: "2.9.5"', 'flux_version: "2.9.4"'))
  await world.ask(source)
  await world.until(async () => JSON.stringify((await world.there(instance)).spec).includes('"version":"2.9.4"'), instance)
  const recovering = lab.start('recover', ['--lab', '--yes', '--json'])
  await recovering.said('◎ Flux is being upgraded from 2.9.5 to 2.9.4: waiting until it runs or fails')
  await lab.clearFaults('partition')
  const ended = await recovering.ended
  expect(ended.code, ended.stderr).toBe(0)
  expect(documentOf(ended)).toMatchObject({ healthy: true, disasters: [{ id: 'upgrade-broken' }] })
})
