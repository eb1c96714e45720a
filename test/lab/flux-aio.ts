import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { parseAllDocuments, stringify } from 'yaml'
import { appLabels } from '../../lib/flux/labels.ts'
import { namespace } from './older-flux.ts'
import type { OtherTreeLab } from './other-trees.ts'

/** What flux-aio labels all it makes with, and selects its pods by. */
const selected = { [appLabels.name]: 'flux' }
const labels = { ...selected, [appLabels.version]: 'v2.9.5', [appLabels.partOf]: 'flux', [appLabels.managedBy]: 'timoni' }

/** The ports of each controller in flux-aio's pod, where all share one network: health, and what else it serves. */
const ports: Readonly<Record<string, { readonly metrics: number; readonly health: number; readonly http?: number }>> = {
  'source-controller': { metrics: 9791, health: 9792, http: 9790 },
  'kustomize-controller': { metrics: 9793, health: 9794 },
  'helm-controller': { metrics: 9795, health: 9796 },
  'notification-controller': { metrics: 9798, health: 9799, http: 9690 },
}

/**
 * Installs Flux as flux-aio does: all controllers in one Deployment, without the host's network, its Services, account and rights, and Timoni's
 * record. A stand-in for it, made of the flux CLI's own manifests: Timoni's module cannot be downloaded here.
 */
export async function installFluxAio(lab: OtherTreeLab): Promise<void> {
  const exported = parseAllDocuments(await lab.type('flux install --export')).map((document) => v.parse(manifestSchema, document.toJS()))
  const containers = exported.filter(({ kind }) => kind === 'Deployment').map((one) => containerOf(v.parse(deploymentSchema, one)))
  const crds = exported
    .filter(({ kind }) => kind === 'CustomResourceDefinition')
    .map((crd) => ({ ...crd, metadata: { ...crd.metadata, labels } }))
  const home = mkdtempSync(join(tmpdir(), 'frb-aio-'))
  try {
    const objects = [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } },
      ...crds,
      ...parts(),
      deploymentOf(containers),
    ]
    writeFileSync(join(home, 'flux.yaml'), objects.map((object) => stringify(object)).join('---\n'))
    await lab.type(`kubectl --context lab-infra apply --server-side --field-manager=timoni --filename ${home}/flux.yaml`)
  } finally {
    rmSync(home, { recursive: true })
  }
  await lab.kubectl('--namespace', namespace, 'rollout', 'status', 'deployment/flux', '--timeout=120s')
}

const manifestSchema = v.looseObject({ kind: v.string(), metadata: v.looseObject({ name: v.string() }) })
const deploymentSchema = v.looseObject({
  metadata: v.looseObject({ name: v.string() }),
  spec: v.looseObject({
    template: v.looseObject({ spec: v.looseObject({ containers: v.tupleWithRest([v.looseObject({ image: v.string() })], v.unknown()) }) }),
  }),
})

/** A controller's container beside others, called as the controller. */
function containerOf({ metadata: { name }, spec }: v.InferOutput<typeof deploymentSchema>): object {
  const { metrics = 0, health = 0, http } = ports[name] ?? {}
  const short = name.replace(/^(.)[a-z]+-(.).*/, '$1$2')
  const named = {
    [`http-prom-${short}`]: metrics,
    [`healthz-${short}`]: health,
    ...(http === undefined ? {} : { [`http-${short}`]: http }),
  }
  const serving =
    name === 'source-controller'
      ? ['--storage-path=/data', `--storage-addr=:${http}`, '--storage-adv-addr=flux.$(RUNTIME_NAMESPACE).svc.cluster.local.']
      : []
  const probe = (path: string): object => ({ httpGet: { path, port: `healthz-${short}` } })
  return {
    name,
    image: spec.template.spec.containers[0].image,
    args: [
      '--watch-all-namespaces',
      '--log-encoding=json',
      '--enable-leader-election=false',
      `--metrics-addr=:${metrics}`,
      `--health-addr=:${health}`,
      ...serving,
    ],
    env: [{ name: 'RUNTIME_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } }],
    ports: Object.entries(named).map(([portName, containerPort]) => ({ name: portName, containerPort })),
    readinessProbe: name === 'source-controller' ? { httpGet: { path: '/', port: 'http-sc' } } : probe('/readyz'),
    livenessProbe: probe('/healthz'),
    volumeMounts: [
      { name: 'tmp', mountPath: '/tmp' },
      { name: 'data', mountPath: '/data' },
    ],
  }
}

function deploymentOf(containers: readonly object[]): object {
  const volumes = ['data', 'tmp'].map((name) => ({ name, emptyDir: {} }))
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'flux', namespace, labels },
    spec: {
      replicas: 1,
      strategy: { type: 'Recreate' },
      selector: { matchLabels: selected },
      template: {
        metadata: { labels: selected },
        spec: { serviceAccountName: 'flux', priorityClassName: 'system-cluster-critical', containers, volumes },
      },
    },
  }
}

/** What else is flux-aio's: its Services, account and rights, and what Timoni remembers it by. */
function parts(): object[] {
  const service = (name: string, targetPort: string): object => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, labels },
    spec: { selector: selected, ports: [{ name: 'http', port: 80, targetPort }] },
  })
  const rbac = 'rbac.authorization.k8s.io'
  const critical = { operator: 'In', scopeName: 'PriorityClass', values: ['system-node-critical', 'system-cluster-critical'] }
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'flux', namespace, labels } },
    {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'flux', namespace, labels },
      spec: { hard: { pods: '1000' }, scopeSelector: { matchExpressions: [critical] } },
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRole',
      metadata: { name: 'flux-view', labels: { ...labels, [`${rbac}/aggregate-to-view`]: 'true' } },
      rules: [
        { apiGroups: ['source.toolkit.fluxcd.io', 'kustomize.toolkit.fluxcd.io'], resources: ['*'], verbs: ['get', 'list', 'watch'] },
      ],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name: 'flux', labels },
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'ServiceAccount', name: 'flux', namespace }],
    },
    service('source-controller', 'http-sc'),
    service('notification-controller', 'http-nc'),
    service('webhook-receiver', 'http-nc'),
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'timoni.flux', namespace, labels: { [appLabels.name]: 'flux', [appLabels.managedBy]: 'timoni' } },
      type: 'timoni.sh/instance',
      stringData: { instance: '{}' },
    },
  ]
}
