import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds, type KubeObject, nameOf, parseObject, type Ref, refOf } from '../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { shippedRole } from '../../lib/preflight/rights.ts'
import { projectRoot } from '../../lib/base/paths.ts'
import { manifestOf } from '../../lib/kubernetes/manifest.ts'
import { parseObjects } from '../../lib/kubernetes/manifest.ts'
import { copyCheckout, documentOf, type Ended, script, startLab, type TestLab } from './harness.ts'

const namespace = 'flux-system'
let lab: TestLab
let infra: Cluster

beforeAll(async () => {
  lab = await startLab(['infra'])
  infra = await lab.cluster('lab-infra')
})
afterAll(() => lab.close())

async function remove(ref: Ref): Promise<void> {
  const live = await infra.get(ref)
  if (live?.metadata.uid !== undefined) await infra.remove(ref, { uid: live.metadata.uid })
}

const apiService = { apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', name: 'v1.nowhere.example.com' }
const webhook = { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration', name: 'policy' }
const mutating = { ...webhook, kind: 'MutatingWebhookConfiguration', name: 'sidecars' }
const service = { namespace: 'policy', name: 'policy' }
const asking = (name: string, resource: string): Record<string, unknown> => ({
  name,
  clientConfig: { service },
  rules: [{ apiGroups: ['*'], apiVersions: ['*'], resources: [resource], operations: ['CREATE', 'UPDATE'] }],
  admissionReviewVersions: ['v1'],
  sideEffects: 'None',
  // Nothing that this test itself applies.
  namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
})

/** A CustomResourceDefinition of Flux as an earlier one left it, with an object that nobody minds. */
const leftCrd = manifestOf(
  { ...kinds.crd, name: 'kustomizations.kustomize.toolkit.fluxcd.io' },
  {
    spec: {
      group: 'kustomize.toolkit.fluxcd.io',
      names: { kind: 'Kustomization', listKind: 'KustomizationList', plural: 'kustomizations', singular: 'kustomization' },
      scope: 'Namespaced',
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        },
      ],
    },
  },
)
const leftObject: KubeObject = parseObject({
  ...fluxKinds.kustomization,
  metadata: { namespace: 'default', name: 'apps', finalizers: ['finalizers.fluxcd.io'] },
})

/** Everything that a run could have touched, by its resourceVersion; leases and events are others' pulse. */
async function versions(): Promise<string[]> {
  const touched = [kinds.namespace, kinds.secret, kinds.configMap, kinds.serviceAccount, kinds.crd, kinds.deployment]
  const lists = await Promise.all(touched.map((kind) => infra.list(kind)))
  return lists.flat().map((object) => `${nameOf(refOf(object))} ${object.metadata.resourceVersion}`)
}

/** Looks until it is so: no event says when the API serves a new kind, or a controller has written a condition. */
async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 60_000; !(await isSo()); await pause(200)) {
    if (Date.now() > deadline) throw new Error(`not so after a minute: ${isSo.toString()}`)
  }
}

const conditionsSchema = v.object({ status: v.object({ conditions: v.array(v.object({ type: v.string(), status: v.string() })) }) })

async function hasCondition(ref: Ref, type: string, status: string): Promise<boolean> {
  const parsed = v.safeParse(conditionsSchema, await infra.get(ref))
  return parsed.success && parsed.output.status.conditions.some((condition) => condition.type === type && condition.status === status)
}

async function leave(object: KubeObject): Promise<void> {
  await infra.apply(leftCrd)
  await eventually(() =>
    infra.apply(object).then(
      () => true,
      () => false,
    ),
  )
}

async function registerNowhere(): Promise<void> {
  const spec = {
    group: 'nowhere.example.com',
    version: 'v1',
    service,
    groupPriorityMinimum: 1,
    versionPriority: 1,
    insecureSkipTLSVerify: true,
  }
  await infra.apply(manifestOf(apiService, { spec }))
  await eventually(() => hasCondition(apiService, 'Available', 'False'))
}

const kubeconfigSchema = v.pipe(v.string(), v.parseJson(), v.looseObject({ users: v.array(v.looseObject({ user: v.unknown() })) }))

describe('with much wrong at once', () => {
  let ended: Ended

  beforeAll(async () => {
    await infra.apply(manifestOf({ ...kinds.namespace, name: 'policy' }))
    await infra.apply(manifestOf({ ...kinds.namespace, name: namespace }))
    await infra.apply(
      parseObject({ ...kinds.configMap, metadata: { namespace, name: 'held', finalizers: ['example.com/held'] }, data: {} }),
    )
    await remove({ ...kinds.namespace, name: namespace })
    await leave(leftObject)
    await remove(refOf(leftCrd))
    await eventually(() => hasCondition({ ...kinds.namespace, name: namespace }, 'NamespaceFinalizersRemaining', 'True'))
    await infra.apply(manifestOf(webhook, { webhooks: [asking('check.policy.example.com', 'deployments')] }))
    await infra.apply(manifestOf(mutating, { webhooks: [asking('inject.policy.example.com', 'services')] }))
    const restore = await lab.change('kubernetes/clusters/infra/settings.yaml', (text) =>
      text
        .replace(/^( +distribution_artifact: .*:)v[^"\s]+/m, '$1v0.0.1')
        .replace('registry_pull_secret: ""', 'registry_pull_secret: "mirror"'),
    )
    const before = await versions()
    ended = await lab.run('bootstrap', ['--lab', '--yes', '--json'])
    expect(await versions()).toEqual(before)
    await restore()
  })
  afterAll(async () => {
    for (const ref of [webhook, mutating]) await remove(ref)
    await infra.patch({ ...kinds.configMap, namespace, name: 'held' }, { metadata: { finalizers: null } })
    await infra.patch(refOf(leftObject), { metadata: { finalizers: null } })
    for (const ref of [{ ...kinds.namespace, name: namespace }, refOf(leftCrd)]) {
      await eventually(async () => (await infra.get(ref)) === undefined)
    }
  })

  test('all is reported, nothing is changed: exit 3', () => {
    expect(ended.code).toBe(3)
    expect(documentOf(ended)).toMatchObject({ outcome: 'blocked', exitCode: 3, steps: [] })
  })
  test.each([
    [
      /Namespace flux-system is being deleted, since \S+; held by: .*configmaps\. has 1 resource instances.* example\.com\/held in 1 resource instances; held by ConfigMap flux-system\/\S+ \(finalizer example\.com\/held\)/,
      'npx zx scripts/lab.ts kubectl --context lab-infra -- wait --for=delete namespace/flux-system',
    ],
    [
      /CustomResourceDefinition kustomizations\.kustomize\.toolkit\.fluxcd\.io is being deleted, since \S+; held by Kustomization default\/apps \(finalizer finalizers\.fluxcd\.io\)/,
      'npx zx scripts/lab.ts kubectl --context lab-infra -- --namespace default patch kustomizations.kustomize.toolkit.fluxcd.io apps --type=merge',
    ],
    [
      /the webhook check\.policy\.example\.com of ValidatingWebhookConfiguration policy must allow what is to be applied, but its Service policy\/policy has no ready endpoint/,
      'npx zx scripts/lab.ts kubectl --context lab-infra -- delete validatingwebhookconfiguration policy',
    ],
    [
      /the webhook inject\.policy\.example\.com of MutatingWebhookConfiguration sidecars must allow/,
      'npx zx scripts/lab.ts kubectl --context lab-infra -- delete mutatingwebhookconfiguration sidecars',
    ],
    [/the distribution artifact oci:\/\/127\.0\.0\.1:\d+\/flux-operator-manifests:v0\.0\.1 does not exist/, 'fix distribution_artifact'],
    [
      /Secret flux-system\/mirror does not exist; HelmRelease flux-instance refers to it/,
      'create secret generic mirror --type=kubernetes.io/dockerconfigjson',
    ],
  ])('%s', (what, remedy) => {
    expect(ended.stderr).toMatch(what)
    expect(ended.stderr).toContain(remedy)
  })
})

describe('what does not block the run', () => {
  test('is reported before the plan: an API that is away, leftovers, Git that differs', async () => {
    await registerNowhere()
    await leave({ ...leftObject, metadata: { ...leftObject.metadata, finalizers: [] } })
    const restore = await lab.change('kubernetes/clusters/infra/more.yaml', () => '# a colleague’s\n')
    const ended = await lab.run('bootstrap', ['--lab', '--dry-run'])
    await restore()
    await remove(refOf(leftCrd))
    await remove(apiService)
    expect(ended.stderr).toMatch(
      /⚠ APIService v1\.nowhere\.example\.com is not available \(\w+: .*\); until it is, no namespace of this cluster can be deleted/,
    )
    expect(ended.stderr).toContain(
      '⚠ there are 1 CustomResourceDefinition of an earlier Flux, without a controller; as soon as Flux runs, it will reconcile these again: Kustomization default/apps\n',
    )
    expect(ended.stderr).toContain("⚠ the lab's Git differs from this checkout's kubernetes/ in clusters/infra/more.yaml")
    expect(ended.stdout).toContain('create Namespace flux-system')
    expect(ended.code).toBe(0)
  })
})

describe('someone who is not an administrator', () => {
  const folder = mkdtempSync(join(tmpdir(), 'preflight-'))
  const kubeconfig = join(folder, 'kubeconfig')
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  let run: (name: string, ...flags: string[]) => Promise<Ended>
  const bootstrap = (...flags: string[]): Promise<Ended> => run('bootstrap', '--yes', ...flags)

  beforeAll(async () => {
    const { bin, git, kubeconfig: administrators } = await lab.access()
    const account: Ref = { ...kinds.serviceAccount, namespace: 'default', name: 'jane' }
    await infra.apply(manifestOf(account))
    const request = parseObject({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata: { name: 'jane' }, spec: {} })
    const { status } = v.parse(
      v.object({ status: v.object({ token: v.string() }) }),
      await infra.create(request, { ref: account, name: 'token' }),
    )
    const config = v.parse(kubeconfigSchema, readFileSync(administrators, 'utf8'))
    const users = config.users.map((user) => ({ ...user, user: { token: status.token } }))
    writeFileSync(kubeconfig, JSON.stringify({ ...config, users }), { mode: 0o600 })
    // A checkout of her own, which follows the lab's Git as any other: the lab's own kubeconfig is an administrator's.
    const checkout = join(folder, 'checkout')
    copyCheckout(checkout)
    await lab.change('kubernetes/clusters/infra/settings.yaml', (text) => {
      writeFileSync(join(checkout, 'kubernetes/clusters/infra/settings.yaml'), text)
      return `${text}# hers\n`
    })
    run = (name, ...flags) =>
      script(name, ['--context', 'lab-infra', '--cluster', 'infra', '--kubeconfig', kubeconfig, ...flags], {
        home: lab.home,
        cwd: checkout,
        env: {
          PATH: `${bin}:${process.env.PATH}`,
          GIT_USERNAME: git.username,
          GIT_PASSWORD: git.password,
          XDG_STATE_HOME: join(folder, 'state'),
        },
      })
  })

  test('is reported all the rights that are missing, and the command that gives them: exit 3', async () => {
    const role = parseObject({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'few' } })
    await infra.apply({ ...role, rules: [{ apiGroups: ['', 'coordination.k8s.io'], resources: ['namespaces', 'leases'], verbs: ['get'] }] })
    await bind('few')
    const ended = await bootstrap()
    expect(ended.code).toBe(3)
    expect(ended.stderr).toContain('system:serviceaccount:default:jane lacks rights that this needs:')
    for (const line of [
      'create, update, delete leases.coordination.k8s.io in namespace kube-system',
      'get, list, watch, create, patch secrets in namespace flux-system',
      'get, create, patch, escalate clusterroles.rbac.authorization.k8s.io',
      'bind clusterroles.rbac.authorization.k8s.io cluster-admin',
      'list apiservices.apiregistration.k8s.io',
    ]) {
      expect(ended.stderr).toContain(`     ${line}\n`)
    }
    const kubectl = `kubectl --context lab-infra --kubeconfig ${kubeconfig}`
    expect(ended.stderr).toContain(
      `${kubectl} apply -f kubernetes/rbac/flux-runbook-operator.yaml && ${kubectl} create clusterrolebinding flux-runbook-operator --clusterrole=flux-runbook-operator --serviceaccount=default:jane`,
    )
    expect(ended.stderr).not.toContain('is forbidden')
  })

  test('bootstraps with the role that the project ships, and nothing more', async () => {
    const shipped = parseObjects(readFileSync(join(projectRoot, shippedRole.file), 'utf8'))
    for (const role of shipped) await infra.apply(role)
    await bind('flux-runbook-operator')
    await remove({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', name: 'few' })
    const ended = await bootstrap('--json')
    expect(ended.stderr).toContain('Flux v2.9.5 manages itself on lab-infra')
    expect(documentOf(ended)).toMatchObject({ outcome: 'done', exitCode: 0 })
  })

  test('looks after it with that role: a health check, and a recovery', async () => {
    const instance = { ...fluxKinds.fluxInstance, namespace, name: 'flux' }
    await infra.patch(instance, { metadata: { annotations: { 'fluxcd.controlplane.io/reconcile': 'disabled' } } })
    await infra.patch({ ...kinds.deployment, namespace, name: 'helm-controller' }, { spec: { replicas: 0 } })
    const recovered = await run('recover', '--yes', '--json', '--resume-suspended=FluxInstance/flux-system/flux')
    expect(documentOf(recovered), recovered.stderr).toMatchObject({
      outcome: 'done',
      disasters: [{ id: 'instance-suspended' }, { id: 'scaled-to-zero' }],
    })
    const healthy = await run('health-check', '--json')
    expect(healthy, healthy.stderr).toMatchObject({ code: 0 })
  })

  async function bind(role: string): Promise<void> {
    const group = 'rbac.authorization.k8s.io'
    await infra.apply(
      manifestOf(
        { apiVersion: `${group}/v1`, kind: 'ClusterRoleBinding', name: role },
        {
          roleRef: { apiGroup: group, kind: 'ClusterRole', name: role },
          subjects: [{ kind: 'ServiceAccount', namespace: 'default', name: 'jane' }],
        },
      ),
    )
  }
})

describe('on a Flux that runs', () => {
  test('changes by hand that Flux will revert are reported, and so is how far it is behind Git', async () => {
    // At rest, so that neither Flux nor the test has to be fast.
    for (const name of ['source-controller', 'kustomize-controller', 'helm-controller', 'flux-operator']) {
      await lab.kubectl('--namespace', namespace, 'scale', 'deployment', name, '--replicas=0')
    }
    await lab.kubectl(
      '--namespace',
      namespace,
      'patch',
      'kustomization',
      'infra-gitops-flux-operator',
      '--type=merge',
      '--patch',
      '{"spec":{"suspend":true,"interval":"7m"}}',
    )
    await lab.kubectl('--namespace', namespace, 'set', 'image', 'deployment/flux-operator', 'manager=example.com/mine:1')
    await lab.change('kubernetes/clusters/infra/settings.yaml', (text) => text.replace('# Every', '# All of every'))
    const ended = await lab.run('bootstrap', ['--lab', '--dry-run'])
    expect(ended.code).toBe(0)
    expect(ended.stderr).toMatch(
      /⚠ changed by hand \(kubectl-patch\), and Flux will revert it: Kustomization flux-system\/infra-gitops-flux-operator: spec\.interval, spec\.suspend\n/,
    )
    expect(ended.stderr).toMatch(
      /⚠ changed by hand \([^)]*kubectl-set[^)]*\), and Flux will revert it: Deployment flux-system\/flux-operator: spec\.template\.spec\.containers\[manager\]\.image/,
    )
    expect(ended.stderr).toMatch(
      /⚠ Flux is 1 commit behind Git, at [0-9a-f]{12} of [0-9a-f]{12} \([0-9a-f]{7,} Change kubernetes\/clusters\/infra\/settings\.yaml\); they change kubernetes\/clusters\/infra\/settings\.yaml/,
    )
  })
})
