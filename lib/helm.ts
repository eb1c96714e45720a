import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { parseDocument, stringify } from 'yaml'
import type { KubeObject } from './cluster/objects.ts'
import { complaintOf, shell } from './command.ts'
import { childEnvironment } from './environment.ts'
import { OperatorError } from './errors.ts'
import { patched } from './kustomize.ts'
import { dockerConfig } from './registry-login.ts'
import type { Session } from './session.ts'
import { type Chart, parseObjects } from './tree.ts'

/**
 * Renders a chart as Git's HelmRelease will: its version, its values and patches, without hooks, with Helm's own marks of ownership,
 * so that helm-controller's first release finds every object exactly as it wants it.
 * Nothing is written but in the session's folder.
 * @throws OperatorError `blocked` where the registry cannot be reached, lacks the version, or the values don't fit
 */
export async function renderChart({ tools, registry, folder, cluster }: Session, chart: Chart, kubeVersion: string): Promise<KubeObject[]> {
  const { helm, kubectl } = tools
  const { signal } = cluster
  const home = join(folder, 'helm', chart.name)
  await mkdir(home, { recursive: true })
  const login = dockerConfig(registry, chart.url)
  if (login !== undefined) await writeFile(join(home, 'login.json'), login, { mode: 0o600 })
  const env = childEnvironment({
    HELM_CACHE_HOME: home,
    HELM_CONFIG_HOME: home,
    HELM_DATA_HOME: home,
    HELM_REGISTRY_CONFIG: join(home, 'login.json'),
  })
  const failed = (what: string) => (error: unknown) => {
    const complaint = complaintOf(error)
    throw new OperatorError(`chart ${chart.url} ${chart.version} cannot be ${what}: ${complaint}`, {
      kind: 'blocked',
      remedy: remedyFor(complaint) ?? `helm show chart ${chart.url} --version ${chart.version}`,
    })
  }
  const $ = shell(env, { signal })
  const trust = [...(chart.insecure ? ['--plain-http'] : []), ...(registry.caFile === undefined ? [] : ['--ca-file', registry.caFile])]
  const pulled = await $`${helm} pull ${chart.url} --version ${chart.version} ${trust} --untar --untardir ${home}`.catch(failed('pulled'))
  const files = join(home, basename(chart.url))
  await trackDigest(files, pulled.stdout)
  const wanted = ['--namespace', chart.namespace, '--kube-version', kubeVersion, '--no-hooks', '--values', '-']
  const output = await $({ input: stringify(chart.values) })`${helm} template ${chart.releaseName} ${files} ${wanted}`.catch(
    failed('rendered'),
  )
  const rendered = chart.patches.length === 0 ? output.stdout : await postRendered(kubectl, output.stdout, chart, signal)
  return parseObjects(rendered).map((object) => ownedByHelm(object, chart))
}

/** What to do about a registry that is not trusted, or does not let us in. */
function remedyFor(complaint: string): string | undefined {
  if (/x509|certificate/i.test(complaint))
    return "name the file with the registry's certificate authority in REGISTRY_CA_FILE (.env.example)"
  if (/\b40[13]\b|unauthorized|denied/i.test(complaint)) return 'check REGISTRY_USERNAME and REGISTRY_PASSWORD (.env.example)'
  return undefined
}

/**
 * helm-controller adds the artifact's digest to the version of a chart from OCI, so that a tag that moved is a new release
 * (helm-controller internal/controller, mutateChartWithSourceRevision). The version stands in labels: without it the first release would
 * change every object.
 */
async function trackDigest(files: string, pulled: string): Promise<void> {
  const digest = /sha256:([0-9a-f]{12})/.exec(pulled)?.[1]
  if (digest === undefined) throw new OperatorError(`helm pull did not tell the digest of ${basename(files)}: ${pulled.trim()}`)
  const path = join(files, 'Chart.yaml')
  const chart = parseDocument(await readFile(path, 'utf8'))
  chart.set('version', `${String(chart.get('version')).split('+')[0]}+${digest}`)
  await writeFile(path, chart.toString())
}

/** Lays the postRenderers' patches over the rendered chart, as helm-controller does (internal/postrender/kustomize.go). */
async function postRendered(kubectl: string, rendered: string, chart: Chart, signal: AbortSignal): Promise<string> {
  return patched(kubectl, rendered, chart.patches, signal).catch((error: unknown) => {
    throw new OperatorError(`the postRenderers of HelmRelease ${chart.name} do not fit its chart ${chart.version}: ${complaintOf(error)}`, {
      kind: 'blocked',
      remedy: 'mend them in Git, push, and run again',
    })
  })
}

/**
 * What Helm adds to each object of a release (helm/helm pkg/action/validate.go, setMetadataVisitor), and helm-controller before it
 * (internal/postrender, origin labels).
 */
function ownedByHelm(object: KubeObject, chart: Chart): KubeObject {
  const { labels, annotations, ...metadata } = object.metadata
  return {
    ...object,
    metadata: {
      ...metadata,
      labels: {
        ...labels,
        'app.kubernetes.io/managed-by': 'Helm',
        'helm.toolkit.fluxcd.io/name': chart.name,
        'helm.toolkit.fluxcd.io/namespace': chart.namespace,
      },
      annotations: {
        ...annotations,
        'meta.helm.sh/release-name': chart.releaseName,
        'meta.helm.sh/release-namespace': chart.namespace,
      },
    },
  }
}
