import { describe, expect, test } from 'vitest'
import { joined } from '../../../../lib/commands/bootstrap/take-over/identities.ts'
import { judgeOrigin, refuseTakeOver } from '../../../../lib/commands/bootstrap/take-over/judge-origin.ts'
import { type FluxOrigin, foreignControllers } from '../../../../lib/commands/bootstrap/take-over/origin.ts'
import { lastOf, requestTakeOver } from '../../../../lib/commands/bootstrap/take-over/request.ts'
import { selects } from '../../../../lib/commands/bootstrap/take-over/retire.ts'
import { fluxKinds } from '../../../../lib/flux/kinds.ts'
import { kinds, type KubeObject, parseObject } from '../../../../lib/kubernetes/objects.ts'
import { blocks, notice } from '../../../../lib/preflight/preflight.ts'
import type { RunState } from '../../../../lib/runner/run-state.ts'

const namespace = 'flux-system'

function controller(name: string, selector: Record<string, string> = { app: name }, labels: Record<string, string> = {}): KubeObject {
  return parseObject({
    ...kinds.deployment,
    metadata: { name, namespace, labels: { 'app.kubernetes.io/part-of': 'flux', ...labels } },
    spec: {
      selector: { matchLabels: selector },
      template: { metadata: { labels: selector }, spec: { containers: [{ name: 'manager' }] } },
    },
  })
}

const origin: FluxOrigin = {
  installedBy: 'cli',
  version: '2.9.4',
  controllers: [controller('source-controller'), controller('kustomize-controller')],
  components: ['source-controller', 'kustomize-controller'],
  together: undefined,
  release: undefined,
  releasedBy: undefined,
}

const wanted = {
  namespace,
  syncName: 'flux-system',
  components: ['source-controller', 'kustomize-controller', 'helm-controller'],
  distribution: { version: '2.9.4', registry: 'ghcr.io/fluxcd', artifact: '', artifactPullSecret: '', imagePullSecret: '' },
  placed: new Set(['Deployment flux-system/source-controller', 'Deployment flux-system/kustomize-controller']),
  sync: { path: 'clusters/prod' },
}

function root(path = './clusters/prod', more: object = {}): KubeObject {
  const entries = [{ id: 'flux-system_source-controller_apps_Deployment', v: 'v1' }]
  return parseObject({
    ...fluxKinds.kustomization,
    metadata: { namespace, name: 'flux-system' },
    spec: { path, prune: true, sourceRef: { kind: 'GitRepository', name: 'flux-system' }, ...more },
    status: { inventory: { entries } },
  })
}

describe('a Flux of another program’s', () => {
  test('is not touched unless that is asked for, by a command that is printed', () => {
    expect(refuseTakeOver(origin, namespace, 'npx zx scripts/bootstrap.ts --context prod --take-over')).toEqual(
      blocks(
        'Flux 2.9.4 was installed by the flux CLI: source-controller, kustomize-controller in flux-system would be taken over by flux-operator',
        'npx zx scripts/bootstrap.ts --context prod --take-over   # the plan lists what flux-operator takes over, and workloads stay; or leave Flux to its installer',
      ),
    )
  })
  test('is found by what runs controllers in the namespace, and is not made by the operator', () => {
    const own = controller('helm-controller', undefined, { 'app.kubernetes.io/managed-by': 'flux-operator' })
    const other = parseObject({ ...controller('flux-tool'), metadata: { ...controller('flux-tool').metadata, name: 'flux-tool' } })
    expect(foreignControllers({ controllers: [...origin.controllers, own, other] }, namespace)).toEqual(origin.controllers)
    expect(foreignControllers({ controllers: origin.controllers }, 'gitops')).toEqual([])
  })
  test('is found where the operator has it already, and Pulumi has not let go of it', () => {
    const own = controller('helm-controller', undefined, { 'app.kubernetes.io/managed-by': 'flux-operator' })
    const managedFields = ['pulumi-kubernetes-1a2b3c4d', 'flux-operator'].map((manager) => ({ manager, operation: 'Apply' }))
    const both = parseObject({ ...own, metadata: { ...own.metadata, managedFields } })
    expect(foreignControllers({ controllers: [both] }, namespace)).toEqual([both])
  })
  test('by Pulumi stays in its state, unless this run takes it out', () => {
    const made = { ...origin, installedBy: 'pulumi' } as const
    expect(judgeOrigin(made, wanted, root())).toMatchObject([
      { is: 'notice', what: expect.stringContaining('Pulumi has this Flux in its state'), remedy: expect.stringContaining('PULUMI_STACK') },
    ])
    expect(judgeOrigin(made, wanted, root(), true)).toEqual([])
  })
  test('of which all stays the same is not blocked', () => {
    expect(judgeOrigin(origin, wanted, root())).toEqual([])
    expect(judgeOrigin(origin, wanted, undefined)).toEqual([])
  })
  test('that is newer than the FluxInstance is not downgraded; an older one is upgraded, and that is said', () => {
    const asking = (version: string) => ({ ...wanted, distribution: { ...wanted.distribution, version } })
    expect(judgeOrigin(origin, asking('2.7.0'), root())).toEqual([
      blocks(
        'Flux 2.9.4 runs, and the FluxInstance asks for 2.7.0: that is a downgrade, and objects may be stored in a version of the API that the older one lacks',
        'set 2.9.4 there, push, and run again; change the version afterwards',
      ),
    ])
    expect(judgeOrigin(origin, asking('2.9.5'), root())).toEqual([
      notice('Flux 2.9.4 runs, and 2.9.5 will: the take-over is also an upgrade; to do one after the other, set 2.9.4'),
    ])
    expect(judgeOrigin(origin, asking('2.x'), root())).toEqual([notice('Flux 2.9.4 runs; the newest of 2.x will, which may be another')])
  })
  test('with a controller that the FluxInstance has not blocks: its CRDs would be pruned with what is in Git of them', () => {
    const more = { ...origin, components: [...origin.components, 'image-reflector-controller'] }
    expect(judgeOrigin(more, wanted, root())).toMatchObject([
      { is: 'blocks', what: 'image-reflector-controller runs, and the FluxInstance has no such component: nothing would manage it' },
    ])
  })
  test('whose pods are selected by other labels than upstream’s blocks: a selector cannot be changed', () => {
    const other = controller('source-controller', { 'app.kubernetes.io/name': 'source-controller' })
    expect(judgeOrigin({ ...origin, controllers: [other] }, wanted, root())).toMatchObject([
      { is: 'blocks', what: expect.stringContaining('Deployment flux-system/source-controller selects its pods by labels that differ') },
    ])
  })
  test('that a HelmRelease releases blocks until that is suspended: deleted, it would uninstall all of Flux', () => {
    const release = (suspend: boolean) =>
      parseObject({ ...fluxKinds.helmRelease, metadata: { namespace, name: 'flux2' }, spec: { suspend } })
    const helm = { ...origin, installedBy: 'helm', release: { namespace, name: 'flux2' } } as const
    expect(judgeOrigin({ ...helm, releasedBy: release(false) }, wanted, root())).toMatchObject([
      { is: 'blocks', remedy: expect.stringContaining('set spec.suspend: true of HelmRelease flux-system/flux2 in Git') },
    ])
    expect(judgeOrigin({ ...helm, releasedBy: release(true) }, wanted, root())).toEqual([])
  })
})

describe('what Flux follows', () => {
  test('under the same name from another path blocks: what it applied would be pruned', () => {
    expect(judgeOrigin(origin, wanted, root('./clusters/other'))).toMatchObject([
      {
        is: 'blocks',
        what: 'Kustomization flux-system/flux-system applies ./clusters/other of GitRepository flux-system, and would apply clusters/prod of GitRepository flux-system: the 1 objects that it applied could be pruned',
      },
    ])
    expect(judgeOrigin(origin, wanted, root('./clusters/other', { prune: false }))).toEqual([])
  })
  test('must still hold Flux’s own manifests, unless it is suspended: Flux would prune itself before the operator has it', () => {
    const without = { ...wanted, placed: new Set<string>() }
    expect(judgeOrigin(origin, without, root())).toMatchObject([
      { is: 'blocks', remedy: expect.stringContaining('flux --namespace flux-system suspend kustomization flux-system') },
    ])
    expect(judgeOrigin(origin, without, root('clusters/prod', { suspend: true }))).toEqual([])
  })
})

test('what was there is the same object, recreated, or gone', () => {
  const workloads = { checked: 2, changed: [], missing: ['Pod shop/cart'], reported: [] }
  const pruned = [{ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'prices' }]
  const before = { 'GitRepository a/a': '1', 'GitRepository a/b': '2', 'GitRepository a/c': '3' }
  expect(joined(workloads, before, { 'GitRepository a/a': '1', 'GitRepository a/b': '9' }, pruned)).toEqual({
    checked: 5,
    changed: ['GitRepository a/b'],
    missing: ['Pod shop/cart', 'GitRepository a/c', 'ConfigMap shop/prices'],
    reported: [],
  })
})

test('a Service leads to a Deployment’s pods by all of its labels', () => {
  const service = (selector: Record<string, string>): KubeObject =>
    parseObject({ apiVersion: 'v1', kind: 'Service', metadata: { namespace, name: 'one' }, spec: { selector } })
  const flux = controller('flux', { 'app.kubernetes.io/name': 'flux' })
  expect([{ 'app.kubernetes.io/name': 'flux' }, { app: 'source-controller' }, {}].map((labels) => selects(service(labels), flux))).toEqual([
    true,
    false,
    false,
  ])
})

describe('the request', () => {
  const memory = (notes: Record<string, unknown>): RunState => ({ read: () => notes, write: () => undefined, folder: () => '' })
  test('prints the command with what was typed, and knows an interrupted run', () => {
    expect(requestTakeOver({ path: '../my fleet/prod' }, '--context prod', memory({}))).toEqual({
      isAsked: false,
      hasBegun: false,
      formerOwner: '',
      command: "npx zx scripts/bootstrap.ts --context prod --path '../my fleet/prod' --take-over",
    })
    const interrupted = { takeOver: { isRecorded: true, installedBy: 'pulumi' } }
    expect(requestTakeOver({ via: 'pulumi', 'take-over': true }, '--lab', memory(interrupted))).toEqual({
      isAsked: true,
      hasBegun: true,
      formerOwner: 'pulumi',
      command: 'npx zx scripts/bootstrap.ts --lab --via pulumi --take-over',
    })
  })
  test('is refused with another installer', () => {
    expect(() => requestTakeOver({ via: 'flux', 'take-over': true }, '--lab', memory({}))).toThrow(
      '--take-over has flux-operator or Pulumi take over what is there, and --via flux installs by another program',
    )
  })
  test('ends with what is left to a person, if anything is', () => {
    expect(lastOf(undefined)).toEqual([])
    expect(lastOf(['  git rm -r a'])).toEqual(['', 'To finish the take-over, now that flux-operator has all of it:', '  git rm -r a'])
  })
})
