import { expect, test } from 'vitest'
import { createRedactor } from '../../../../lib/base/redactor.ts'
import { keeperOf } from '../../../../lib/commands/bootstrap/secret-keeper.ts'
import { type Cluster, clusterAt } from '../../../../lib/kubernetes/client.ts'
import { socketEndpoint } from '../../../../lib/kubernetes/transport.ts'
import type { StepContext } from '../../../../lib/runner/step.ts'
import { recordingConsole } from '../../../recording-console.ts'
import { asTyped } from '../../../run-names.ts'
import { treeFollowing } from '../../preflight-trees.ts'
import { findSecrets } from '../../../../lib/commands/bootstrap/secrets.ts'
import { ensureSecret } from '../../../../lib/commands/bootstrap/steps/secret.ts'
import { kinds, type KubeObject, parseObject } from '../../../../lib/kubernetes/objects.ts'

const secret = (metadata: object, data: object = {}): KubeObject =>
  parseObject({ ...kinds.secret, metadata: { name: 'flux-system', namespace: 'flux-system', ...metadata }, data })
const owner = { apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret', name: 'git', uid: 'one' }

test.each<[string, KubeObject, string]>([
  ['External Secrets', secret({ ownerReferences: [owner] }), 'is made by ExternalSecret flux-system/git'],
  [
    'a SealedSecret',
    secret({ ownerReferences: [{ ...owner, apiVersion: 'bitnami.com/v1alpha1', kind: 'SealedSecret' }] }),
    'is made by SealedSecret git',
  ],
  [
    'Git',
    secret({ labels: { 'kustomize.toolkit.fluxcd.io/name': 'apps', 'kustomize.toolkit.fluxcd.io/namespace': 'flux-system' } }),
    'is made by Kustomization flux-system/apps',
  ],
  ['a chart', secret({ annotations: { 'meta.helm.sh/release-name': 'git' } }), 'is made by Helm release git'],
  ['a ResourceSet', secret({ labels: { 'app.kubernetes.io/managed-by': 'flux-operator' } }), 'is made by flux-operator'],
  [
    'cert-manager, which need not own it',
    secret({ annotations: { 'cert-manager.io/certificate-name': 'git' } }),
    'is made by Certificate flux-system/git',
  ],
  ['Argo CD', secret({ annotations: { 'argocd.argoproj.io/tracking-id': 'a:/Secret:flux-system/git' } }), 'is made by Argo CD'],
  [
    'Reflector',
    secret({ annotations: { 'reflector.v1.k8s.emberstack.com/reflects': 'vault/git' } }),
    'is made by Reflector, from vault/git',
  ],
  ['any other program', secret({ labels: { 'app.kubernetes.io/managed-by': 'kyverno' } }), 'is made by kyverno'],
  ['a GitHub App', secret({}, { githubAppID: 'MQ==' }), 'holds the login of a GitHub App'],
  ['a token that stands before any password', secret({}, { bearerToken: 'MQ==' }), 'holds a bearer token'],
])('a Secret of %s is kept as it is', (_, live, keeper) => {
  expect(keeperOf(live)).toBe(keeper)
})

test('one that a person or these scripts have made is kept by nobody', () => {
  expect(
    keeperOf(secret({ labels: { 'app.kubernetes.io/part-of': 'flux', 'app.kubernetes.io/managed-by': 'kubectl' } }, { username: 'bWU=' })),
  ).toBeUndefined()
})

const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
const clusterWith = (live: KubeObject | undefined): Cluster => ({
  ...clusterAt(socketEndpoint('/nowhere'), patience, new AbortController().signal),
  get: () => Promise.resolve(live),
})

test('the step that brings a login leaves it, and says so', async () => {
  const live = secret({}, { githubAppID: 'MQ==', username: 'b3RoZXI=' })
  const { cluster, signal } = { cluster: clusterWith(live), signal: new AbortController().signal }
  const memory = { read: () => ({}), write: () => undefined, folder: () => '' }
  const names = { id: 'run', script: 'bootstrap', context: 'infra', place: 'infra', where: '--context infra' }
  const run: StepContext = {
    ...names,
    cluster,
    console: recordingConsole().console,
    memory,
    timeout: 0,
    signal,
    clean: (text) => text,
    ...asTyped,
  }
  const step = ensureSecret({
    id: 'git',
    title: 'x',
    namespace: 'flux-system',
    name: 'flux-system',
    values: { username: 'me' },
    command: '',
  })
  expect(await step.check(run)).toEqual({
    is: 'done',
    detail: 'Secret flux-system holds the login of a GitHub App, and is not changed',
  })
})

test('a source with a provider of its own gets no login of a person; without its Secret that is said beforehand', async () => {
  const url = 'https://github.com/fleet/fleet'
  const sync = { url, ref: 'refs/heads/main', interval: '1m', path: '.', pullSecret: 'flux-system', provider: 'github' }
  const distribution = { version: '2.9.5', registry: 'ghcr.io/fluxcd', artifact: '', artifactPullSecret: '', imagePullSecret: '' }
  const operator = { url: 'oci://ghcr.io/charts/flux-operator' }
  const tree = { ...treeFollowing('.'), namespace: 'flux-system', sync, distribution, operator }
  const login = { kind: 'password', username: 'me', password: 'mine', origin: 'https://github.com' } as const
  const given = { remote: { login }, settings: {}, redactor: createRedactor() }
  const find = (live: KubeObject | undefined) => findSecrets({ cluster: clusterWith(live), registry: {} }, given, tree)
  expect(await find(secret({}, { githubAppID: 'MQ==' }))).toEqual([])
  await expect(find(undefined)).rejects.toMatchObject({
    message:
      "Flux needs Secret flux-system/flux-system for Git, with the login of provider github; it does not exist, and is not created from a person's login",
    remedy:
      'kubectl create namespace flux-system, unless it exists; then: flux --namespace flux-system create secret githubapp flux-system --app-id=ID --app-installation-id=ID --app-private-key=FILE',
  })
})
