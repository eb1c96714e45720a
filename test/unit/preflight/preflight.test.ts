import { describe, expect, test } from 'vitest'
import { ApiError } from '../../../lib/kubernetes/http.ts'
import { kinds, type KubeObject, parseObject } from '../../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { OperatorError } from '../../../lib/base/errors.ts'
import { changedPaths, ownedPaths } from '../../../lib/kubernetes/field-paths.ts'
import { blocks, createPreflight, notice } from '../../../lib/preflight/preflight.ts'
import { checkKubernetesVersion } from '../../../lib/preflight/kubernetes-version.ts'
import { judgeLeftovers } from '../../../lib/commands/bootstrap/checks/leftovers.ts'
import { judgeFlux, judgeFollowed } from '../../../lib/commands/bootstrap/checks/other-installations.ts'
import { judgePrograms } from '../../../lib/preflight/programs.ts'
import { secretsNeededBy } from '../../../lib/commands/bootstrap/checks/secrets-present.ts'
import { manifestOf } from '../../../lib/kubernetes/manifest.ts'

const signal = new AbortController().signal
const reported = (findings: readonly { is: string; what: string }[]): string[] => findings.map(({ is, what }) => `${is}: ${what}`)

describe('a preflight', () => {
  test('reports all that blocks the run at once, in the order it was asked for, each with its remedy', async () => {
    const preflight = createPreflight(signal)
    const slow = async (): Promise<never> => {
      await new Promise((resolve) => setImmediate(resolve))
      throw new OperatorError('Git is away', { remedy: 'git ls-remote' })
    }
    await preflight.check(
      slow,
      () => [blocks('the registry is away', 'curl'), notice('helm is old')],
      () => Promise.reject(new Error('unforeseen')),
    )
    expect(preflight.conclude).toThrow(
      expect.objectContaining({
        kind: 'blocked',
        message: `preflight found problems that block this run; nothing was changed
1. Git is away
   → git ls-remote
2. the registry is away
   → curl
3. unforeseen
   → run again with --verbose`,
      }),
    )
  })

  test('hands back what only wants to be known', async () => {
    const preflight = createPreflight(signal)
    expect(await preflight.learn(() => Promise.resolve(7))).toBe(7)
    await preflight.check(() => [notice('helm is old', 'install helm'), notice('so is git')])
    expect(preflight.conclude()).toEqual(['helm is old\n  → install helm', 'so is git'])
  })

  test('names missing rights once, not with every read that they refuse', async () => {
    const refused = (): Promise<never> => Promise.reject(new ApiError(403, 'Forbidden', 'apiservices is forbidden'))
    const rights = createPreflight(signal)
    await rights.check(refused, () => [{ is: 'rights', what: 'jane lacks rights', remedy: 'kubectl apply' }])
    expect(rights.blocked().message).toBe(
      'preflight found problems that block this run; nothing was changed\njane lacks rights\n   → kubectl apply',
    )
    const alone = createPreflight(signal)
    await alone.check(refused)
    expect(alone.blocked().message).toContain('apiservices is forbidden')
  })

  test('takes no cancellation for a finding', async () => {
    const stop = new AbortController()
    const preflight = createPreflight(stop.signal)
    stop.abort(new OperatorError('stopped', { kind: 'cancelled' }))
    await expect(preflight.check(() => Promise.reject(new Error('broken off')))).rejects.toThrow('stopped')
    const asking = createPreflight(new AbortController().signal)
    const atPrompt = new OperatorError('cancelled at the prompt', { kind: 'cancelled' })
    await expect(asking.learn(() => Promise.reject(atPrompt))).rejects.toThrow('cancelled at the prompt')
  })
})

describe('the programs', () => {
  const needs = { kubernetes: 'v1.34.1', flux: '2.9.5', insecure: false }
  const fine = { kubectl: 'v1.34.2', helm: 'v3.18.0+g123', git: 'git version 2.39.5', flux: 'v2.9.1' }

  test.each([fine, { ...fine, helm: 'v4.2' }, { ...fine, kubectl: 'v1.35.0' }, { ...fine, flux: 'v0.0.0-dev.0' }])(
    '%j are fine',
    (versions) => {
      expect(judgePrograms(versions, needs)).toEqual([])
    },
  )
  test('helm without OCI, and git without partial clones, are too old', () => {
    expect(judgePrograms({ ...fine, helm: 'v3.7.2', git: 'git version 1.8.3.1' }, needs)).toEqual([
      blocks('helm 3.7.2 is too old: the runbook needs 3.10 or newer', 'install helm 3.10 or newer: https://helm.sh/docs/intro/install'),
      blocks('git 1.8.3 is too old: the runbook needs 2.30 or newer', 'install git 2.30 or newer: https://git-scm.com/downloads'),
    ])
  })
  test('charts over plain http want a newer helm', () => {
    expect(reported(judgePrograms({ ...fine, helm: 'v3.12.3' }, { ...needs, insecure: true }))).toEqual([
      'blocks: helm 3.12.3 is too old: the runbook needs 3.13 or newer',
    ])
  })
  test('kubectl two minors away, and another minor of the flux CLI, are reported', () => {
    expect(reported(judgePrograms({ ...fine, kubectl: 'v1.32.0', flux: 'v2.8.1' }, needs))).toEqual([
      "notice: kubectl v1.32.0 is more than one minor version away from this cluster's v1.34.1",
      'notice: the flux CLI is v2.8.1, but Git has Flux 2.9.5: its check at the end uses the rules of v2.8.1',
    ])
  })
  test.each(['v1.31.9', 'v1.37.0', 'v2.34.0'])('kubectl %s, further away, is refused', (kubectl) => {
    expect(judgePrograms({ ...fine, kubectl }, needs)).toEqual([
      blocks(
        `kubectl ${kubectl} does not support this cluster's v1.34.1: the runbook needs 1.32 to 1.36`,
        'install kubectl 1.34: https://kubernetes.io/docs/tasks/tools',
      ),
    ])
  })
  test.each(['v3.10.0', 'v3.20.1', 'v4.2.4'])('helm %s is recent enough', (helm) => {
    expect(judgePrograms({ ...fine, helm, git: 'git version 2.30.0' }, needs)).toEqual([])
  })
  test('a program that says nothing is a finding', () => {
    expect(reported(judgePrograms({ ...fine, helm: '' }, needs))).toEqual(['blocks: helm does not report its version: it says ""'])
  })
})

describe('Kubernetes', () => {
  test.each([
    ['v1.33.0', '2.9.5'],
    ['v1.33.4-gke.100', '2.9.0'],
    ['v1.32.1+k3s1', '2.8.8'],
    ['v1.32.0', '2.7.0'],
    ['v1.20.0', '2.1.0'],
  ])('%s is new enough for Flux %s', (kubernetes, flux) => {
    expect(checkKubernetesVersion(kubernetes, flux)).toEqual([])
  })
  test('for a Flux that came later is not known', () => {
    expect(reported(checkKubernetesVersion('v1.36.3', '2.10.0'))).toEqual([
      'notice: which Kubernetes Flux 2.10.0 needs is not known here, only that it is 1.33 or newer; this cluster is v1.36.3',
    ])
  })
  test.each([
    ['v1.32.9', '2.9.5', '1.33'],
    ['v1.32.9', '2.10.0', '1.33'],
    ['v1.31.0', '2.7.5', '1.32'],
  ])('%s is too old for Flux %s', (kubernetes, flux, least) => {
    expect(reported(checkKubernetesVersion(kubernetes, flux))).toEqual([
      `blocks: Flux ${flux} needs Kubernetes ${least} or newer; this cluster is ${kubernetes}`,
    ])
  })
  test('a version that says nothing blocks', () => {
    expect(reported(checkKubernetesVersion('unknown', '2.9.5'))).toEqual([
      'blocks: it cannot be determined whether Flux 2.9.5 runs on Kubernetes unknown',
    ])
  })
})

describe('a Flux that is there already', () => {
  const instance = (namespace: string, name: string): KubeObject => manifestOf({ ...fluxKinds.fluxInstance, namespace, name })
  const deployment = (
    namespace: string,
    name: string,
    labels: Record<string, string>,
    annotations: Record<string, string> = {},
  ): KubeObject => parseObject({ ...kinds.deployment, metadata: { namespace, name, labels, annotations } })
  const none = { instances: [], controllers: [], operators: [] }
  const version = { 'app.kubernetes.io/version': 'v2.9.4' }

  test('by our own operator, under our own name, is nothing to speak of', () => {
    const own = {
      instances: [instance('flux-system', 'flux')],
      controllers: [deployment('flux-system', 'source-controller', { 'app.kubernetes.io/managed-by': 'flux-operator' })],
      operators: [deployment('flux-system', 'flux-operator', {})],
    }
    expect(judgeFlux(own, 'flux-system')).toEqual([])
  })
  test('another FluxInstance blocks, with the way to orphan it', () => {
    expect(judgeFlux({ ...none, instances: [instance('flux-system', 'main')] }, 'flux-system')).toEqual([
      blocks(
        "FluxInstance flux-system/main exists; this runbook's is flux-system/flux, and a cluster has only one",
        'remove it, but keep what it installed: kubectl --namespace flux-system annotate fluxinstance main fluxcd.controlplane.io/reconcile=disabled, then kubectl --namespace flux-system delete fluxinstance main',
      ),
    ])
  })
  test('in another namespace blocks, with what would remove it', () => {
    const helm = { 'meta.helm.sh/release-name': 'the-operator', 'meta.helm.sh/release-namespace': 'tools' }
    const there = {
      instances: [],
      controllers: [deployment('gitops', 'source-controller', version), deployment('gitops', 'helm-controller', version)],
      operators: [deployment('tools', 'flux-operator', {}, helm)],
    }
    expect(judgeFlux(there, 'flux-system')).toEqual([
      blocks(
        'Flux runs in namespace gitops too (source-controller, helm-controller), and would conflict with the one in flux-system',
        'stop what installs it, such as a Kustomization or a job; then: kubectl --namespace gitops delete deployments source-controller helm-controller   # never flux uninstall: that deletes the CRDs, and every object of Flux with them',
      ),
      blocks(
        'flux-operator runs in namespace tools too (flux-operator), and would conflict with the one in flux-system',
        'stop what installs it, such as a Kustomization or a job; then: kubectl --namespace tools delete deployments flux-operator && kubectl --namespace tools delete secrets --selector owner=helm,name=the-operator   # never helm uninstall or flux uninstall: that deletes the CRDs, and every object of Flux with them',
      ),
    ])
  })
})

describe('what an earlier Flux left', () => {
  const none = { instances: [], controllers: [], operators: [] }
  const instance = manifestOf({ ...fluxKinds.fluxInstance, namespace: 'flux-system', name: 'flux' })
  const controller = manifestOf({ ...kinds.deployment, namespace: 'flux-system', name: 'source-controller' })

  test('is nothing on an empty cluster, and nothing where controllers mind it', () => {
    expect(judgeLeftovers(0, [], [], none)).toEqual([])
    expect(judgeLeftovers(18, [], [], { ...none, controllers: [controller] })).toEqual([])
  })
  test('is reported: CRDs, and by name what will act', () => {
    expect(reported(judgeLeftovers(18, [], [], none))).toEqual([
      'notice: there are 18 CustomResourceDefinitions of an earlier Flux, without a controller and without active objects: this run updates them',
    ])
    const found = judgeLeftovers(1, [{ ...fluxKinds.kustomization, namespace: 'a', name: 'b' }], ['7 more Kustomizations'], none)
    expect(found[0]).toMatchObject({
      remedy: `to suspend one: kubectl --namespace a patch kustomization.kustomize.toolkit.fluxcd.io b --type=merge --patch '{"spec":{"suspend":true}}'`,
    })
    expect(reported(found)).toEqual([
      'notice: there are 1 CustomResourceDefinition of an earlier Flux, without a controller; as soon as Flux runs, it will reconcile these again: Kustomization a/b, 7 more Kustomizations',
    ])
  })
  test('is reported: a FluxInstance without its operator', () => {
    expect(reported(judgeLeftovers(18, [], [], { ...none, instances: [instance], controllers: [controller] }))).toEqual([
      'notice: FluxInstance flux-system/flux exists without its operator; the new operator will reconcile it to match Git',
    ])
  })
  test('and follows something else, is reported', () => {
    const tree = { namespace: 'flux-system', syncName: 'flux-system', sync: { url: 'https://new', path: 'clusters/new' } }
    const ref = { namespace: 'flux-system', name: 'flux-system' }
    const source = (url: string): KubeObject => manifestOf({ ...fluxKinds.gitRepository, ...ref }, { spec: { url } })
    const root = (path: string): KubeObject =>
      manifestOf({ ...fluxKinds.kustomization, ...ref }, { spec: { path, prune: true }, status: { inventory: { entries: [{}, {}] } } })
    expect(judgeFollowed(undefined, undefined, tree)).toEqual([])
    expect(judgeFollowed(source('https://new'), root('./clusters/new/'), tree)).toEqual([])
    expect(reported(judgeFollowed(source('https://old'), root('./clusters/old'), tree))).toEqual([
      'notice: GitRepository flux-system/flux-system follows https://old now, and will follow https://new',
      'notice: Kustomization flux-system/flux-system applies ./clusters/old now, and will apply clusters/new; it applied 2 objects, and those that clusters/new does not contain will be deleted',
    ])
  })
})

test('the Secrets that Git refers to', () => {
  const distribution = { version: '2.9.5', registry: 'r', artifact: '', artifactPullSecret: 'mirror', imagePullSecret: 'mirror' }
  const chart = (name: string, values: unknown): { name: string; values: unknown } => ({ name, values })
  const decrypting = manifestOf(
    { ...fluxKinds.kustomization, namespace: 'flux-system', name: 'apps' },
    { spec: { decryption: { secretRef: { name: 'sops-age' } } } },
  )
  const plain = manifestOf({ ...fluxKinds.kustomization, namespace: 'flux-system', name: 'infra' }, { spec: {} })
  const tree = {
    distribution,
    operator: chart('flux-operator', { image: { pullSecrets: [{ name: 'own' }] } }),
    instance: chart('flux-instance', {}),
    kustomizations: [decrypting, plain],
  }
  expect(secretsNeededBy(tree).map(({ name, by, command }) => `${by} ${name}: ${command}`)).toEqual([
    'HelmRelease flux-instance mirror: create secret generic mirror --type=kubernetes.io/dockerconfigjson --from-file=.dockerconfigjson=FILE',
    'HelmRelease flux-instance mirror: create secret generic mirror --type=kubernetes.io/dockerconfigjson --from-file=.dockerconfigjson=FILE',
    'HelmRelease flux-operator own: create secret generic own --type=kubernetes.io/dockerconfigjson --from-file=.dockerconfigjson=FILE',
    'Kustomization flux-system/apps sops-age: create secret generic sops-age --from-file=age.agekey=FILE',
  ])
})

describe('fields', () => {
  const deployment = (image: string, more: Record<string, unknown> = {}): KubeObject =>
    manifestOf(
      { ...kinds.deployment, namespace: 'a', name: 'b' },
      { spec: { replicas: 1, containers: [{ name: 'manager', image }], ...more } },
    )

  test('that differ are named by their paths, values by nobody', () => {
    expect(changedPaths(deployment('one'), deployment('two', { paused: true }))).toEqual(['spec.containers[manager].image', 'spec.paused'])
  })
  test('of the cluster itself are left out', () => {
    const live = deployment('one')
    const touched = { ...live, metadata: { ...live.metadata, resourceVersion: '7', generation: 3 }, status: { replicas: 1 } }
    expect(changedPaths(live, touched)).toEqual([])
  })
  test('that a manager owns are named alike', () => {
    const fields = {
      'f:metadata': {
        'f:annotations': { 'f:kubectl.kubernetes.io/last-applied-configuration': {}, 'f:a.b/c': {} },
        'f:finalizers': { 'v:"x"': {} },
      },
      'f:spec': { 'f:suspend': {}, 'f:containers': { 'k:{"name":"manager"}': { '.': {}, 'f:image': {} } } },
    }
    expect(ownedPaths(fields)).toEqual([
      'metadata.annotations[a.b/c]',
      'metadata.finalizers[x]',
      'spec.suspend',
      'spec.containers[manager].image',
    ])
  })
})
