import * as v from 'valibot'
import { expect } from 'vitest'
import { stringify } from 'yaml'
import { inParallel } from '../../lib/base/parallel.ts'
import { requestedAtAnnotation } from '../../lib/flux/annotations.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds, type KubeObject, nameOf, parseObject, refOf } from '../../lib/kubernetes/objects.ts'
import { isTrue } from '../../lib/kubernetes/readiness.ts'
import type { TestLab } from '../lab/harness.ts'

const namespace = 'thousand'
const source = { ...fluxKinds.gitRepository, metadata: { namespace, name: 'source-0' } }

/** Of each kind how many; each HelmRelease has a HelmChart besides. Together a thousand, all of which Flux has work with. */
const counts = { gitRepositories: 150, ociRepositories: 50, kustomizations: 400, helmReleases: 200 }
const countedKinds = [
  fluxKinds.gitRepository,
  fluxKinds.ociRepository,
  fluxKinds.kustomization,
  fluxKinds.helmRelease,
  { apiVersion: fluxKinds.gitRepository.apiVersion, kind: 'HelmChart' },
]

/** Makes a thousand objects of Flux that it really reconciles: clones, fetches, applies and releases. */
export async function makeThousand(lab: TestLab, cluster: Cluster): Promise<void> {
  await lab.change('thousand/app/all.yaml', () => [0, 1, 2, 3].map((at) => stringify(configMap(`\${name}-${at}`))).join('---\n'))
  await lab.change('thousand/chart/Chart.yaml', () => stringify({ apiVersion: 'v2', name: 'app', version: '1.0.0' }))
  await lab.change('thousand/chart/templates/all.yaml', () => stringify(configMap('{{ .Release.Name }}-release')))
  await cluster.apply(parseObject({ ...kinds.namespace, metadata: { name: namespace } }))
  const { git } = await lab.access()
  const charts = await cluster.get({ ...fluxKinds.ociRepository, namespace: 'flux-system', name: 'flux-operator' })
  const chart = v.parse(v.object({ spec: v.looseObject({}) }), charts).spec
  const sourceRef = { kind: source.kind, name: source.metadata.name }
  const objects = [
    ...many(counts.gitRepositories, fluxKinds.gitRepository, 'source', () => ({ url: git.anonymousUrl, ref: { branch: 'main' } })),
    ...many(counts.ociRepositories, fluxKinds.ociRepository, 'chart', () => chart),
    ...many(counts.kustomizations, fluxKinds.kustomization, 'app', (name) => ({
      path: './thousand/app',
      prune: true,
      targetNamespace: namespace,
      sourceRef,
      postBuild: { substitute: { name } },
    })),
    ...many(counts.helmReleases, fluxKinds.helmRelease, 'release', () => ({ chart: { spec: { chart: './thousand/chart', sourceRef } } })),
  ]
  await inParallel(objects, 16, (object) => cluster.create(object))
}

function many(count: number, kind: object, prefix: string, spec: (name: string) => object): KubeObject[] {
  return Array.from({ length: count }, (_, at) => {
    const name = `${prefix}-${at}`
    return parseObject({ ...kind, metadata: { namespace, name }, spec: { ...spec(name), interval: '10m' } })
  })
}

function configMap(name: string): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { text: 'x'.repeat(500) } }
}

/** Waits until there are a thousand and all of them are Ready. */
export async function untilReady(cluster: Cluster): Promise<void> {
  await until(cluster, (object) => isTrue(object, 'Ready'))
}

/** Has Flux reconcile all of them now, and waits until it has. */
export async function reconcileAll(cluster: Cluster): Promise<void> {
  const now = new Date().toISOString()
  const annotations = { [requestedAtAnnotation]: now }
  await inParallel(await listAll(cluster), 16, (object) => cluster.patch(refOf(object), { metadata: { annotations } }))
  const schema = v.object({ status: v.object({ lastHandledReconcileAt: v.optional(v.string(), '') }) })
  await until(cluster, (object) => isTrue(object, 'Ready') && v.parse(schema, object).status.lastHandledReconcileAt === now)
}

async function until(cluster: Cluster, isDone: (object: KubeObject) => boolean): Promise<void> {
  const left = async (): Promise<string[]> => {
    const all = await listAll(cluster)
    const waiting = all.filter((object) => !isDone(object)).map((object) => nameOf(refOf(object)))
    return all.length < 1000 ? [`${all.length} of 1000 are there`, ...waiting] : waiting
  }
  await expect.poll(left, { timeout: 1_200_000, interval: 5000 }).toEqual([])
}

async function listAll(cluster: Cluster): Promise<KubeObject[]> {
  return (await Promise.all(countedKinds.map((kind) => cluster.list(kind, { namespace })))).flat()
}
