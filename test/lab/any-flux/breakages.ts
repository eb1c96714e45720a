import { manifestOf } from '../../../lib/kubernetes/manifest.ts'
import { kinds, nameOf, parseObject, type Ref } from '../../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { instanceIn, usualNamespace as namespace } from '../../../lib/flux/refs.ts'
import { applied, type Broken, removeNow } from './broken.ts'
import { alertsBreakage } from './firing-alerts.ts'
import { type FluxKind, helmController } from './installations.ts'
import { revisionBreakage, sourceBreakage, tugOfWar } from './source-breakages.ts'
import type { World } from './world.ts'

/** How a probe's thing is broken, and what the probe makes of it. */
export interface Breakage {
  readonly state: 'fail' | 'warn'
  /** Probes that warn of it from the moment that the pod is gone: what they show is the state last reported. */
  readonly stale?: readonly string[]
  readonly inject: (world: World, kind: FluxKind) => Promise<Broken>
}

const policy: Ref = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', namespace, name: 'allow-scraping' }
/** Nothing else needs it. */
const receiver: Ref = { apiVersion: 'v1', kind: 'Service', namespace, name: 'webhook-receiver' }
const artifacts: Ref = { ...kinds.crd, name: 'externalartifacts.source.toolkit.fluxcd.io' }
const operator: Ref = { ...kinds.deployment, namespace, name: 'flux-operator' }
const provider = { apiVersion: 'notification.toolkit.fluxcd.io/v1beta3', kind: 'Provider' }

/** For every probe that there is, by its id. */
export const breakages: Readonly<Record<string, Breakage>> = {
  // No API server of the lab is too old for its Flux, which would be a failure.
  api: {
    state: 'warn',
    inject: (world) =>
      applied(world, 'APIService v1.example.com', {
        apiVersion: 'apiregistration.k8s.io/v1',
        kind: 'APIService',
        metadata: { name: 'v1.example.com' },
        spec: {
          group: 'example.com',
          version: 'v1',
          groupPriorityMinimum: 100,
          versionPriority: 100,
          service: { name: 'nobody', namespace },
        },
      }),
  },
  operator: { state: 'fail', stale: ['instance'], inject: (world) => scaledToZero(world, operator) },
  instance: {
    state: 'fail',
    async inject({ cluster }) {
      const ask = (version: string): Promise<unknown> => cluster.patch(instanceIn(namespace), { spec: { distribution: { version } } })
      await ask('9.9.9')
      return { object: `FluxInstance ${namespace}/flux`, undo: () => ask('2.9.5') }
    },
  },
  namespace: {
    state: 'fail',
    inject: (world) =>
      applied(world, `ResourceQuota ${namespace}/closed`, {
        apiVersion: 'v1',
        kind: 'ResourceQuota',
        metadata: { namespace, name: 'closed' },
        spec: { hard: { pods: '0' } },
      }),
  },
  webhooks: {
    state: 'fail',
    inject: (world) =>
      applied(world, 'ValidatingWebhookConfiguration closed', {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingWebhookConfiguration',
        metadata: { name: 'closed' },
        webhooks: [
          {
            name: 'closed.example.com',
            clientConfig: { service: { namespace, name: 'nobody' } },
            admissionReviewVersions: ['v1'],
            sideEffects: 'None',
            rules: [{ apiGroups: ['apiextensions.k8s.io'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['*'] }],
          },
        ],
      }),
  },
  controllers: { state: 'fail', stale: ['helmreleases'], inject: (world) => scaledToZero(world, helmController) },
  crds: { state: 'fail', inject: (world, kind) => removed(world, kind, artifacts) },
  inventory: { state: 'fail', inject: (world, kind) => removed(world, kind, receiver) },
  sources: { state: 'fail', inject: sourceBreakage },
  revision: { state: 'fail', inject: revisionBreakage },
  kustomizations: {
    state: 'fail',
    inject: (world, { source }) =>
      applied(world, `Kustomization ${source.namespace}/lost`, {
        ...fluxKinds.kustomization,
        metadata: { namespace: source.namespace, name: 'lost' },
        spec: { interval: '1h', prune: true, path: './nowhere', sourceRef: { kind: source.kind, name: source.name } },
      }),
  },
  helmreleases: {
    state: 'fail',
    inject: (world) =>
      applied(world, 'HelmRelease default/lost', {
        ...fluxKinds.helmRelease,
        metadata: { namespace: 'default', name: 'lost' },
        spec: { interval: '1h', chartRef: { kind: 'OCIRepository', name: 'lost' } },
      }),
  },
  others: { state: 'fail', inject: (world, { installedBy }) => (installedBy === 'operator' ? unbuildable(world) : tokenless(world)) },
  loop: { state: 'fail', inject: tugOfWar },
  managers: {
    state: 'fail',
    async inject({ cluster, workstation }, { child }) {
      const { apiVersion, kind, namespace: at = '', name } = child
      const labelled = parseObject({ apiVersion, kind, metadata: { namespace: at, name, labels: { by: 'hand' } } })
      await cluster.apply(labelled, { manager: 'kubectl-edit' })
      const undo = async (): Promise<void> => {
        const { code, stderr } = await workstation.run('health-check', '--fix', '--yes')
        if (code !== 0) throw new Error(stderr)
      }
      return { object: nameOf(child), undo }
    },
  },
  secrets: {
    state: 'fail',
    async inject(world) {
      const spec = { type: 'generic', secretRef: { name: 'nowhere' } }
      const broken = await applied(world, '', { ...provider, metadata: { namespace, name: 'chat' }, spec })
      return { ...broken, object: `Secret ${namespace}/nowhere` }
    },
  },
  certificates: {
    state: 'fail',
    async inject(world) {
      const claims = Buffer.from(JSON.stringify({ exp: 1_500_000_000 })).toString('base64url')
      const metadata = { namespace, name: 'expired' }
      const secret = await applied(world, '', { ...kinds.secret, metadata, stringData: { token: `eyJhbGciOiJub25lIn0.${claims}.c2ln` } })
      const named = await applied(world, '', { ...provider, metadata, spec: { type: 'generic', secretRef: { name: 'expired' } } })
      return {
        object: `Secret ${namespace}/expired`,
        async undo() {
          await named.undo()
          await secret.undo()
        },
      }
    },
  },
  'network-policies': { state: 'fail', inject: (world, kind) => removed(world, kind, policy) },
  alerts: { state: 'fail', inject: alertsBreakage },
}

/** Removes what the kind's own tool then restores. */
async function removed(world: World, kind: FluxKind, ref: Ref): Promise<Broken> {
  await removeNow(world, ref)
  return { object: nameOf(ref), undo: () => kind.repair(world) }
}

async function scaledToZero({ cluster }: World, ref: Ref): Promise<Broken> {
  const scale = (replicas: number): Promise<unknown> => cluster.patch(ref, { spec: { replicas } })
  await scale(0)
  return { object: nameOf(ref), undo: () => scale(1) }
}

async function unbuildable(world: World): Promise<Broken> {
  const manifest = {
    ...fluxKinds.resourceSet,
    metadata: { namespace: 'default', name: 'lost' },
    spec: { resourcesTemplate: '<< inputs.nowhere' },
  }
  return applied(world, 'ResourceSet default/lost', manifest)
}

/** The lab has no program for notification-controller: what it would say of a Secret without a token is written in its place. */
async function tokenless(world: World): Promise<Broken> {
  const { cluster } = world
  const ref: Ref = { apiVersion: 'notification.toolkit.fluxcd.io/v1', kind: 'Receiver', namespace: 'default', name: 'hook' }
  const secret: Ref = { ...kinds.secret, namespace: 'default', name: 'hook' }
  await cluster.apply(manifestOf(secret))
  await cluster.apply(
    manifestOf(ref, { spec: { type: 'generic', secretRef: { name: 'hook' }, resources: [{ kind: 'Bucket', name: 'any' }] } }),
  )
  const message = "invalid token secret 'default/hook': invalid 'token' field"
  const condition = { type: 'Ready', status: 'False', reason: 'TokenNotFound', message, observedGeneration: 1 }
  await cluster.patch(ref, { status: { conditions: [{ ...condition, lastTransitionTime: new Date().toISOString() }] } }, 'status')
  return {
    object: 'Receiver default/hook',
    async undo() {
      await removeNow(world, ref)
      await removeNow(world, secret)
    },
  }
}
