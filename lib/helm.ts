import { join } from 'node:path'
import { stringify } from 'yaml'
import type { KubeObject } from './cluster/objects.ts'
import { complaintOf, shell } from './command.ts'
import { childEnvironment } from './environment.ts'
import { OperatorError } from './errors.ts'
import { type Chart, parseObjects } from './tree.ts'

/**
 * Renders a chart as Git's HelmRelease will: its version, its values, without hooks, with Helm's own marks of ownership, so that
 * helm-controller's first release finds every object exactly as it wants it.
 * @param folder a folder for helm's caches and the chart; nothing is written elsewhere
 * @throws OperatorError `blocked` where the registry cannot be reached, lacks the version, or the values don't fit
 */
export async function renderChart(
  helm: string,
  chart: Chart,
  folder: string,
  kubeVersion: string,
  signal: AbortSignal,
): Promise<KubeObject[]> {
  const home = join(folder, 'helm')
  const env = childEnvironment({ HELM_CACHE_HOME: home, HELM_CONFIG_HOME: home, HELM_DATA_HOME: home })
  const $ = shell(env, { signal, input: stringify(chart.values) })
  const plain = chart.insecure ? ['--plain-http'] : []
  const wanted = ['--version', chart.version, '--namespace', chart.namespace, '--kube-version', kubeVersion]
  const output = await $`${helm} template ${chart.releaseName} ${chart.url} ${wanted} ${plain} --no-hooks --values -`.catch(
    (error: unknown) => {
      throw new OperatorError(`chart ${chart.url} ${chart.version} cannot be rendered: ${complaintOf(error)}`, {
        kind: 'blocked',
        remedy: `helm show chart ${chart.url} --version ${chart.version}`,
      })
    },
  )
  return parseObjects(output.stdout).map((object) => ownedByHelm(object, chart))
}

/** What Helm adds to each object of a release (helm/helm pkg/action/validate.go, setMetadataVisitor). */
function ownedByHelm(object: KubeObject, chart: Chart): KubeObject {
  const { labels, annotations, ...metadata } = object.metadata
  return {
    ...object,
    metadata: {
      ...metadata,
      labels: { ...labels, 'app.kubernetes.io/managed-by': 'Helm' },
      annotations: {
        ...annotations,
        'meta.helm.sh/release-name': chart.releaseName,
        'meta.helm.sh/release-namespace': chart.namespace,
      },
    },
  }
}
