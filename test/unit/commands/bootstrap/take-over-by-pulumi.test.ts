import { describe, expect, test } from 'vitest'
import { checkLeaving, judgePlanned } from '../../../../lib/commands/bootstrap/take-over/judge-leaving.ts'
import { leavesWith, type LeavingOperator } from '../../../../lib/commands/bootstrap/take-over/leaving.ts'
import { nextOf, refuseBesideOperator } from '../../../../lib/commands/bootstrap/take-over/by-pulumi.ts'
import { fluxKinds } from '../../../../lib/flux/kinds.ts'
import type { Cluster } from '../../../../lib/kubernetes/client.ts'
import { type Kind, kinds, type KubeObject, nameOf, parseObject, type Ref, refOf } from '../../../../lib/kubernetes/objects.ts'
import { blocks } from '../../../../lib/preflight/preflight.ts'

const namespace = 'flux-system'
const by = { 'kustomize.toolkit.fluxcd.io/name': 'infra-gitops-flux-instance', 'kustomize.toolkit.fluxcd.io/namespace': namespace }

function object(kind: Kind, name: string, spec: object = {}, metadata: object = {}): KubeObject {
  return parseObject({ ...kind, metadata: { name, namespace, ...metadata }, spec })
}

function controller(name: string, version = 'v2.9.5', selector: Record<string, string> = { app: name }): KubeObject {
  const spec = { selector: { matchLabels: selector }, template: { spec: { containers: [{ name: 'manager' }] } } }
  return object(kinds.deployment, name, spec, { labels: { 'app.kubernetes.io/version': version } })
}

const instance = (spec: object = {}): KubeObject =>
  object(fluxKinds.fluxInstance, 'flux', { sync: { url: 'https://git.example/a' }, ...spec })
const release = (annotations: Record<string, string> = {}): KubeObject =>
  object(fluxKinds.helmRelease, 'flux-instance', {}, { labels: by, annotations })
const leaving = (more: Partial<LeavingOperator> = {}): LeavingOperator => ({
  instance: instance(),
  releases: [release()],
  sources: [],
  controllers: [controller('source-controller')],
  ...more,
})

/** A Kustomization that applies the FluxInstance's HelmRelease. */
function keeper(prune: boolean, id = 'flux-system_flux-instance_helm.toolkit.fluxcd.io_HelmRelease'): KubeObject {
  const one = object(fluxKinds.kustomization, 'infra-gitops-flux-instance', { prune })
  return parseObject({ ...one, status: { inventory: { entries: [{ id, v: 'v2' }] } } })
}

/** The part of a cluster that is read of an operator that leaves. */
function clusterOf(...there: readonly KubeObject[]): Cluster {
  const get = (ref: Ref) => Promise.resolve(there.find((one) => nameOf(refOf(one)) === nameOf(ref)))
  const list = (kind: Kind) => Promise.resolve(there.filter((one) => one.kind === kind.kind))
  // oxlint-disable-next-line typescript/consistent-type-assertions -- these two are all that is called
  return { get, list } as unknown as Cluster
}

describe('an operator that is to let go of Flux', () => {
  const judged = async (cluster: Cluster, more: Partial<LeavingOperator> = {}) => checkLeaving(cluster, leaving(more), namespace)

  test('is in nobody’s way once Git has neither it nor its FluxInstance', async () => {
    expect(await judged(clusterOf())).toEqual([])
    expect(await judged(clusterOf(keeper(true, 'flux-system_settings__ConfigMap')))).toEqual([])
  })

  test('stays where Git would bring it back, and the way out of Git is one that does not uninstall Flux', async () => {
    const what =
      'Kustomization flux-system/infra-gitops-flux-instance applies HelmRelease flux-system/flux-instance from Git, and would bring it back'
    const rest =
      'it from Git (or that Kustomization, if it has nothing else), push, and run again once Flux has applied that; flux-operator keeps Flux until then'
    expect(await judged(clusterOf(keeper(false)))).toEqual([blocks(what, `remove ${rest}`)])
    expect(await judged(clusterOf(keeper(true)))).toEqual([
      blocks(
        what,
        `in Git, annotate HelmRelease flux-system/flux-instance with kustomize.toolkit.fluxcd.io/prune: disabled, push, and wait until Flux has applied it: pruned, it would uninstall Flux. Then remove ${rest}`,
      ),
    ])
    const marked = { releases: [release({ 'kustomize.toolkit.fluxcd.io/prune': 'Disabled' })] }
    expect(await judged(clusterOf(keeper(true)), marked)).toEqual([blocks(what, `remove ${rest}`)])
  })

  test('stays for what only it can do: ResourceSets, shards, a root of another name', async () => {
    expect(await judged(clusterOf(object(fluxKinds.resourceSet, 'tenants')))).toMatchObject([
      { is: 'blocks', what: expect.stringContaining('ResourceSet flux-system/tenants') },
    ])
    expect(await judged(clusterOf(), { instance: instance({ sync: { name: 'fleet' } }) })).toMatchObject([
      { is: 'blocks', what: expect.stringContaining('calls its source and root Kustomization fleet') },
    ])
    expect(await judged(clusterOf(), { instance: instance({ kustomize: { patches: [{}, {}] } }) })).toMatchObject([
      { is: 'notice', what: "spec.kustomize.patches of the FluxInstance changes Flux's manifests (2), and Pulumi applies none of that" },
    ])
  })

  test('takes its releases and CRDs along, and nothing else', () => {
    const leaves = leavesWith(leaving())
    const crd = (name: string): Ref => ({ ...kinds.crd, name })
    const all = [refOf(release()), crd('fluxinstances.fluxcd.controlplane.io'), crd('helmreleases.helm.toolkit.fluxcd.io')]
    expect([...all, { ...fluxKinds.helmRelease, namespace: 'shop', name: 'flux-instance' }].map(leaves)).toEqual([true, true, false, false])
  })

  test('is not touched unless that is asked for, by a command that is printed', () => {
    expect(
      refuseBesideOperator({ instances: [instance()], controllers: [], operators: [] }, 'npx zx scripts/bootstrap.ts --take-over'),
    ).toEqual([
      blocks(
        'FluxInstance flux-system/flux exists: its operator owns Flux, and would conflict with Pulumi',
        'npx zx scripts/bootstrap.ts --take-over   # the plan says what Pulumi takes over, and workloads stay; or omit --via pulumi',
      ),
    ])
  })
})

test('the FluxInstance’s login for Git is left to a person, unless the stack has it', () => {
  const made = instance({ sync: { pullSecret: 'flux-git' } })
  expect(nextOf(made, [])).toEqual([
    "  kubectl --namespace flux-system delete secret flux-git   # the FluxInstance's login for Git, unless something else uses it",
  ])
  expect(nextOf(made, [object(kinds.secret, 'flux-git')])).toEqual([])
  expect(nextOf(instance(), [])).toEqual([])
})

describe('what a stack would make of it', () => {
  const source = object(fluxKinds.gitRepository, namespace, { url: 'https://git.example/a' })
  const sourceRef = { kind: 'GitRepository', name: namespace }
  const root = parseObject({
    ...object(fluxKinds.kustomization, namespace, { path: 'clusters/infra', prune: true, sourceRef }),
    status: { inventory: { entries: [{ id: 'shop_cart_apps_Deployment', v: 'v1' }] } },
  })
  const planned = (path = './clusters/infra', ...controllers: readonly KubeObject[]): KubeObject[] => [
    source,
    object(fluxKinds.kustomization, namespace, { path, prune: true, sourceRef }),
    ...(controllers.length === 0 ? [controller('source-controller', '2.9.5')] : controllers),
  ]
  const judged = (objects: readonly KubeObject[]) => judgePlanned(leaving(), objects, { namespace, syncName: namespace, source, root })

  test('is the same, but by another owner', () => {
    expect(judged(planned())).toEqual([])
  })

  test('blocks where the root would apply another folder, or there would be none', () => {
    expect(judged(planned('./clusters/apps'))).toMatchObject([
      { is: 'blocks', what: expect.stringContaining('could be pruned'), remedy: expect.stringContaining('flux:git_path') },
    ])
    expect(judged([])).toMatchObject([{ is: 'blocks', what: expect.stringContaining('nobody would own what Flux follows') }])
  })

  test('blocks where a controller would be lost, or could not be applied, and where it is a downgrade', () => {
    expect(judged(planned(undefined, controller('helm-controller', '2.9.5')))).toMatchObject([
      {
        is: 'blocks',
        what: expect.stringContaining('Deployment flux-system/source-controller runs, and the stack has no such controller'),
      },
    ])
    expect(judged(planned(undefined, controller('source-controller', '2.9.5', { other: 'a' })))).toMatchObject([
      { is: 'blocks', what: expect.stringContaining('a selector cannot be changed') },
    ])
    expect(judged(planned(undefined, controller('source-controller', '2.7.0')))).toMatchObject([
      {
        is: 'blocks',
        what: expect.stringContaining("Flux 2.9.5 runs, and the stack's chart installs 2.7.0: that is a downgrade, and objects"),
      },
    ])
    expect(judged(planned(undefined, controller('source-controller', '2.9.6')))).toMatchObject([
      { is: 'notice', what: 'Flux 2.9.5 runs, and 2.9.6 will: the take-over is also an upgrade' },
    ])
  })
})
