import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { projectRoot } from '../../../../../lib/base/paths.ts'
import { conductorJob, waveJob, workManifest } from '../../../../../lib/commands/fleet/kubernetes/manifests.ts'
import { conductorName, objectName, standing, fleetNamespace, waveJobName } from '../../../../../lib/commands/fleet/kubernetes/names.ts'

const runId = '20261130T053721123Z-fleet-health-check'
const run = { namespace: 'flux-runbook', runId, image: 'registry.example.com/flux-runbook:0.1.0' }
const clusters = ['infra', 'apps', 'edge'].map((name) => ({
  name,
  context: `c-${name}`,
  cluster: undefined,
  kubeconfigSecret: `${name}-kubeconfig`,
  line: 1,
}))
const owner = { name: 'conductor', uid: '1' }
const wave = { name: 'rest', parallel: 2, soakMs: 0, maxFailures: 1, clusters }

const objectSchema = v.looseObject({})
const podSchema = v.object({
  spec: v.object({
    template: v.object({
      spec: v.looseObject({
        serviceAccountName: v.string(),
        automountServiceAccountToken: v.boolean(),
        securityContext: objectSchema,
        containers: v.tuple([v.looseObject({ args: v.array(v.string()), securityContext: objectSchema })]),
        volumes: v.array(v.looseObject({ name: v.string() })),
      }),
    }),
  }),
})
const conductor = conductorJob(run, conductorName(runId, 1), clusters)
const waves = waveJob(run, { name: waveJobName(runId, 1), owner, wave, clusters })
const podOf = (job: unknown) => v.parse(podSchema, job).spec.template.spec

describe("a wave's Job", () => {
  test('is indexed by the clusters, and leaves parallelism and failures to Kubernetes', () => {
    expect(waves).toMatchObject({
      kind: 'Job',
      metadata: { name: 'fleet-20261130t053721123z-wave-1', ownerReferences: [{ kind: 'Job', name: 'conductor', uid: '1' }] },
      spec: {
        completionMode: 'Indexed',
        completions: 3,
        parallelism: 2,
        backoffLimitPerIndex: 3,
        maxFailedIndexes: 1,
        podReplacementPolicy: 'Failed',
        podFailurePolicy: {
          rules: [
            { action: 'FailIndex', onExitCodes: { operator: 'In', values: [1, 2, 3, 4, 5, 130] } },
            { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
          ],
        },
      },
    })
  })

  test('asks for no more pods at a time, and tolerates no more failures, than it has clusters: the API refuses that', () => {
    const tolerant = { ...wave, parallel: 10, maxFailures: 10 }
    expect(waveJob(run, { name: 'x', owner, wave: tolerant, clusters })).toMatchObject({ spec: { parallelism: 3, maxFailedIndexes: 3 } })
  })

  test('gives its pods the kubeconfigs of its clusters by their names, and what they are to do', () => {
    const { volumes } = podOf(waves)
    expect(volumes.find(({ name }) => name === 'kubeconfigs')).toMatchObject({
      projected: {
        sources: clusters.map(({ name, kubeconfigSecret }) => ({
          secret: { name: kubeconfigSecret, optional: true, items: [{ key: 'value', path: name }] },
        })),
      },
    })
    expect(volumes.find(({ name }) => name === 'work')).toMatchObject({ configMap: { name: 'fleet-20261130t053721123z-wave-1' } })
    expect(workManifest(run, 'fleet-20261130t053721123z-wave-1', owner, { runId })).toMatchObject({
      kind: 'ConfigMap',
      immutable: true,
      data: { 'work.json': `{"runId":"${runId}"}` },
    })
  })
})

test.each([
  ['the conductor', conductor, standing.conductor, true, ['fleet', 'conduct', runId]],
  ['a worker', waves, standing.worker, false, ['fleet', 'work']],
] as const)(
  'the pod of %s keeps to the Pod Security Standard restricted, and has no rights that it does not need',
  (_, job, account, hasToken, args) => {
    const { securityContext, containers, serviceAccountName, automountServiceAccountToken, volumes } = podOf(job)
    expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })
    const [container] = containers
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    expect(container.args).toEqual(args)
    expect({ serviceAccountName, automountServiceAccountToken }).toEqual({
      serviceAccountName: account,
      automountServiceAccountToken: hasToken,
    })
    const allowed = ['configMap', 'emptyDir', 'persistentVolumeClaim', 'projected', 'secret']
    for (const volume of volumes) expect(allowed).toContain(Object.keys(volume).find((key) => key !== 'name'))
  },
)

test('names are short enough for Jobs whose pods have their index as a host name', () => {
  for (const name of [objectName(runId), conductorName(runId, 99), waveJobName(runId, 999)]) {
    expect(name).toMatch(/^[a-z0-9-]+$/)
    expect(`${name}-99999`.length).toBeLessThanOrEqual(63)
  }
})

test('what an administrator applies has the names that the Jobs use, and no right to read a Secret', () => {
  const documents = parseAllDocuments(readFileSync(join(projectRoot, 'kubernetes/rbac/flux-runbook-fleet.yaml'), 'utf8'))
  const schema = v.looseObject({
    kind: v.string(),
    metadata: v.looseObject({ name: v.string(), namespace: v.optional(v.string()) }),
    rules: v.optional(
      v.array(v.object({ apiGroups: v.array(v.string()), resources: v.array(v.string()), verbs: v.array(v.string()) })),
      [],
    ),
  })
  const objects = documents.map((document) => v.parse(schema, document.toJS()))
  expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
    `Namespace ${fleetNamespace}`,
    `PersistentVolumeClaim ${standing.claim}`,
    `ServiceAccount ${standing.conductor}`,
    `ServiceAccount ${standing.worker}`,
    'Role flux-runbook-fleet',
    'RoleBinding flux-runbook-fleet',
    'NetworkPolicy flux-runbook-fleet',
  ])
  for (const { metadata } of objects.slice(1)) expect(metadata.namespace).toBe(fleetNamespace)
  const rights = objects.flatMap(({ rules }) => rules)
  expect(rights.flatMap(({ resources }) => resources)).toEqual(['jobs', 'pods', 'configmaps'])
  expect(rights.flatMap(({ verbs }) => verbs)).not.toContain('delete')
})
