import type { Cluster } from '../lib/kubernetes/client.ts'
import { type KubeObject, parseObject, refOf } from '../lib/kubernetes/objects.ts'
import { fluxKinds } from '../lib/flux/kinds.ts'

/** The namespaces they are spread over. */
const namespaces = 20

/**
 * Fills a cluster with Flux objects that look as a working fleet's do, with status and inventory: of ten, four Kustomizations, three
 * HelmReleases, two GitRepositories and one OCIRepository. They are suspended, so that no controller works while others are timed.
 * @param from how many are there already
 */
export async function fill(cluster: Cluster, from: number, count: number, progress: (done: number) => void): Promise<void> {
  for (let at = 0; at < namespaces; at++)
    await cluster.apply(object({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: `team-${at}` } }))
  let next = from
  const work = async (): Promise<void> => {
    while (next < count) {
      const at = next++
      const { spec, status } = bodyOf(at)
      const applied = await cluster.apply(object(spec))
      await cluster.patch(refOf(applied), { status }, 'status')
      if (at % 100 === 0) progress(at)
    }
  }
  await Promise.all(Array.from({ length: 32 }, work))
}

function object(value: object): KubeObject {
  return parseObject(value)
}

const now = '2026-01-02T03:04:05Z'
const revision = 'main@sha1:0123456789abcdef0123456789abcdef01234567'

function bodyOf(at: number): { spec: object; status: object } {
  const metadata = { name: `app-${at}`, namespace: `team-${at % namespaces}`, labels: { team: `team-${at % namespaces}` } }
  const ready = (message: string) => ({
    observedGeneration: 1,
    conditions: [{ type: 'Ready', status: 'True', reason: 'Succeeded', message, lastTransitionTime: now, observedGeneration: 1 }],
  })
  const artifact = {
    url: `http://source-controller.flux-system.svc.cluster.local./${at}.tar.gz`,
    path: `${at}.tar.gz`,
    revision,
    digest: `sha256:${'0'.repeat(64)}`,
    lastUpdateTime: now,
    size: 12_345,
  }
  const source = `app-${at - (at % 10) + 7}`
  const entries = Array.from({ length: 8 }, (_, entry) => ({ id: `${metadata.namespace}_app-${at}-${entry}_apps_Deployment`, v: 'v1' }))
  switch (at % 10) {
    case 0:
    case 1:
    case 2:
    case 3:
      return {
        spec: {
          ...fluxKinds.kustomization,
          metadata,
          spec: {
            suspend: true,
            interval: '10m',
            prune: true,
            path: `./apps/${at}`,
            sourceRef: { kind: 'GitRepository', name: source, namespace: `team-${(at - (at % 10) + 7) % namespaces}` },
            postBuild: { substitute: { cluster: 'infra', team: metadata.namespace } },
          },
        },
        status: {
          ...ready(`Applied revision: ${revision}`),
          lastAppliedRevision: revision,
          lastAttemptedRevision: revision,
          inventory: { entries },
        },
      }
    case 4:
    case 5:
    case 6:
      return {
        spec: {
          ...fluxKinds.helmRelease,
          metadata,
          spec: {
            suspend: true,
            interval: '30m',
            chartRef: { kind: 'OCIRepository', name: `app-${at - (at % 10) + 9}`, namespace: `team-${(at - (at % 10) + 9) % namespaces}` },
            values: {
              replicas: 2,
              image: { repository: 'registry.example.com/app', tag: '1.2.3' },
              ingress: { enabled: true, hosts: ['app.example.com'] },
            },
          },
        },
        status: {
          ...ready(`Helm upgrade succeeded for release ${metadata.namespace}/app-${at}.v3 with chart app@1.2.3`),
          history: [1, 2, 3].map((version) => ({
            name: `app-${at}`,
            namespace: metadata.namespace,
            chartName: 'app',
            chartVersion: `1.2.${version}`,
            configDigest: `sha256:${'1'.repeat(64)}`,
            digest: `sha256:${'2'.repeat(64)}`,
            firstDeployed: now,
            lastDeployed: now,
            status: version === 3 ? 'deployed' : 'superseded',
            version,
          })),
        },
      }
    case 7:
    case 8:
      return {
        spec: {
          ...fluxKinds.gitRepository,
          metadata,
          spec: { suspend: true, interval: '5m', url: `https://git.example.com/team/app-${at}.git`, ref: { branch: 'main' } },
        },
        status: { ...ready(`stored artifact for revision '${revision}'`), artifact },
      }
    default:
      return {
        spec: {
          ...fluxKinds.ociRepository,
          metadata,
          spec: { suspend: true, interval: '5m', url: `oci://registry.example.com/charts/app-${at}`, ref: { tag: '1.2.3' } },
        },
        status: { ...ready(`stored artifact for digest '1.2.3@sha256:${'3'.repeat(64)}'`), artifact },
      }
  }
}
