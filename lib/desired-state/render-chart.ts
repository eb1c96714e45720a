import { showDuration } from '../base/duration.ts'
import { printable } from '../base/shell-line.ts'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { stringify } from 'yaml'
import { yamlDocuments } from '../base/yaml.ts'
import type { KubeObject } from '../kubernetes/objects.ts'
import { complaintOf, shell } from '../process/command.ts'
import { childEnvironment } from '../process/environment.ts'
import { OperatorError } from '../base/errors.ts'
import { patched } from './kustomize.ts'
import { dockerConfig, isLocal, registryOf } from '../tools/registry-login.ts'
import type { Cluster } from '../kubernetes/client.ts'
import type { Session } from '../connection/session.ts'
import { parseObjects } from '../kubernetes/manifest.ts'
import { type Chart } from './chart.ts'
import { composeValues } from './chart-values.ts'
import { appliedBy, appLabels } from '../flux/labels.ts'

/** How long helm may take to fetch a chart and to render it: it waits forever for a registry that says nothing, and renders without an end. */
const patience = 3 * 60_000

/** What of a session it takes to render a chart. */
interface Renderer extends Pick<Session, 'tools' | 'registry' | 'folder'> {
  readonly cluster: Pick<Cluster, 'get' | 'signal'>
}

/**
 * Renders a chart as Git's HelmRelease will: its version, its values, wherever they come from, and patches, without hooks, with Helm's own marks of ownership,
 * so that helm-controller's first release finds every object exactly as it wants it.
 * Nothing is written but in the session's folder.
 * @throws OperatorError `blocked` where the registry cannot be reached, lacks the version, or the values don't fit
 */
export async function renderChart(
  { tools, registry, folder, cluster }: Renderer,
  chart: Chart,
  kubeVersion: string,
): Promise<KubeObject[]> {
  const { helm } = tools
  const { signal } = cluster
  const values = await composeValues(cluster, `HelmRelease ${chart.name}`, chart.values, chart.valuesFrom)
  const home = await mkdtemp(join(folder(), 'helm-')) // one run may render it with two versions of Flux
  const login = dockerConfig(registry, chart.url)
  // Over http it goes to this machine alone, whatever Git says.
  const isExposed = login !== undefined && chart.insecure && !isLocal(registryOf(chart.url))
  if (login !== undefined && !isExposed) await writeFile(join(home, 'login.json'), login, { mode: 0o600 })
  const env = childEnvironment({
    HELM_CACHE_HOME: home,
    HELM_CONFIG_HOME: home,
    HELM_DATA_HOME: home,
    HELM_REGISTRY_CONFIG: join(home, 'login.json'),
  })
  const late = AbortSignal.timeout(patience)
  const failed = (what: string, waitedFor: string) => (error: unknown) => {
    signal.throwIfAborted()
    const complaint = late.aborted ? `${waitedFor} within ${showDuration(patience)}` : complaintOf(error)
    throw new OperatorError(`chart ${chart.url} ${chart.version} cannot be ${what}: ${complaint}`, {
      kind: 'blocked',
      remedy: remedyFor(complaint, isExposed) ?? printable(['helm', 'show', 'chart', chart.url, '--version', chart.version]),
    })
  }
  const $ = shell(env, { signal: AbortSignal.any([signal, late]) })
  const trust = [...(chart.insecure ? ['--plain-http'] : []), ...(registry.caFile === undefined ? [] : ['--ca-file', registry.caFile])]
  // What Git names comes after --: it is never a flag, of which helm has some that run a program (--post-renderer).
  const isByDigest = chart.version === '' && chart.digest !== undefined
  const from = [...(isByDigest ? [] : [`--version=${chart.version}`]), ...trust, '--untar', '--untardir', home]
  const what = isByDigest ? `${chart.url}@${chart.digest}` : chart.url
  const pulled = await $`${helm} pull ${from} -- ${what}`.catch(failed('pulled', `${registryOf(chart.url)} has not sent it`))
  verifyDigest(chart, pulled, helm)
  const files = join(home, basename(chart.url))
  if (chart.tracksDigest) await trackDigest(files, digestIn(pulled, helm, chart))
  const wanted = [`--namespace=${chart.namespace}`, '--kube-version', kubeVersion, '--no-hooks', '--values', '-']
  const output = await $({ input: stringify(values) })`${helm} template ${wanted} -- ${chart.releaseName} ${files}`.catch(
    failed('rendered', 'helm has not finished'),
  )
  const rendered =
    chart.patches.length === 0 ? output.stdout : await postRendered(tools, output.stdout, chart, { within: folder(), signal })
  return parseObjects(rendered).map((object) => ownedByHelm(object, chart))
}

/** Throws where a tag that Git pins by digest has moved: Flux takes what has the digest, and this would be something else. */
export function verifyDigest(chart: Chart, pulled: { stdout: string; stderr: string }, helm: string): void {
  if (chart.digest === undefined || chart.version === '') return
  const digest = `sha256:${digestIn(pulled, helm, chart)}`
  if (digest === chart.digest) return
  throw new OperatorError(`chart ${chart.url} ${chart.version} has the digest ${digest} now, and Git pins ${chart.digest}`, {
    kind: 'blocked',
    remedy: 'find out who moved the tag; then pin the right digest, push, and run again',
  })
}

/** What to do about a registry that is not trusted, or does not let us in. */
function remedyFor(complaint: string, isExposed: boolean): string | undefined {
  if (isExposed)
    return "the registry's login is not sent over http: serve it over https, and remove insecure: true from the OCIRepository in Git"
  if (/x509|certificate/i.test(complaint))
    return "name the file with the registry's certificate authority in REGISTRY_CA_FILE (.env.example)"
  if (/\b40[13]\b|unauthorized|denied/i.test(complaint)) return 'check REGISTRY_USERNAME and REGISTRY_PASSWORD (.env.example)'
  return undefined
}

/**
 * The digest of the manifest that `helm pull` fetched, the one that source-controller puts into an OCIRepository's revision (getRevision).
 * helm 3.10.2 to 4.2.0 print it on stderr, older and newer ones on stdout (helm/helm pkg/registry/client.go, ClientOptWriter).
 */
export function digestIn({ stdout, stderr }: { stdout: string; stderr: string }, helm: string, { url, version }: Chart): string {
  const digest = /^Digest:\s*sha256:([0-9a-f]{64})\s*$/m.exec(`${stdout}\n${stderr}`)?.[1]
  if (digest !== undefined) return digest
  const said = `${stdout}\n${stderr}`.trim()
  throw new OperatorError(`${helm} pull did not print the digest of ${url} ${version}, which Flux adds to the chart's version: ${said}`, {
    kind: 'blocked',
    remedy: `${helm} version; any release of helm 3.10 or newer prints it`,
  })
}

/**
 * helm-controller adds the artifact's digest to the version of a chart from OCI, so that a tag that moved is a new release
 * (helm-controller internal/controller, mutateChartWithSourceRevision). The version stands in labels: without it the first release would
 * change every object. Its feature gate DisableChartDigestTracking turns that off.
 */
async function trackDigest(files: string, digest: string): Promise<void> {
  const path = join(files, 'Chart.yaml')
  const [chart] = yamlDocuments(await readFile(path, 'utf8'))
  if (chart === undefined || chart.errors.length > 0) return // helm says it better
  chart.set('version', `${String(chart.get('version')).split('+')[0]}+${digest.slice(0, 12)}`)
  await writeFile(path, chart.toString())
}

/** Lays the postRenderers' patches over the rendered chart, as helm-controller does (internal/postrender/kustomize.go). */
async function postRendered(
  { kubectl }: Session['tools'],
  rendered: string,
  chart: Chart,
  where: { within: string; signal: AbortSignal },
): Promise<string> {
  return patched(kubectl, rendered, chart.patches, where).catch((error: unknown) => {
    throw new OperatorError(`the postRenderers of HelmRelease ${chart.name} do not fit its chart ${chart.version}: ${complaintOf(error)}`, {
      kind: 'blocked',
      remedy: 'fix them in Git, push, and run again',
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
        [appLabels.managedBy]: 'Helm',
        [appliedBy.helmRelease.name]: chart.name,
        [appliedBy.helmRelease.namespace]: chart.namespace,
      },
      annotations: {
        ...annotations,
        'meta.helm.sh/release-name': chart.releaseName,
        'meta.helm.sh/release-namespace': chart.namespace,
      },
    },
  }
}
