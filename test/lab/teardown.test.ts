import { asTyped } from '../run-names.ts'
import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { generateX25519Identity } from 'age-encryption'
import * as v from 'valibot'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds, type Ref, refOf } from '../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { shippedRole } from '../../lib/preflight/rights.ts'
import { projectRoot } from '../../lib/base/paths.ts'
import type { StepContext } from '../../lib/runner/step.ts'
import { manifestOf } from '../../lib/kubernetes/manifest.ts'
import { ensureOperatorStopped } from '../../lib/commands/teardown/steps/stop-controllers.ts'
import { readTeardownState } from '../../lib/commands/teardown/state.ts'
import { takeFingerprint } from '../../lib/continuity/fingerprint.ts'
import { parseObjects } from '../../lib/kubernetes/manifest.ts'
import { bootstrappedLab, documentOf, type Ended, type TestLab } from './harness.ts'
import { recordingConsole } from '../recording-console.ts'
import { stateOfFlux } from './flux-state.ts'
import { emptySnapshot } from './shared-labs.ts'
import { deployment, everything, fluxControllers, namespace, remove, removeDeployments, verifyTornDown } from './torn-down.ts'
import { deployWorkloads, makeFluxObjects, shop, untilDeployed } from './workloads.ts'

// Other ways to begin, and to be stopped, are in test/long/teardown.test.ts and test/long/teardown-endings.test.ts.
let lab: TestLab
let cluster: Cluster

beforeAll(async () => {
  lab = await bootstrappedLab()
  await lab.snapshot('bootstrapped')
  cluster = await lab.cluster('lab-infra')
  await deployWorkloads(lab, cluster)
  await makeFluxObjects(cluster, 20, 50)
})
afterAll(() => lab.close())

async function reset(snapshot: string): Promise<void> {
  await lab.reset(snapshot)
  rmSync(join(lab.home, 'runs'), { recursive: true, force: true })
  cluster = await lab.cluster('lab-infra')
}

/** How many Helm secrets, and which revisions: `hooked 1`. */
async function revisions(): Promise<string[]> {
  const secrets = await cluster.list(kinds.secret, { labels: 'owner=helm' })
  return secrets.map(({ metadata: { labels } }) => `${labels.name} ${labels.version}`).sort()
}

/** Those that stand for themselves outside Flux's namespace, by UID. */
async function alive(): Promise<string[]> {
  const fingerprint = await takeFingerprint(cluster, namespace)
  return fingerprint.filter(({ isOwned }) => !isOwned).map(({ name, uid }) => `${name} ${uid}`)
}

async function teardown(...flags: string[]): Promise<Ended> {
  return lab.run('teardown', [...everything, '--json', ...flags])
}

describe('a Flux with a thousand objects and two hundred workloads', () => {
  test('without the name typed, or with another, nothing is changed: exit 2 that says which flag', async () => {
    const before = await stateOfFlux(cluster)
    const bare = await lab.run('teardown', ['--lab', '--yes', '--json'])
    expect(bare.code).toBe(2)
    expect(bare.stderr).toContain('nothing was changed: there is no terminal to ask for consent')
    expect(bare.stderr).toContain('  → npx zx scripts/teardown.ts --lab --yes --json --destroy=lab-infra\n')
    const other = await lab.run('teardown', ['--lab', '--yes', '--destroy=infra'])
    expect(other.code).toBe(2)
    expect(other.stderr).toContain('--destroy names infra, but the context in use is lab-infra. Nothing was changed')
    const planned = await lab.run('teardown', ['--lab', '--dry-run', '--json'])
    expect(documentOf(planned)).toMatchObject({ outcome: 'planned', exitCode: 0 })
    expect(planned.stderr).toContain('point of no return')
    expect(await stateOfFlux(cluster)).toEqual(before)
  })

  test("what is someone else's blocks the run: a claim, a finalizer, a workload that Flux owns", async () => {
    const claim: Ref = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name: 'cache' }
    await cluster.apply(manifestOf(claim, { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } }))
    const held: Ref = { ...fluxKinds.gitRepository, namespace: 'tenant-0', name: 'object-0' }
    await cluster.patch(held, { metadata: { finalizers: ['finalizers.fluxcd.io', 'example.com/billing'] } })
    const owned: Ref = { ...kinds.deployment, namespace: shop, name: 'web-0' }
    const release: Ref = { ...fluxKinds.helmRelease, namespace: shop, name: 'plain' }
    const owner = { ...fluxKinds.helmRelease, name: release.name, uid: (await cluster.get(release))?.metadata.uid }
    await cluster.patch(owned, { metadata: { ownerReferences: [owner] } })
    const before = await stateOfFlux(cluster)
    const ended = await teardown()
    expect(ended.code).toBe(3)
    expect(documentOf(ended)).toMatchObject({ outcome: 'blocked', steps: [] })
    expect(ended.stderr).toContain(
      "contains objects that are not Flux's and would be deleted with it: PersistentVolumeClaim flux-system/cache",
    )
    expect(ended.stderr).toContain('--keep-namespace')
    expect(ended.stderr).toContain("GitRepository tenant-0/object-0 has a finalizer that is not Flux's: example.com/billing")
    expect(ended.stderr).toContain('Deployment shop/web-0 belongs to HelmRelease plain, and Kubernetes would delete it with that')
    expect(await stateOfFlux(cluster)).toEqual(before)
    await cluster.patch(owned, { metadata: { ownerReferences: null } })
    await cluster.patch(held, { metadata: { finalizers: ['finalizers.fluxcd.io'] } })
    await remove(cluster, claim)
  })

  test('Ctrl-C before the point of no return leaves all as it was', async () => {
    const before = await stateOfFlux(cluster)
    const running = lab.start('teardown', everything)
    await running.said("✔ Stop Flux's controllers")
    running.kill('SIGINT')
    const ended = await running.ended
    expect(ended.code, ended.stderr).toBe(130)
    expect(ended.stderr).toContain('stopped; everything is as it was')
    expect(await stateOfFlux(cluster)).toEqual(before)
    expect(await cluster.get({ ...kinds.lease, namespace: 'kube-system', name: 'flux-runbook' })).toBeUndefined()
  })

  test('is removed with everything alive, and kubectl from outside agrees; then bootstrap adopts it all', async () => {
    rmSync(join(lab.home, 'runs'), { recursive: true, force: true })
    const [before, released] = [await alive(), await revisions()]
    const torn = await teardown()
    await verifyTornDown(lab, torn)
    expect(await alive()).toEqual(before)
    const { survival } = v.parse(v.object({ survival: v.object({ checked: v.number() }) }), documentOf(torn))
    expect(survival.checked).toBeGreaterThan(180)

    const file = /--from (\S+capture\.age)/.exec(torn.stderr)?.[1] ?? ''
    const restored = await lab.run('restore', ['--lab', '--yes', '--from', file])
    expect(restored, restored.stderr).toMatchObject({ code: 0 })
    const rebuilt = await lab.run('bootstrap', ['--lab', '--yes'])
    expect(rebuilt, rebuilt.stderr).toMatchObject({ code: 0 })
    await untilDeployed(cluster)
    // Adoption is an upgrade: one revision more, and none begins at 1 again.
    for (const name of ['plain', 'hooked', 'elsewhere-far']) {
      expect(released).toContain(`${name} 1`)
      expect((await revisions()).filter((one) => one.startsWith(`${name} `))).toEqual([`${name} 1`, `${name} 2`])
    }
    const still = await alive()
    expect(before.filter((one) => !still.includes(one))).toEqual([])
  })

  test('a Deployment that someone deletes between the check and its stop is not a failure', async () => {
    const patch: Cluster['patch'] = async (ref, ...rest) => {
      await remove(cluster, ref)
      return cluster.patch(ref, ...rest)
    }
    let notes: Readonly<Record<string, unknown>> = {}
    const run: StepContext = {
      id: 'run',
      script: 'teardown',
      context: 'lab-infra',
      place: 'lab-infra',
      where: '--lab',
      console: recordingConsole().console,
      memory: { read: () => notes, write: (more) => (notes = { ...notes, ...more }), folder: () => lab.home },
      timeout: 60_000,
      signal: new AbortController().signal,
      clean: (text) => text,
      ...asTyped,
      cluster: { ...cluster, patch },
    }
    await ensureOperatorStopped(namespace).apply(run, () => undefined)
    expect(await cluster.get(deployment('flux-operator'))).toBeUndefined()
    expect(readTeardownState(run.memory).replicas).toEqual({})
  })
})

describe('a start that is half broken', () => {
  beforeEach(() => reset('bootstrapped'))

  test("the operator gone, the API down for 20 s in between, and someone else's ClusterRole manager-role: it survives", async () => {
    const role: Ref = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', name: 'manager-role' }
    await cluster.apply(manifestOf(role, { rules: [{ apiGroups: ['fluxcd.controlplane.io'], resources: ['*'], verbs: ['get'] }] }))
    const contrib = foreignCrd('things.contrib.fluxcd.io')
    await cluster.apply(contrib)
    const view: Ref = { ...role, name: 'flux-view-flux-system' }
    // helm-controller would bring it back within a minute.
    await cluster.patch(deployment('helm-controller'), { spec: { replicas: 0 } })
    await removeDeployments(cluster, 'flux-operator')
    const running = lab.start('teardown', [...everything, '--json', '--fresh'])
    await running.said('✔ Capture what Flux needs')
    // As by an operator whose last reconciliation came after the teardown's first check.
    const { rules } = v.parse(v.looseObject({ rules: v.unknown() }), await cluster.get(view))
    await remove(cluster, view)
    await cluster.apply(manifestOf(view, { rules }))
    await lab.setFault('api-down')
    await pause(20_000)
    await lab.clearFaults()
    const ended = await running.ended
    expect(ended.code, ended.stderr).toBe(0)
    expect(ended.stderr).toContain('CustomResourceDefinition things.contrib.fluxcd.io')
    expect(await cluster.get(role)).toBeDefined()
    expect(await cluster.get(refOf(contrib))).toBeDefined()
    await remove(cluster, refOf(contrib))
    await verifyTornDown(lab, ended)
  })

  test('the controllers gone, and someone else in the namespace: --keep-namespace takes only what is Flux’s', async () => {
    await cluster.patch(deployment('flux-operator'), { spec: { replicas: 0 } })
    await removeDeployments(cluster, ...fluxControllers)
    const mine: Ref = { ...kinds.configMap, namespace, name: 'mine' }
    await cluster.apply(manifestOf(mine, { data: { kept: 'yes' } }))
    const ended = await teardown('--keep-namespace')
    expect(ended, ended.stderr).toMatchObject({ code: 0 })
    expect(documentOf(ended)).toMatchObject({ outcome: 'done', residue: [] })
    expect(await cluster.get(mine)).toBeDefined()
    expect(
      await lab.kubectl(
        '--namespace',
        namespace,
        'get',
        'deployments,services,serviceaccounts,networkpolicies,resourcequotas',
        '--output',
        'name',
      ),
    ).toBe('serviceaccount/default\n')
    expect(await lab.kubectl('get', 'crd', '--output', 'name')).not.toContain('fluxcd')
  })

  test('someone who may not delete CustomResourceDefinitions is asked so; with the role that the project ships, it works', async () => {
    const [shipped] = parseObjects(readFileSync(join(projectRoot, shippedRole.file), 'utf8'))
    const { rules } = v.parse(
      v.object({ rules: v.array(v.looseObject({ resources: v.array(v.string()), verbs: v.array(v.string()) })) }),
      shipped,
    )
    const fewer = rules.map((rule) =>
      rule.resources.includes('customresourcedefinitions') ? { ...rule, verbs: rule.verbs.filter((verb) => verb !== 'delete') } : rule,
    )
    const role: Ref = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', name: shippedRole.name }
    await cluster.apply(manifestOf(role, { rules: fewer }))
    const asJane = await jane()
    const before = await stateOfFlux(cluster)
    const refused = await asJane()
    expect(refused.code, refused.stderr).toBe(3)
    expect(refused.stderr).toContain('     delete customresourcedefinitions.apiextensions.k8s.io\n')
    expect(await stateOfFlux(cluster)).toEqual(before)
    await cluster.apply(manifestOf(role, { rules }))
    await verifyTornDown(lab, await asJane())
  })

  test('Flux installed by its CLI; stopped past the point of no return, it says what is left; a second teardown finds nothing to do', async () => {
    await reset(emptySnapshot('infra'))
    const { bin, kubeconfig } = await lab.access()
    const components = '--components=source-controller,kustomize-controller,helm-controller,notification-controller'
    execFileSync(join(bin, 'flux'), ['install', '--context=lab-infra', components], {
      env: { KUBECONFIG: kubeconfig, HOME: lab.home },
      stdio: 'pipe',
    })
    const running = lab.start('teardown', everything)
    await running.said("✔ Remove Flux's finalizers from")
    running.kill('SIGINT')
    const stopped = await running.ended
    expect(stopped.code, stopped.stderr).toBe(130)
    expect(stopped.stderr).toMatch(
      /^✗ stopped; .*\. Flux is partly gone; the workloads that it deployed keep running\. From here the run can only be resumed; the capture is \S+capture\.age$/m,
    )
    const health = await lab.run('health-check', ['--lab'])
    expect(health.stderr).toMatch(
      /^⚠ the run (\S+-teardown) was interrupted past its point of no return, so it can only be resumed; its capture is \S+capture\.age\n\s+→ npx zx scripts\/teardown\.ts --lab --context lab-infra --resume \1\n/m,
    )
    expect(health.stdout).toMatch(/^Health of lab-infra /m)
    await verifyTornDown(lab, await teardown('--resume'))
    expect(documentOf(await teardown())).toMatchObject({ outcome: 'unchanged', exitCode: 0, residue: [] })
  })
})

/** Someone who has the project's role and no other: runs a teardown as any other cluster's owner would. */
async function jane(): Promise<() => Promise<Ended>> {
  const { bin, kubeconfig } = await lab.access()
  const account: Ref = { ...kinds.serviceAccount, namespace: 'default', name: 'jane' }
  await cluster.apply(manifestOf(account))
  const group = 'rbac.authorization.k8s.io'
  const binding: Ref = { apiVersion: `${group}/v1`, kind: 'ClusterRoleBinding', name: 'jane' }
  const subjects = [{ kind: 'ServiceAccount', namespace: 'default', name: 'jane' }]
  await cluster.apply(manifestOf(binding, { roleRef: { apiGroup: group, kind: 'ClusterRole', name: shippedRole.name }, subjects }))
  const request = manifestOf({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', name: 'jane' }, { spec: {} })
  const made = await cluster.create(request, { ref: account, name: 'token' })
  const { token } = v.parse(v.object({ status: v.object({ token: v.string() }) }), made).status
  const config = v.parse(kubeconfigSchema, readFileSync(kubeconfig, 'utf8'))
  const hers = join(lab.home, 'jane.kubeconfig')
  writeFileSync(hers, JSON.stringify({ ...config, users: config.users.map((user) => ({ ...user, user: { token } })) }), { mode: 0o600 })
  const identity = join(lab.home, 'jane.txt')
  writeFileSync(identity, `${await generateX25519Identity()}\n`, { mode: 0o600 })
  const flags = ['--context', 'lab-infra', '--cluster', 'infra', '--kubeconfig', hers, '--identity', identity]
  const env = { PATH: `${bin}:${process.env.PATH}`, XDG_STATE_HOME: join(lab.home, 'jane') }
  return () => lab.run('teardown', [...flags, '--yes', '--destroy=lab-infra', '--json'], env)
}

const kubeconfigSchema = v.pipe(v.string(), v.parseJson(), v.looseObject({ users: v.array(v.looseObject({ user: v.unknown() })) }))

/** A kind of someone else's that uses Flux's domain. */
function foreignCrd(name: string) {
  const [plural = '', ...group] = name.split('.')
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }
  return manifestOf(
    { ...kinds.crd, name },
    {
      spec: {
        group: group.join('.'),
        names: { kind: 'Thing', listKind: 'ThingList', plural, singular: 'thing' },
        scope: 'Namespaced',
        versions: [{ name: 'v1', served: true, storage: true, schema }],
      },
    },
  )
}
