import { stringify } from 'yaml'
import { tarArchive } from './tar-archive.ts'
import type { Artifact } from './push-artifact.ts'

/** Helm's own types of a chart in a registry. */
const chartConfig = 'application/vnd.cncf.helm.config.v1+json'
export const chartLayer = 'application/vnd.cncf.helm.chart.content.v1.tar+gzip'

/** What `flux push artifact` gives what it pushes. */
const fluxConfig = 'application/vnd.cncf.flux.config.v1+json'
export const fluxLayer = 'application/vnd.cncf.flux.content.v1.tar+gzip'

/**
 * The files of a chart that stands in for one that cannot be fetched: one Deployment of the release's name, which the lab's node holds Ready. It
 * takes any values, and checks none.
 */
export function stubChart(name: string, version: string): Record<string, string> {
  const labels = { 'app.kubernetes.io/name': name, 'app.kubernetes.io/instance': '{{ .Release.Name }}' }
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: '{{ .Release.Name }}', labels },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: 'stand-in', image: `stand-ins/${name.toLowerCase()}:${version.replaceAll('+', '_')}` }] },
      },
    },
  }
  const chart = { apiVersion: 'v2', name, version, description: "The lab's stand-in for a chart that it cannot fetch" }
  return { 'Chart.yaml': stringify(chart), 'templates/deployment.yaml': stringify(deployment, { lineWidth: 0 }) }
}

/** The same as an artifact of the lab's registry. */
export function chartArtifact(repository: string, tag: string, mediaType = chartLayer): Artifact {
  const name = repository.split('/').at(-1) ?? repository
  const version = /^v?\d+\.\d+\.\d+/.test(tag) ? tag : '1.0.0'
  const files = Object.entries(stubChart(name, version)).map(([path, text]) => [`${name}/${path}`, text])
  return {
    repository,
    tag,
    config: { mediaType: chartConfig, content: JSON.stringify({ apiVersion: 'v2', name, version }) },
    layer: { mediaType, content: tarArchive(Object.fromEntries(files)) },
  }
}

/** One ConfigMap, which says what it stands for: manifests that cannot be fetched. */
export function stubManifests(name: string, of: string, namespace: string): string {
  return stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data: { 'stands-in-for': of } })
}

/** Manifests as an artifact of the lab's registry. */
export function manifestsArtifact(
  repository: string,
  tag: string,
  files: Readonly<Record<string, string>>,
  mediaType = fluxLayer,
): Artifact {
  return {
    repository,
    tag,
    config: { mediaType: fluxConfig, content: '{}' },
    layer: { mediaType, content: tarArchive(files) },
  }
}
