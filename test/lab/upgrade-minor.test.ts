import * as v from 'valibot'
import { stringify } from 'yaml'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listControllerCrds } from '../../lib/flux/crds.ts'
import { parseObject } from '../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { documentOf, type TestLab } from './harness.ts'
import { applied, byHand, oldObject, settled, startMinorLab, uids } from './minor-flux.ts'

const namespace = 'flux-system'
let lab: TestLab

beforeAll(async () => {
  lab = await startMinorLab(['infra', 'apps'])
})
afterAll(() => lab.close())

async function done(script: string, args: readonly string[]): Promise<ReturnType<typeof documentOf> | undefined> {
  const ended = await lab.run(script, args)
  expect(ended, ended.stderr).toMatchObject({ code: 0 })
  return args.includes('--json') ? documentOf(ended) : undefined
}

const managedSchema = v.object({ metadata: v.object({ managedFields: v.array(v.looseObject({ apiVersion: v.string() })) }) })

/** Is not Ready without a ConfigMap. */
const waiting = {
  apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
  kind: 'Kustomization',
  metadata: { name: 'waiting', namespace },
  spec: {
    interval: '10m',
    prune: true,
    sourceRef: { kind: 'GitRepository', name: namespace },
    path: './kubernetes/waiting',
    healthChecks: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'awaited', namespace: 'default' }],
  },
}

test('2.7.0 remembers a health check that a new commit cut short as a failed one; health-check knows better', async () => {
  const infra = await lab.cluster('lab-infra')
  const commit = async (name: string): Promise<void> => {
    const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' } }
    await lab.change('kubernetes/waiting/configmap.yaml', () => stringify(configMap))
    const annotations = { 'reconcile.fluxcd.io/requestedAt': new Date().toISOString() }
    await infra.patch({ ...fluxKinds.gitRepository, namespace, name: namespace }, { metadata: { annotations } })
  }
  const wait = (what: string): Promise<string> =>
    lab.kubectl('--namespace', namespace, 'wait', 'kustomization/waiting', '--timeout=60s', `--for=${what}`)
  await commit('first')
  await lab.kubectl('create', 'configmap', 'awaited')
  await infra.apply(parseObject(waiting))
  await wait('condition=Ready')
  await lab.kubectl('delete', 'configmap', 'awaited')
  await commit('second')
  await wait('condition=Healthy=Unknown')
  await commit('third')
  await wait('jsonpath={.status.history[0].lastReconciledStatus}=HealthCheckFailed')
  await wait('condition=Ready=Unknown')
  const ended = await lab.run('health-check', ['--lab', '--only', 'kustomizations'])
  expect(ended, ended.stderr).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/✔ Kustomizations: of \d Kustomizations: \d on their way/),
  })

  await lab.kubectl('create', 'configmap', 'awaited')
  await wait('condition=Ready')
  await lab.kubectl('--namespace', namespace, 'delete', 'kustomization/waiting')
})

test('2.7.0 → 2.9.5 on both clusters in their order, CRDs and objects migrated, and all the rollback, the workloads untouched', async () => {
  const infra = await lab.cluster('lab-infra')
  await infra.apply(parseObject(await oldObject(lab, byHand.name)))
  await settled(lab, byHand.name)
  const before = await uids(infra, byHand)
  expect(before).not.toContain(undefined)
  expect(await applied(infra)).toBe('2.7.0')

  const wanted = ['--lab', '--context', 'lab-infra,lab-apps', '--to', '2.9.5', '--yes', '--json']
  const unconsented = await lab.run('upgrade', wanted)
  expect(unconsented).toMatchObject({ code: 2, stderr: expect.stringContaining('--destroy=lab-infra') })

  const ended = await lab.run('upgrade', [...wanted, '--destroy=lab-infra,lab-apps'])
  expect(ended, ended.stderr).toMatchObject({ code: 0 })
  const { runs } = v.parse(severalSchema, ended.stdout)
  expect(runs.map(({ context, outcome, from, to }) => `${context} ${outcome} ${from} ${to}`)).toEqual([
    'lab-infra done 2.7.0 2.9.5',
    'lab-apps done 2.7.0 2.9.5',
  ])
  expect(ended.stderr).toContain('API versions that will be removed: ')
  expect(await applied(infra)).toBe('2.9.5')
  expect(await applied(await lab.cluster('lab-apps'))).toBe('2.9.5')
  const crds = await listControllerCrds(infra)
  for (const { name, versions, stored } of crds)
    expect(
      stored.every((one) => versions.includes(one)),
      name,
    ).toBe(true)
  expect(crds.find(({ kind }) => kind === 'GitRepository')?.versions).toEqual(['v1'])
  const hand = await infra.get(byHand)
  const versions = v.parse(managedSchema, hand).metadata.managedFields.map(({ apiVersion }) => apiVersion)
  expect(new Set(versions)).toEqual(new Set(['source.toolkit.fluxcd.io/v1']))
  expect(await uids(infra, byHand)).toEqual(before)

  const refused = await lab.run('rollback', ['--lab', '--yes'])
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('--destroy=lab-infra') })
  const back = await done('rollback', ['--lab', '--yes', '--destroy=lab-infra', '--json'])
  expect(back).toMatchObject({ outcome: 'done', from: '2.9.5', to: '2.7.0' })
  expect(await applied(infra)).toBe('2.7.0')
  expect(await uids(infra, byHand)).toEqual(before)
})

const severalSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ runs: v.array(v.object({ context: v.string(), outcome: v.string(), from: v.string(), to: v.string() })) }),
)
