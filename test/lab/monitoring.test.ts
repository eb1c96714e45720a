import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds, type KubeObject, nameOf } from '../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { rules, selectorsIn } from './flux-rules.ts'
import { documentOf, startLab, type TestLab } from './harness.ts'
import { type Monitor, monitoringCrds, startVictoriaMetrics } from './monitoring.ts'

const namespace = 'flux-system'
const monitor = { apiVersion: 'monitoring.coreos.com/v1', namespace } as const
let lab: TestLab
let cluster: Cluster

beforeAll(async () => {
  lab = await startLab(['infra'])
  cluster = await lab.cluster('lab-infra')
})
afterAll(() => lab.close())

/** Makes a controller reconcile an object now, rather than at its next interval. */
function requestReconcile(ref: { apiVersion: string; kind: string; name: string }): Promise<KubeObject> {
  const annotations = { 'reconcile.fluxcd.io/requestedAt': new Date().toISOString() }
  return cluster.patch({ ...ref, namespace }, { metadata: { annotations } })
}

const conditionSchema = v.object({ type: v.string(), status: v.string(), message: v.string() })
const statusSchema = v.object({ status: v.object({ conditions: v.array(conditionSchema) }) })

/** The Ready condition of one of Flux' objects. */
async function readyOf(ref: {
  apiVersion: string
  kind: string
  name: string
}): Promise<v.InferOutput<typeof conditionSchema> | undefined> {
  const found = v.safeParse(statusSchema, await cluster.get({ ...ref, namespace }))
  return found.success ? found.output.status.conditions.find(({ type }) => type === 'Ready') : undefined
}

const probesSchema = v.object({
  probes: v.array(v.object({ state: v.string(), objects: v.optional(v.array(v.object({ object: v.string() })), []) })),
})
const kustomization = { ...fluxKinds.kustomization, name: 'infra-gitops-flux-monitoring' }

test('asked for where the CRDs do not exist, it waits alone; when they come, it is there, and the operator keeps running', async () => {
  await lab.change('kubernetes/clusters/infra/kustomization.yaml', (text) => text.replace('# - monitoring.yaml', '- monitoring.yaml'))
  const ended = await lab.run('bootstrap', ['--lab', '--yes'])
  expect(ended.code, ended.stderr).toBe(0)
  await expect
    .poll(() => readyOf(kustomization), { timeout: 60_000 })
    .toMatchObject({ status: 'False', message: expect.stringMatching(/no matches for kind "(PodMonitor|PrometheusRule)"/) })
  const ill = await lab.run('health-check', ['--lab', '--json'])
  expect(ill.code).toBe(1)
  const { probes } = v.parse(probesSchema, documentOf(ill))
  const objects = probes.filter(({ state }) => state === 'fail').flatMap((probe) => probe.objects)
  expect(objects).toEqual([{ object: nameOf({ ...kustomization, namespace }) }])

  const operator = { ...kinds.deployment, namespace, name: 'flux-operator' }
  const before = await cluster.get(operator)
  const crds = await monitoringCrds()
  await lab.kubectl('create', '--filename', crds)
  await lab.kubectl('wait', '--for=condition=Established', '--filename', crds)
  await requestReconcile(kustomization)
  const values = { apiVersion: 'v1', kind: 'ConfigMap', namespace, name: 'flux-operator-monitoring' }
  await expect.poll(() => cluster.get(values), { timeout: 90_000 }).toBeDefined()
  await requestReconcile({ ...fluxKinds.helmRelease, name: 'flux-operator' })
  for (const [kind, name] of [
    ['PodMonitor', 'flux-controllers'],
    ['ServiceMonitor', 'flux-operator'],
    ['PrometheusRule', 'flux'],
  ] as const) {
    const made = (): Promise<KubeObject | undefined> => cluster.get({ ...monitor, kind, name })
    await expect.poll(made, { timeout: 60_000 }).toMatchObject({ metadata: { labels: { release: 'kube-prometheus-stack' } } })
  }
  expect((await cluster.get(operator))?.metadata).toMatchObject({ uid: before?.metadata.uid, generation: before?.metadata.generation })
  const healthy = async (): Promise<number> => (await lab.run('health-check', ['--lab'])).code
  await expect.poll(healthy, { timeout: 60_000 }).toBe(0) // Flux reconciles itself every minute, and is not Ready while it does
  // The values that the ConfigMap adds are those that bootstrap renders with: the ServiceMonitor too.
  const again = await lab.run('bootstrap', ['--lab', '--yes', '--json'])
  expect(documentOf(again), again.stderr).toMatchObject({ outcome: 'unchanged' })
})

const podSchema = v.object({
  spec: v.object({
    containers: v.array(
      v.object({ ports: v.optional(v.array(v.object({ name: v.optional(v.string()), containerPort: v.number() })), []) }),
    ),
  }),
})
const podMonitorSchema = v.object({
  spec: v.object({
    selector: v.object({ matchLabels: v.record(v.string(), v.string()) }),
    podMetricsEndpoints: v.tuple([
      v.object({ port: v.string(), relabelings: v.tuple([v.object({ sourceLabels: v.tuple([v.string()]), targetLabel: v.string() })]) }),
    ]),
  }),
})
const serviceMonitorSchema = v.object({ spec: v.object({ selector: v.object({ matchLabels: v.record(v.string(), v.string()) }) }) })

const fits = (object: KubeObject, wanted: Record<string, string>): boolean =>
  Object.entries(wanted).every(([label, value]) => object.metadata.labels[label] === value)

/** What the Prometheus Operator would make of the PodMonitor and the ServiceMonitor, for processes without a network of pods. */
async function scraping(): Promise<string> {
  const { labStatus } = await import('../../lab/client.ts')
  const { processes } = (await labStatus()) ?? { processes: [] }
  const { selector, podMetricsEndpoints } = v.parse(
    podMonitorSchema,
    await cluster.get({ ...monitor, kind: 'PodMonitor', name: 'flux-controllers' }),
  ).spec
  const [
    {
      port,
      relabelings: [relabeling],
    },
  ] = podMetricsEndpoints
  expect(relabeling).toMatchObject({ sourceLabels: ['__meta_kubernetes_pod_label_app'] })
  const pods = await cluster.list(kinds.pod, { namespace })
  const chosen = pods.filter((pod) => fits(pod, selector.matchLabels))
  for (const pod of chosen) expect(v.parse(podSchema, pod).spec.containers[0]?.ports).toContainEqual({ name: port, containerPort: 8080 })
  const service = v.parse(serviceMonitorSchema, await cluster.get({ ...monitor, kind: 'ServiceMonitor', name: 'flux-operator' })).spec
    .selector
  const services = (await cluster.list({ apiVersion: 'v1', kind: 'Service' }, { namespace })).filter((one) =>
    fits(one, service.matchLabels),
  )
  expect(services.map(({ metadata }) => metadata.name)).toEqual(['flux-operator'])
  const targetOf = (pod: KubeObject, labels: Record<string, string>): unknown[] => {
    const metrics = processes.find(({ name }) => name.startsWith(`${namespace}/${pod.metadata.name}/`))?.ports.metrics
    return metrics === undefined ? [] : [{ targets: [`127.0.0.1:${metrics}`], labels: { namespace, pod: pod.metadata.name, ...labels } }]
  }
  const controllers = chosen.flatMap((pod) => targetOf(pod, { [relabeling.targetLabel]: pod.metadata.labels.app ?? '' }))
  const operators = pods.filter(({ metadata }) => metadata.name.startsWith('flux-operator-')).flatMap((pod) => targetOf(pod, {}))
  return stringify({
    global: { scrape_interval: '1s' },
    scrape_configs: [
      { job_name: `${namespace}/flux-controllers`, static_configs: controllers },
      { job_name: 'flux-operator', static_configs: operators },
    ],
  })
}

const answerSchema = v.object({ data: v.object({ result: v.array(v.object({ metric: v.record(v.string(), v.string()) })) }) })
const seriesSchema = v.object({ data: v.array(v.record(v.string(), v.string())) })

test('every metric and label of the rules is on the real endpoints, and a real VictoriaMetrics answers each query of the documents', async () => {
  const spec = { interval: '1m', timeout: '30s', prune: true, sourceRef: { kind: 'GitRepository', name: 'flux-system' }, path: './nowhere' }
  const release = { interval: '1m', chartRef: { kind: 'OCIRepository', name: 'nobody' } }
  for (const object of [
    { ...fluxKinds.kustomization, metadata: { name: 'broken', namespace }, spec },
    { ...fluxKinds.kustomization, metadata: { name: 'suspended', namespace }, spec: { ...spec, suspend: true } },
    { ...fluxKinds.helmRelease, metadata: { name: 'broken', namespace }, spec: release },
  ]) {
    await cluster.apply({ ...object, metadata: { ...object.metadata, labels: {}, annotations: {}, finalizers: [], managedFields: [] } })
  }
  for (const kind of [fluxKinds.kustomization, fluxKinds.helmRelease]) {
    await expect.poll(() => readyOf({ ...kind, name: 'broken' }), { timeout: 60_000 }).toMatchObject({ status: 'False' })
  }
  const victoria: Monitor = await startVictoriaMetrics(await scraping())
  try {
    const ask = async (query: string): Promise<Record<string, string>[]> =>
      v.parse(answerSchema, await victoria.get(`/api/v1/query?query=${encodeURIComponent(query)}`)).data.result.map(({ metric }) => metric)
    const namesIn = async (query: string): Promise<(string | undefined)[]> =>
      (await ask(query)).map(({ name, component }) => name ?? component)

    const annotations = { 'fluxcd.controlplane.io/reconcile': 'disabled' }
    await cluster.patch({ ...fluxKinds.fluxInstance, namespace, name: 'flux' }, { metadata: { annotations } })
    await requestReconcile({ apiVersion: fluxKinds.fluxInstance.apiVersion, kind: 'FluxReport', name: 'flux' })
    await expect.poll(() => namesIn('flux_instance_info{suspended="True"}'), { timeout: 60_000 }).toEqual(['flux'])
    await expect.poll(() => namesIn('flux_resource_info{suspended="True"}'), { timeout: 60_000 }).toEqual(['suspended'])
    expect(await namesIn('up{namespace="flux-system"} == 1')).toHaveLength(4)

    for (const { alert, expr } of rules) {
      const selectors = selectorsIn(expr)
      expect(selectors, alert).not.toEqual([])
      for (const { metric, labels } of selectors) {
        const series = v.parse(seriesSchema, await victoria.get(`/api/v1/series?match[]=${metric}`)).data
        expect(Object.keys(Object.assign({}, ...series)), `${alert}: ${metric}`).toEqual(expect.arrayContaining([...labels, 'namespace']))
      }
    }
    const firing = async (alert: string): Promise<(string | undefined)[]> => namesIn(rules.find((rule) => rule.alert === alert)?.expr ?? '')
    expect(await firing('FluxKustomizationSyncFailures')).toEqual(['broken'])
    expect(await firing('FluxHelmReleaseFailures')).toEqual(['broken'])
    expect(await firing('FluxInstanceSuspended')).toEqual(['flux'])
    expect(await firing('FluxControllerDown')).toEqual(['notification-controller']) // a stand-in, without metrics
    for (const alert of ['FluxOperatorDown', 'FluxInstanceMissing', 'FluxInstanceNotReady']) expect(await firing(alert), alert).toEqual([])

    const queries = [...readFileSync('docs/monitoring.md', 'utf8').matchAll(/```promql\n([^]*?)```/g)].map(([, query = '']) => query)
    expect(queries.length).toBeGreaterThan(8)
    for (const query of queries) expect(await ask(query), query).not.toEqual([])
    // The runbook's ask for trouble, of which there may be none: without their conditions they have an answer too.
    const asked = [...readFileSync('docs/runbooks/flux-self-management.md', 'utf8').matchAll(/```promql\n([^]*?)```/g)]
      .flatMap(([, block = '']) => block.split('\n'))
      .filter((line) => line !== '')
    expect(asked.length).toBeGreaterThan(5)
    for (const query of asked) {
      await ask(query)
      expect(await ask(query.replaceAll(/\{[^}]*\}/g, '').replace(/ > \d+$/, '')), query).not.toEqual([])
    }
  } finally {
    await victoria.close()
  }
})
